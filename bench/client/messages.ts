// What the benchmark and its client process say to each other.
import type { XdsType } from "../../src/shared/xds-types.ts";
import type { BenchNode } from "../mesh/nodes.ts";
import type { Distribution } from "../report/percentiles.ts";

/** State of the world, and incremental. */
export const MODES = ["sotw", "delta"] as const;

export type Mode = (typeof MODES)[number];

export type ClientCommand =
  | ConnectCommand
  /** Opens streams again for all proxies whose stream has ended, with what they have: a reconnecting Envoy. */
  | { readonly tag: "reconnect"; readonly target: string }
  /** From now on ends of streams are no failures: the server is about to be restarted. */
  | { readonly tag: "expect-ends" }
  /** Counts from here on, and waits for the bytes that a change brings to the proxies `expect` (all when absent). */
  | { readonly tag: "watch"; readonly mark: WatchMark | undefined; readonly expect?: readonly number[] }
  /** Notes every address that carries a change's number, for churn. */
  | { readonly tag: "track" }
  /** Ends the watch; what came is in the answer. */
  | { readonly tag: "collect" }
  /** Ends the tracking of `writes`, at all proxies unless some are named. */
  | { readonly tag: "collect-track"; readonly writes: Writes; readonly proxies?: readonly number[] }
  | { readonly tag: "stall"; readonly proxy: number; readonly stalled: boolean }
  | { readonly tag: "garbage"; readonly target: string; readonly connections: number; readonly seed: number }
  | { readonly tag: "open-and-drop"; readonly target: string; readonly streams: number }
  | { readonly tag: "replace-proxies"; readonly count: number }
  /** Compares what the proxies have with what a new stream of each gets. */
  | { readonly tag: "verify"; readonly target: string; readonly skip: readonly number[] }
  | { readonly tag: "close" };

export interface ConnectCommand {
  readonly tag: "connect";
  readonly target: string;
  readonly mode: Mode;
  readonly nodes: readonly BenchNode[];
  /** Streams that share a connection; 1 in production. */
  readonly perConnection: number;
  /** Remember what each proxy has, for `reconnect` and `verify`. */
  readonly remember: boolean;
  /** Proxies that read through a relay, so that they can be stalled. */
  readonly relayed: readonly number[];
}

export interface WatchMark {
  readonly type: XdsType;
  /** Base64. */
  readonly bytes: string;
  readonly gone: boolean;
}

/** Change `first + n` was made at `atMs[n]`; `first + n + period` is the next one of the same service. */
export interface Writes {
  readonly first: number;
  readonly period: number;
  readonly atMs: readonly number[];
}

export type ClientAnswer =
  | { readonly tag: "done" }
  | {
      readonly tag: "collected";
      readonly counts: Counts;
      readonly arrivals: readonly number[];
      readonly lastMs: number;
    }
  | { readonly tag: "tracked"; readonly counts: Counts; readonly staleness: Distribution; readonly missing: number }
  | { readonly tag: "verified"; readonly equal: number; readonly differences: readonly string[] };

/** What comes unasked. */
export type ClientEvent =
  | { readonly tag: "ready" }
  /** All expected proxies have what the watch, or the connecting, waits for. */
  | { readonly tag: "reached" }
  | { readonly tag: "stream-ended"; readonly proxy: number; readonly reason: string };

export type ClientMessage =
  | { readonly tag: "answer"; readonly id: number; readonly answer: ClientAnswer }
  | { readonly tag: "failed"; readonly id: number; readonly reason: string }
  | ClientEvent;

/** Over all proxies. */
export interface Counts {
  readonly responses: number;
  readonly bytes: number;
  readonly bytesOf: Readonly<Partial<Record<XdsType, number>>>;
}
