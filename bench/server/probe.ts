// Loaded into the control plane's process before its entry (node --import): answers the benchmark's questions about the event
// loop, CPU and memory, and kills workers when asked. The product itself runs as it is. Main thread of the server.
import { monitorEventLoopDelay } from "node:perf_hooks";
import v8 from "node:v8";
import vm from "node:vm";
import { isMainThread, type Worker } from "node:worker_threads";
import { OwnDelay } from "./own-delay.ts";

export type ProbeQuestion =
  /** Starts watching the event loop's delay anew. */
  | { readonly tag: "watch-loop" }
  | { readonly tag: "loop" }
  /** `collect` frees garbage first, so that memory is what is really held. */
  | { readonly tag: "usage"; readonly collect?: boolean }
  /** Ends one worker thread at once, as a crash would; `choice` says which, modulo their number. */
  | { readonly tag: "kill-worker"; readonly choice: number };

/** Delays beyond the time that was asked for, in milliseconds. */
export interface LoopDelay {
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  /** What is left of them without the time in which the thread waited for a core that others used. */
  readonly ownP999: number;
  readonly ownMax: number;
}

/** CPU of all threads since the start; memory of the main thread's heap, MiB. */
export interface Usage {
  readonly cpuMs: number;
  readonly heapMiB: number;
  readonly buffersMiB: number;
}

export type ProbeAnswer = LoopDelay | Usage | { readonly killed: boolean };

export interface ProbeMessage<T> {
  readonly id: number;
  readonly body: T;
}

/** How often the loop is looked at. Each look costs the server some microseconds. */
const RESOLUTION_MS = 10;
const MIB = 1 << 20;

// Worker threads load the same file.
if (isMainThread && process.send) answerQuestions();

function answerQuestions(): void {
  const workers = new Set<Worker>();
  process.on("worker", (worker: Worker) => {
    workers.add(worker);
    worker.once("exit", () => workers.delete(worker));
  });
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  const own = new OwnDelay(RESOLUTION_MS);
  const answer = async (question: ProbeQuestion): Promise<ProbeAnswer> => {
    switch (question.tag) {
      case "watch-loop":
        delay.reset();
        delay.enable();
        own.start();
        return { p99: 0, p999: 0, max: 0, ownP999: 0, ownMax: 0 };
      case "loop":
        delay.disable();
        own.stop();
        return {
          p99: beyond(delay.percentile(99)),
          p999: beyond(delay.percentile(99.9)),
          max: delay.count === 0 ? 0 : beyond(delay.max),
          ownP999: own.atMost(0.999),
          ownMax: own.atMost(1),
        };
      case "usage":
        if (question.collect) collectGarbage();
        return usage();
      case "kill-worker": {
        const worker = [...workers][question.choice % Math.max(1, workers.size)];
        await worker?.terminate();
        return { killed: worker !== undefined };
      }
    }
  };
  process.on("message", ({ id, body }: ProbeMessage<ProbeQuestion>) => {
    answer(body).then(
      (reply) => process.send?.({ id, body: reply } satisfies ProbeMessage<ProbeAnswer>),
      (error: unknown) => {
        throw error;
      },
    );
  });
  // A benchmark that is gone must not leave a server behind; and the channel alone must not keep one that was told to stop.
  process.once("disconnect", () => process.kill(process.pid, "SIGTERM"));
  process.channel?.unref();
}

function beyond(nanoseconds: number): number {
  return Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);
}

function usage(): Usage {
  const { user, system } = process.cpuUsage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return { cpuMs: (user + system) / 1000, heapMiB: heapUsed / MIB, buffersMiB: arrayBuffers / MIB };
}

let collect: (() => void) | undefined;

function collectGarbage(): void {
  if (!collect) {
    v8.setFlagsFromString("--expose-gc");
    collect = vm.runInNewContext("gc") as () => void;
  }
  // The second time frees what finalizers of the first let go.
  collect();
  collect();
}
