// The command line: `discovery`, `demo` and `version`. Main thread.
import { Command } from "commander";
import { errorMessage, MizzenError } from "../../shared/errors.ts";
import { buildDiscoveryCommand } from "../config/discovery-flags.ts";
import type { Options } from "../config/options.ts";
import { addDemoCommand } from "../demo/demo-command.ts";
import { readVersion } from "./version.ts";

/** Runs what the arguments ask for. Throws MIZZEN_ERR_OPTIONS for arguments that can't be used. */
export async function runProgram(argv: readonly string[]): Promise<void> {
  const version = readVersion();
  const program = new Command("mizzen")
    .description("A service-mesh control plane for Istio configuration.")
    .version(version, "-V, --version", "print the version")
    .configureOutput({ outputError: () => undefined })
    .exitOverride((error) => {
      // Returning lets commander exit by itself, after --help.
      if (error.exitCode !== 0) throw new MizzenError("MIZZEN_ERR_OPTIONS", error.message);
    });
  program
    .command("version")
    .description("Print the version.")
    .option("-s, --short", "only the number")
    .option("-o, --output <form>", "yaml or json")
    .action((flags: { short?: boolean; output?: string }) => {
      process.stdout.write(`${versionText(version, flags)}\n`);
    });
  buildDiscoveryCommand(program, (options, warnings) => runDiscovery(options, warnings, version));
  addDemoCommand(program);
  await program.parseAsync(argv as string[]);
}

function versionText(version: string, flags: { short?: boolean; output?: string }): string {
  if (flags.output === "json") return JSON.stringify({ version, node: process.version }, null, 2);
  if (flags.output === "yaml") return `version: ${version}\nnode: ${process.version}`;
  if (flags.output !== undefined) throw new MizzenError("MIZZEN_ERR_OPTIONS", "--output must be yaml or json");
  return flags.short ? version : `mizzen ${version} (node ${process.version})`;
}

/** Serves until the process is asked to stop. A second signal ends it at once. */
async function runDiscovery(options: Options, warnings: readonly string[], version: string): Promise<void> {
  const [{ createLogging }, { startControlPlane }] = await Promise.all([
    import("../telemetry/log.ts"),
    import("../control-plane.ts"),
  ]);
  const logging = createLogging(options.logging);
  const log = logging("default");
  log.info({ version, node: process.version }, "starting");
  for (const warning of warnings) log.warn({}, warning);
  let started = false;
  const stopped = new Promise<string>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      process.once(signal, () => {
        // Nobody is connected yet, and a second signal means at once.
        if (!started) process.exit(130);
        process.once(signal, () => process.exit(130));
        resolve(signal);
      });
    }
  });
  const controlPlane = await startControlPlane(options, { logging, version });
  started = true;
  const reason = await Promise.race([stopped, controlPlane.failed]);
  log.info({ reason: errorMessage(reason) }, "stopping");
  await controlPlane.close();
  log.info({}, "stopped");
  if (reason instanceof MizzenError) throw reason;
}
