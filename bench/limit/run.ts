// `make limit`: what a push to many streams costs when nothing is done but to write a message and to read the answers. The rest of
// what Mizzen takes (`make bench`) is its own.
//   node dist/bench/limit/run.js [--streams 1000] [--pushes 20]
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { own } from "../lib/owned.ts";
import { describeMachine, machineLine } from "../report/machine.ts";
import { distributionOf } from "../report/percentiles.ts";
import { textTable } from "../report/table.ts";
import type { FromServer, Push, ToServer, Transport } from "./server.ts";

const TRANSPORTS: readonly Transport[] = ["http2", "grpc-js"];
/** A change of endpoints. */
const MESSAGE_BYTES = 1024;
/** Of a delta proxy; and of one that repeats the names of 1,000 and of 3,000 clusters, as the state of the world has it. */
const ANSWER_BYTES = [100, 35 * 1024, 105 * 1024];
const WARM_UP = 5;

const { values } = parseArgs({
  options: { streams: { type: "string", default: "1000" }, pushes: { type: "string", default: "20" } },
});
const machine = describeMachine();
const rows: string[][] = [];
for (const transport of TRANSPORTS) {
  for (const answerBytes of ANSWER_BYTES) {
    const pushes = await measure(transport, Number(values.streams), answerBytes, Number(values.pushes));
    const cpu = distributionOf(pushes.map(({ cpuMs }) => (cpuMs * 1000) / Number(values.streams)));
    const elapsed = distributionOf(pushes.map(({ elapsedMs }) => elapsedMs));
    rows.push([
      transport,
      `${(answerBytes / 1024).toFixed(1)} KiB`,
      cpu.p50.toFixed(0),
      cpu.p90.toFixed(0),
      elapsed.p50.toFixed(0),
    ]);
  }
}
const headings = ["transport", "answer", "CPU us a stream P50", "P90", "ms until all answers P50"];
console.log([machineLine(machine()), ...textTable(headings, rows)].join("\n"));

/** Pushes to fresh processes of a server and its clients. */
async function measure(transport: Transport, streams: number, answerBytes: number, pushes: number): Promise<Push[]> {
  const [server, endServer] = start("server.js", [transport]);
  try {
    const { port } = await next(server, "listening");
    const opened = next(server, "streams", ({ count }) => count === streams);
    const [, endClient] = start("client.js", [`127.0.0.1:${port}`, String(streams), String(answerBytes)]);
    try {
      await opened;
      const out: Push[] = [];
      for (let i = 0; i < WARM_UP + pushes; i++) {
        const done = next(server, "pushed");
        server.send({ tag: "push", bytes: MESSAGE_BYTES } satisfies ToServer);
        out.push(await done);
      }
      return out.slice(WARM_UP);
    } finally {
      await endClient();
    }
  } finally {
    await endServer();
  }
}

function start(module: string, args: readonly string[]): [ChildProcess, () => Promise<void>] {
  const child = fork(fileURLToPath(new URL(module, import.meta.url)), args, {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const release = own(() => child.kill("SIGKILL"));
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  return [
    child,
    async () => {
      release();
      await ended;
    },
  ];
}

type Tagged<T extends FromServer["tag"]> = Extract<FromServer, { readonly tag: T }>;

/** The next message of a kind; rejects when the process ends first. */
function next<T extends FromServer["tag"]>(
  child: ChildProcess,
  tag: T,
  wanted: (message: Tagged<T>) => boolean = () => true,
): Promise<Tagged<T>> {
  return new Promise((resolve, reject) => {
    const onExit = (): void => reject(new Error("the server ended"));
    const onMessage = (message: FromServer): void => {
      if (message.tag !== tag || !wanted(message as Tagged<T>)) return;
      child.off("exit", onExit);
      child.off("message", onMessage);
      resolve(message as Tagged<T>);
    };
    child.once("exit", onExit);
    child.on("message", onMessage);
  });
}
