// Samples the thread that it runs on. Any thread; the native profiler is loaded by the first that asks for it.
import { createRequire } from "node:module";
import { errorMessage } from "../errors.ts";
import type { ProfileKind } from "../protocol/profile.ts";

/** As often as `node --cpu-prof` does about; Go samples every 10 ms. */
const CPU_INTERVAL_MICROS = 1_000;
/** Samples are kept one by one until the end, so that long profiles are sampled less often. */
const MAX_CPU_SAMPLES = 60_000;
/** The sampler's memory is for so much more than was asked for: a thread may be busy when the time is over. */
const SLACK_MS = 10_000;
const HEAP_INTERVAL_BYTES = 512 * 1024;
const HEAP_STACK_DEPTH = 64;

type Pprof = typeof import("@datadog/pprof");

/** A sampler at work. */
export interface Sampling {
  /** Ends it, once. Gives pprof's protobuf, not compressed. */
  stop(): Uint8Array;
}

const require = createRequire(import.meta.url);

/** Why profiles can't be taken here, if so: the native part is not built for every platform. */
export function samplerProblem(): string | undefined {
  try {
    load();
    return undefined;
  } catch (error) {
    return errorMessage(error);
  }
}

/** Starts sampling, for `seconds` or less. Throws when there is no native part, or when something samples already. */
export function startSampling(kind: ProfileKind, seconds: number): Sampling {
  return kind === "cpu" ? sampleCpu(load(), seconds) : sampleHeap(load());
}

/** At once and not as a promise: a worker's event loop doesn't turn between tasks. */
function load(): Pprof {
  return require("@datadog/pprof") as Pprof;
}

function sampleCpu({ time }: Pprof, seconds: number): Sampling {
  const intervalMicros = Math.max(CPU_INTERVAL_MICROS, Math.ceil((seconds * 1e6) / MAX_CPU_SAMPLES));
  time.start({
    intervalMicros,
    durationMillis: seconds * 1000 + SLACK_MS,
    // CPU time is told by sample; without it a thread that waits would look as busy as one that works.
    withContexts: true,
    collectCpuTime: true,
  });
  return { stop: () => time.stop().encode() };
}

function sampleHeap({ heap }: Pprof): Sampling {
  heap.start(HEAP_INTERVAL_BYTES, HEAP_STACK_DEPTH);
  return {
    stop: () => {
      try {
        return heap.profile().encode();
      } finally {
        heap.stop();
      }
    },
  };
}
