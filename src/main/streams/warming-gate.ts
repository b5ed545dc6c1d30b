// Make before break, the other way round: listeners and routes wait until the clusters that are new with them can take
// requests, which is when the proxy has acknowledged their endpoints, or a time has passed. Main thread.
import protobuf from "protobufjs/minimal.js";
import type { Schedule } from "../../shared/schedule.ts";
import type { Difference } from "./difference.ts";
import type { Held } from "./held.ts";

/** Longest time that listeners and routes wait for clusters. */
const MAX_WARMING_MS = 2_000;

/** `Cluster.type`, and its value for clusters whose endpoints come over EDS. */
const TYPE_FIELD = 2;
const EDS = 3;

/** Knows, for one stream, which new clusters wait for their endpoints. */
export class WarmingGate {
  private readonly schedule: Schedule;
  private readonly wake: () => void;
  private readonly waiting = new Set<string>();
  /** Names in the endpoints' response that is under way. */
  private sent: readonly string[] = [];
  private cancelTimer: (() => void) | undefined;

  /** `wake` is called when nothing waits any more. */
  constructor(schedule: Schedule, wake: () => void) {
    this.schedule = schedule;
    this.wake = wake;
  }

  /** True while listeners and routes that a push changes have to wait. */
  get isClosed(): boolean {
    return this.waiting.size > 0;
  }

  /** A response with these new clusters goes out. */
  clustersSent(names: readonly string[]): void {
    if (names.length === 0) return;
    for (const name of names) this.waiting.add(name);
    this.cancelTimer?.();
    this.cancelTimer = this.schedule(MAX_WARMING_MS, () => this.open());
  }

  /** The clusters were refused: they never come. */
  clustersRefused(): void {
    this.open();
  }

  /** A response with these endpoints goes out, or says that they don't exist. */
  endpointsSent(names: readonly string[], removed: readonly string[]): void {
    this.sent = removed.length === 0 ? names : [...names, ...removed];
  }

  /** The newest response with endpoints was acknowledged or refused. */
  endpointsSettled(): void {
    if (this.waiting.size === 0) return;
    for (const name of this.sent) this.waiting.delete(name);
    if (this.waiting.size === 0) this.open();
  }

  /** Ends the timer. */
  cancel(): void {
    this.cancelTimer?.();
    this.cancelTimer = undefined;
  }

  private open(): void {
    this.cancel();
    this.waiting.clear();
    this.wake();
  }
}

const added = new WeakMap<Difference, readonly string[]>();

/** The clusters in a difference that the proxy doesn't have yet, and whose endpoints come over EDS. */
export function newClusters(difference: Difference, held: Held): readonly string[] {
  let names = added.get(difference);
  if (!names) {
    names = difference.changed
      .filter((cluster) => held.get(cluster.name) === undefined && hasEndpointsOverEds(cluster.bytes))
      .map((cluster) => cluster.name);
    added.set(difference, names);
  }
  return names;
}

function hasEndpointsOverEds(bytes: Uint8Array): boolean {
  const reader = protobuf.Reader.create(bytes);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag >>> 3 === TYPE_FIELD && (tag & 7) === 0) return reader.int32() === EDS;
    reader.skipType(tag & 7);
  }
  return false;
}
