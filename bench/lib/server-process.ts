// The control plane of a benchmark, as a process of its own, with what it costs in CPU and memory.
import { type ChildProcess, spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

export interface ServerProcess {
  /** HOST:PORT of the xDS server. */
  readonly grpc: string;
  /** From the start of the process until it was ready. */
  readonly startMs: number;
  /** User and system time of the process and its threads so far. */
  cpuMs(): number;
  /** Highest resident memory so far. */
  peakMiB(): number;
  stop(): Promise<void>;
}

const MAIN = fileURLToPath(new URL("../../src/main/main.js", import.meta.url));
const READY_TIMEOUT_MS = 60_000;

/** `nodeArgs` are for Node itself, such as --cpu-prof. */
export async function startServer(folder: string, nodeArgs: readonly string[] = []): Promise<ServerProcess> {
  const args = [
    ...[...nodeArgs, MAIN, "discovery", "--registries="],
    ...["--configDir", path.join(folder, "config"), "--meshConfig", path.join(folder, "mesh.yaml")],
    ...["--grpcAddr", "127.0.0.1:0", "--httpAddr", "127.0.0.1:0", "--monitoringAddr", "127.0.0.1:0"],
    ...["--secureGRPCAddr=", "--httpsAddr=", "--shutdownDuration", "0s", "--log_as_json"],
    // Connections of proxies are no news here.
    ...["--log_output_level", "ads:warn"],
  ];
  const started = performance.now();
  const child = spawn(process.execPath, args, {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, POD_NAMESPACE: "istio-system", PILOT_MAX_REQUESTS_PER_SECOND: "100000" },
  });
  const grpc = await readyAddress(child);
  const startMs = performance.now() - started;
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  return {
    grpc,
    startMs,
    cpuMs: () => cpuMs(child.pid!),
    peakMiB: () => peakMiB(child.pid!),
    async stop() {
      child.kill("SIGTERM");
      await ended;
    },
  };
}

/** The address in the log line that says "ready". */
function readyAddress(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const timer = setTimeout(() => fail("is not ready in time"), READY_TIMEOUT_MS);
    const fail = (what: string): void => {
      clearTimeout(timer);
      child.kill("SIGKILL");
      reject(new Error(`the control plane ${what}\n${text.slice(-2000)}`));
    };
    child.once("exit", (code) => fail(`ended with status ${code}`));
    child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
      text = (text + chunk).slice(-20_000);
      const line = text.split("\n").find((one) => /"msg":"ready in /.test(one) && one.endsWith("}"));
      if (!line) return;
      clearTimeout(timer);
      child.removeAllListeners("exit");
      child.stdout?.removeAllListeners("data").resume();
      resolve((JSON.parse(line) as { grpc: string }).grpc);
    });
  });
}

/** Linux counts in steps of 10 ms. */
const TICK_MS = 10;

function cpuMs(pid: number): number {
  const stat = fs.readFileSync(`/proc/${pid}/stat`, "utf8");
  // The command in parentheses may have spaces; user and system time are the 14th and 15th fields.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

function peakMiB(pid: number): number {
  const match = /VmHWM:\s+(\d+) kB/.exec(fs.readFileSync(`/proc/${pid}/status`, "utf8"));
  return Math.round(Number(match?.[1] ?? 0) / 1024);
}
