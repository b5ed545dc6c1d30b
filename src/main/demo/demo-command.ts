// The command line of `mizzen demo`. Main thread.
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";

/** The compiled file is in dist/src/main/demo. */
const SAMPLE = fileURLToPath(new URL("../../../../samples/shop", import.meta.url));

interface DemoFlags {
  readonly dir: string;
  readonly envoy: boolean;
  readonly grpcAddr?: string;
  readonly httpAddr?: string;
  readonly monitoringAddr?: string;
  readonly log_output_level: string;
}

/** Adds `demo` to the program. */
export function addDemoCommand(program: Command): void {
  program
    .command("demo")
    .description("Run the shop sample: its services, a control plane on its folder, and an Envoy as the gateway.")
    .option("--dir <folder>", "the sample: a folder with mesh.yaml and config/", path.relative(process.cwd(), SAMPLE))
    .option("--no-envoy", "without an Envoy")
    .option("--grpcAddr <address>", "xDS in plain text (default: 127.0.0.1:15010)")
    .option("--httpAddr <address>", "debugging over HTTP (default: 127.0.0.1:8080)")
    .option("--monitoringAddr <address>", "metrics over HTTP (default: 127.0.0.1:15014)")
    .option("--log_output_level <levels>", "comma separated levels, as level or scope:level", "default:info")
    .action((flags: DemoFlags) => runDemo(flags));
}

/** Runs until the process is asked to stop. A second signal ends it at once. */
async function runDemo(flags: DemoFlags): Promise<void> {
  const stopped = new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      process.once(signal, () => {
        resolve();
        process.once(signal, () => process.exit(130));
      });
    }
  });
  const { startDemo } = await import("./demo.ts");
  const { grpcAddr, httpAddr, monitoringAddr } = flags;
  const print = (text: string): void => void process.stdout.write(text);
  const demo = await startDemo({
    dir: flags.dir,
    envoy: flags.envoy,
    addresses: {
      ...(grpcAddr === undefined ? {} : { grpcAddr }),
      ...(httpAddr === undefined ? {} : { httpAddr }),
      ...(monitoringAddr === undefined ? {} : { monitoringAddr }),
    },
    logLevel: flags.log_output_level,
    env: process.env,
    print,
  });
  await stopped;
  print("\nstopping …\n");
  await demo.close();
}
