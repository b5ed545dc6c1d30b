// The control plane of a benchmark, as a process of its own: the same entry and flags as users have, and a probe beside it.
import { type ChildProcess, spawn } from "node:child_process";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { clockMs } from "../lib/clock.ts";
import { own } from "../lib/owned.ts";
import type { LoopDelay, ProbeAnswer, ProbeMessage, ProbeQuestion, Usage } from "./probe.ts";
import { askWorkerTasks, type WorkerTasks } from "./worker-tasks.ts";

export interface ServerProcess {
  readonly pid: number;
  /** HOST:PORT of the xDS server. */
  readonly grpc: string;
  /** From the start of the process until it was ready, milliseconds. */
  readonly startMs: number;
  watchLoop(): Promise<void>;
  loop(): Promise<LoopDelay>;
  usage(collect?: boolean): Promise<Usage>;
  killWorker(choice: number): Promise<boolean>;
  /** Since the start; undefined for revisions that don't say. */
  workerTasks(): Promise<WorkerTasks | undefined>;
  /** Resolves when the process has ended; `SIGKILL` as a crash. */
  stop(signal?: "SIGTERM" | "SIGKILL"): Promise<void>;
}

export interface ServerOptions {
  /** Has config/ and mesh.yaml. */
  readonly folder: string;
  /** The compiled `src/main/main.ts` of the tree to measure. */
  readonly main?: string;
  /** For Node itself, such as --cpu-prof. */
  readonly nodeArgs?: readonly string[];
}

/** The entry of the tree that this benchmark belongs to. */
const OWN_MAIN = fileURLToPath(new URL("../../src/main/main.js", import.meta.url));
const PROBE = new URL("./probe.js", import.meta.url).href;
const READY_TIMEOUT_MS = 120_000;
const ANSWER_TIMEOUT_MS = 60_000;

export async function startServer(options: ServerOptions): Promise<ServerProcess> {
  const { folder, main = OWN_MAIN, nodeArgs = [] } = options;
  const args = [
    ...[...nodeArgs, "--import", PROBE, main, "discovery", "--registries="],
    ...["--configDir", path.join(folder, "config"), "--meshConfig", path.join(folder, "mesh.yaml")],
    ...["--grpcAddr", "127.0.0.1:0", "--httpAddr", "127.0.0.1:0", "--monitoringAddr", "127.0.0.1:0"],
    ...["--secureGRPCAddr=", "--httpsAddr=", "--shutdownDuration", "0s", "--log_as_json"],
    // Connections of proxies, and each change, are no news here.
    ...["--log_output_level", "ads:warn"],
  ];
  const started = clockMs();
  const child = spawn(process.execPath, args, {
    stdio: ["ignore", "pipe", "inherit", "ipc"],
    // A thousand streams at once are what is measured; the default limits new ones to 25 a second.
    env: { ...process.env, POD_NAMESPACE: "istio-system", PILOT_MAX_REQUESTS_PER_SECOND: "100000" },
  });
  const release = own(() => child.kill("SIGKILL"));
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const { grpc, monitoring } = await readyAddresses(child);
  const ask = questions(child);
  return {
    pid: child.pid!,
    grpc,
    startMs: clockMs() - started,
    watchLoop: async () => void (await ask({ tag: "watch-loop" })),
    loop: async () => (await ask({ tag: "loop" })) as LoopDelay,
    usage: async (collect = false) => (await ask({ tag: "usage", collect })) as Usage,
    killWorker: async (choice) => ((await ask({ tag: "kill-worker", choice })) as { killed: boolean }).killed,
    workerTasks: async () => (monitoring ? askWorkerTasks(monitoring, ANSWER_TIMEOUT_MS) : undefined),
    async stop(signal = "SIGTERM") {
      child.kill(signal);
      await ended;
      release();
    },
  };
}

/** HOST:PORT each; older revisions may not tell all. */
interface ReadyAddresses {
  readonly grpc: string;
  readonly monitoring?: string;
}

/** The addresses in the log line that says "ready". */
function readyAddresses(child: ChildProcess): Promise<ReadyAddresses> {
  return new Promise((resolve, reject) => {
    let text = "";
    const timer = setTimeout(() => fail("is not ready in time"), READY_TIMEOUT_MS);
    const fail = (what: string): void => {
      clearTimeout(timer);
      child.kill("SIGKILL");
      reject(new Error(`the control plane ${what}\n${text.slice(-2000)}`));
    };
    const onExit = (code: number | null): void => fail(`ended with status ${code}`);
    child.once("exit", onExit);
    child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
      text = (text + chunk).slice(-20_000);
      const line = text.split("\n").find((one) => /"msg":"ready in /.test(one) && one.endsWith("}"));
      if (!line) return;
      clearTimeout(timer);
      child.off("exit", onExit);
      child.stdout?.removeAllListeners("data").resume();
      resolve(JSON.parse(line) as ReadyAddresses);
    });
  });
}

/** Asks the probe; rejects when there is no answer in time, or the process ends. */
function questions(child: ChildProcess): (question: ProbeQuestion) => Promise<ProbeAnswer> {
  let last = 0;
  const waiting = new Map<number, { resolve(answer: ProbeAnswer): void; reject(error: Error): void }>();
  child.on("message", ({ id, body }: ProbeMessage<ProbeAnswer>) => waiting.get(id)?.resolve(body));
  child.once("exit", () => {
    for (const { reject } of waiting.values()) reject(new Error("the control plane ended"));
  });
  return async (question) => {
    const id = ++last;
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<ProbeAnswer>((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        timer = setTimeout(() => reject(new Error(`no answer to "${question.tag}" in time`)), ANSWER_TIMEOUT_MS);
        child.send({ id, body: question } satisfies ProbeMessage<ProbeQuestion>);
      });
    } finally {
      clearTimeout(timer);
      waiting.delete(id);
    }
  };
}
