// One measured step: what tables, files and plots are made of.
import type { Mode } from "../client/messages.ts";
import type { LoopDelay } from "../server/probe.ts";
import type { Distribution } from "./percentiles.ts";

export interface Row {
  readonly scenario: string;
  readonly mesh: string;
  readonly mode: Mode;
  readonly step: string;
  readonly services: number;
  readonly proxies: number;
  /** How often the step was repeated; figures are of one repetition. */
  readonly times: number;
  /** Proxies that a change concerns, and how many of them got it, over all repetitions. */
  readonly expected: number;
  readonly reached: number;
  /** From the change, or from connecting, until a proxy has it: over all proxies and repetitions. Milliseconds. */
  readonly latency: Distribution;
  /** From the first proxy to the last; the median of the repetitions. Milliseconds. */
  readonly spreadMs: number;
  /** Of the server with all its threads. */
  readonly cpuMs: number;
  /** Share of one core that the server used while changes went on; 0 where they don't. */
  readonly coreShare: number;
  /** From the beginning until the server was idle again. */
  readonly elapsedMs: number;
  /** For one connected proxy. */
  readonly responses: number;
  readonly bytes: number;
  readonly bytesOf: Readonly<Record<string, number>>;
  /** Of the server's workers over all repetitions; those of more than 50 ms are long. Absent where the server doesn't say. */
  readonly tasks?: number;
  readonly longTasks?: number;
  /** Of the server's main thread while the step ran. */
  readonly loop: LoopDelay;
  /** Of the server at the end of the step; the peak is the highest since the step began. */
  readonly heapMiB: number;
  readonly rssMiB: number;
  readonly peakMiB: number;
  /** Share of one core that neither server nor client nor this benchmark used: others on the machine. */
  readonly othersCpu: number;
  /** Share of one core that the client used. Near 1, latencies are the client's. */
  readonly clientCpu: number;
  /** What a reader has to know: not reached, not equal, memory that grew … */
  readonly notes: readonly string[];
}

/** Memory of a server over a scenario. */
export interface MemoryCurve {
  readonly label: string;
  readonly points: readonly MemoryPoint[];
}

export interface MemoryPoint {
  /** Since the server was ready. */
  readonly seconds: number;
  readonly rssMiB: number;
  readonly heapMiB: number;
}

/** The same step in two runs has the same key. */
export function keyOf({ scenario, mesh, mode, step, proxies }: Row): string {
  return [scenario, mesh, mode, step, proxies].join(" | ");
}
