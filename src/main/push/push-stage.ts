// From a debounced request to the streams: snapshot, plan, hand-out to the workers, and the ledger's entry. Main thread.

import type { ProxyViewRef } from "../../shared/model/proxy.ts";
import type { PushRequest, RegistryChange } from "../../shared/model/push-request.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { Publication, ResourceProvider } from "./contracts.ts";
import { generateAhead } from "./generate-ahead.ts";
import type { MeshPlanner } from "./planner.ts";
import type { PushLedger, PushRecord } from "./push-ledger.ts";
import type { MeshSnapshot, SnapshotBuilder } from "./snapshot-builder.ts";

/** The stages before and after. */
export interface PushStageOptions {
  readonly snapshots: SnapshotBuilder;
  readonly planner: MeshPlanner;
  readonly ledger: PushLedger;
  readonly metrics: Metrics;
  /** Hands a snapshot to the workers. */
  readonly toWorkers: (snapshot: MeshSnapshot) => void;
  /** Tells the streams; gives how many are connected, and how many have work. */
  readonly toStreams: (publication: Publication) => Promise<{ readonly connected: number; readonly affected: number }>;
  /** Views of the connected proxies, for what is generated ahead of them. */
  readonly views: () => Iterable<ProxyViewRef>;
  readonly provider: ResourceProvider;
  /** Told of a push that was over at once, since nobody had work. */
  readonly done: (record: PushRecord) => void;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  /** Milliseconds since the epoch. */
  readonly wallClock: () => number;
}

/** A change that may concern everything: as if the mesh's settings were others. */
export const EVERYTHING: RegistryChange = {
  configs: new Map(),
  services: new Map(),
  endpoints: new Map(),
  workloadAddresses: new Set(),
  mesh: true,
  reasons: new Map([["debug", 1]]),
};

/** The only publisher of snapshots. */
export class PushStage {
  private readonly options: PushStageOptions;
  /** True when the last push failed half-way: what it left out is not known, so the next one looks at everything. */
  private incomplete = false;

  constructor(options: PushStageOptions) {
    this.options = options;
  }

  /** Publishes what the registry holds before any proxy is connected. */
  first(): void {
    const { snapshots, planner, toWorkers } = this.options;
    const snapshot = snapshots.build();
    planner.advance(snapshot.version, undefined);
    toWorkers(snapshot);
  }

  /**
   * Publishes a change; resolves when all streams were told. The next one must come after that, since plans are those
   * of the latest snapshot.
   */
  async push(changed: PushRequest): Promise<void> {
    const { snapshots, planner, ledger, metrics, now, toWorkers, toStreams, done } = this.options;
    const request = this.incomplete ? { ...changed, change: { ...changed.change, mesh: true } } : changed;
    this.incomplete = true;
    const debounced = now();
    for (const [type, count] of request.change.reasons) metrics.pushTriggers.inc({ type }, count);
    metrics.debounceTime.observe((debounced - request.firstChangeMs) / 1000);
    const snapshot = snapshots.build(request.change);
    planner.advance(snapshot.version, request.change);
    toWorkers(snapshot);
    const built = now();
    metrics.snapshotTime.observe((built - debounced) / 1000);
    const wallMs = this.options.wallClock() - (built - request.firstChangeMs);
    ledger.begin(snapshot.version, request, wallMs, debounced, built);
    // A failure is met again, and reported, by the streams that ask for the same.
    generateAhead({ snapshot, request }, this.options).catch(() => undefined);
    const { connected, affected } = await toStreams({ snapshot, request });
    this.incomplete = false;
    const record = ledger.announced(snapshot.version, connected, affected, now());
    if (record) done(record);
  }
}
