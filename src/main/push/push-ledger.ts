// The push ledger: what change caused each push, what was regenerated, who got it, who acknowledged, and how long each
// step took. Main thread, no I/O.
import type { PushVersion, ViewId } from "../../shared/ids.ts";
import { keyString } from "../../shared/model/config.ts";
import { type PushReason, type PushRequest, serviceKeyString } from "../../shared/model/push-request.ts";
import { PUSH_ORDER, type XdsType } from "../../shared/xds-types.ts";

/** Pushes that are remembered. */
const MAX_PUSHES = 256;
/** Names and proxies that a record lists; the rest is only counted. */
const MAX_LISTED = 50;

/** A list that stays short, and the number of all that belong to it. */
export interface ShortList {
  readonly total: number;
  readonly listed: readonly string[];
}

/** One type of one push, as it is shown. */
export interface TypeRecord {
  readonly type: XdsType;
  /** Ids of the views that got a response. */
  readonly views: ShortList;
  /** Resources that were sent because they differ, over all views. */
  readonly changed: ShortList;
  readonly removed: ShortList;
  readonly responses: number;
  readonly bytes: number;
  /** Longest time that a response of the type waited for its generation. */
  readonly generateMs: number;
  readonly acked: number;
  readonly nacked: readonly { readonly proxy: string; readonly message: string }[];
}

/** One push, as it is shown. Steps are milliseconds since the first change; null while a step is not done. */
export interface PushRecord {
  readonly version: PushVersion;
  /** Wall clock of the first change. */
  readonly time: string;
  readonly reasons: Readonly<Partial<Record<PushReason, number>>>;
  readonly configs: ShortList;
  readonly services: ShortList;
  readonly endpoints: ShortList;
  readonly mesh: boolean;
  /** Changes that were merged into the push. */
  readonly merged: number;
  readonly steps: {
    readonly lastChange: number;
    /** The wait for further changes was over. */
    readonly debounced: number;
    readonly snapshot: number;
    /** The first response was generated and sent. */
    readonly firstSent: number | null;
    readonly lastSent: number | null;
    /** All proxies had what the push holds for them. */
    readonly served: number | null;
    readonly lastAck: number | null;
  };
  readonly proxies: {
    readonly connected: number;
    readonly affected: number;
    readonly served: number;
    /** Proxies that got any response. */
    readonly sent: ShortList;
  };
  readonly types: readonly TypeRecord[];
  /** Responses made from this version for requests of proxies, not for the push. */
  readonly answers: number;
}

/** A response, as the ledger takes note of it. */
export interface LedgerResponse {
  readonly version: PushVersion;
  readonly type: XdsType;
  readonly proxy: string;
  readonly viewId: ViewId;
  readonly names: readonly string[];
  readonly removed: readonly string[];
  readonly bytes: number;
  readonly generateMs: number;
  /** True for a response that a push made; false for the answer to a request. */
  readonly pushed: boolean;
}

class ListBuilder {
  private readonly seen = new Set<string>();

  add(names: Iterable<string>): void {
    for (const name of names) this.seen.add(name);
  }

  finish(): ShortList {
    return { total: this.seen.size, listed: [...this.seen].slice(0, MAX_LISTED) };
  }
}

class TypeEntry {
  readonly views = new Set<ViewId>();
  readonly changed = new ListBuilder();
  readonly removed = new ListBuilder();
  /** The arrays whose names are in `changed`: proxies that are alike share one. */
  readonly counted = new WeakSet<readonly string[]>();
  responses = 0;
  bytes = 0;
  generateMs = 0;
  acked = 0;
  readonly nacked: { proxy: string; message: string }[] = [];

  show(type: XdsType): TypeRecord {
    return {
      type,
      views: shortList(this.views, (id) => id),
      changed: this.changed.finish(),
      removed: this.removed.finish(),
      responses: this.responses,
      bytes: this.bytes,
      generateMs: round(this.generateMs),
      acked: this.acked,
      nacked: this.nacked,
    };
  }
}

class PushEntry {
  readonly version: PushVersion;
  readonly request: PushRequest;
  readonly wallMs: number;
  readonly debouncedMs: number;
  readonly snapshotMs: number;
  firstSentMs: number | undefined;
  lastSentMs: number | undefined;
  servedMs: number | undefined;
  lastAckMs: number | undefined;
  connected = 0;
  /** Proxies that have work; undefined until all were told. */
  affected: number | undefined;
  served = 0;
  answers = 0;
  readonly proxies = new Set<string>();
  readonly types = new Map<XdsType, TypeEntry>();

  constructor(version: PushVersion, request: PushRequest, wallMs: number, debouncedMs: number, snapshotMs: number) {
    this.version = version;
    this.request = request;
    this.wallMs = wallMs;
    this.debouncedMs = debouncedMs;
    this.snapshotMs = snapshotMs;
  }

  show(): PushRecord {
    const { change, firstChangeMs, lastChangeMs, merged } = this.request;
    const since = (ms: number): number => round(ms - firstChangeMs);
    const sinceOrNull = (ms: number | undefined): number | null => (ms === undefined ? null : since(ms));
    return {
      version: this.version,
      time: new Date(this.wallMs).toISOString(),
      reasons: Object.fromEntries(change.reasons),
      configs: shortList(change.configs.values(), keyString),
      services: shortList(change.services.values(), serviceKeyString),
      endpoints: shortList(change.endpoints.values(), serviceKeyString),
      mesh: change.mesh,
      merged,
      steps: {
        lastChange: since(lastChangeMs),
        debounced: since(this.debouncedMs),
        snapshot: since(this.snapshotMs),
        firstSent: sinceOrNull(this.firstSentMs),
        lastSent: sinceOrNull(this.lastSentMs),
        served: sinceOrNull(this.servedMs),
        lastAck: sinceOrNull(this.lastAckMs),
      },
      proxies: {
        connected: this.connected,
        affected: this.affected ?? 0,
        served: this.served,
        sent: shortList(this.proxies, (proxy) => proxy),
      },
      types: PUSH_ORDER.flatMap((type) => this.types.get(type)?.show(type) ?? []),
      answers: this.answers,
    };
  }
}

/** Remembers the latest pushes. Times are given by the caller, in milliseconds of its monotonic clock. */
export class PushLedger {
  /** By version, oldest first. */
  private readonly entries = new Map<PushVersion, PushEntry>();

  /** A snapshot was built for a request. `wallMs` is the wall clock of the first change. */
  begin(version: PushVersion, request: PushRequest, wallMs: number, debouncedMs: number, snapshotMs: number): void {
    this.entries.set(version, new PushEntry(version, request, wallMs, debouncedMs, snapshotMs));
    if (this.entries.size > MAX_PUSHES) this.entries.delete(this.entries.keys().next().value!);
  }

  /** All streams were told. Gives the record when there is nobody to push to. */
  announced(version: PushVersion, connected: number, affected: number, now: number): PushRecord | undefined {
    const entry = this.entries.get(version);
    if (!entry) return undefined;
    entry.connected = connected;
    entry.affected = affected;
    return this.finishIfServed(entry, now);
  }

  sent(response: LedgerResponse, now: number): void {
    const entry = this.entries.get(response.version);
    if (!entry) return;
    if (!response.pushed) {
      entry.answers++;
      return;
    }
    entry.firstSentMs ??= now;
    entry.lastSentMs = now;
    entry.proxies.add(response.proxy);
    let type = entry.types.get(response.type);
    if (!type) {
      type = new TypeEntry();
      entry.types.set(response.type, type);
    }
    type.views.add(response.viewId);
    type.responses++;
    type.bytes += response.bytes;
    type.generateMs = Math.max(type.generateMs, response.generateMs);
    if (!type.counted.has(response.names)) {
      type.counted.add(response.names);
      type.changed.add(response.names);
    }
    type.removed.add(response.removed);
  }

  /** A proxy acknowledged a response, or refused it with a message. */
  settled(version: PushVersion, type: XdsType, proxy: string, refusal: string | undefined, now: number): void {
    const entry = this.entries.get(version);
    const record = entry?.types.get(type);
    if (!entry || !record) return;
    entry.lastAckMs = now;
    if (refusal === undefined) record.acked++;
    else if (record.nacked.length < MAX_LISTED) record.nacked.push({ proxy, message: refusal });
  }

  /** A proxy has all that the push holds for it, or is gone. Gives the record when it was the last one. */
  served(version: PushVersion, now: number): PushRecord | undefined {
    const entry = this.entries.get(version);
    if (!entry) return undefined;
    entry.served++;
    return this.finishIfServed(entry, now);
  }

  /** When the first change of a push arrived; undefined for a push that is forgotten or that no change caused. */
  firstChangeMs(version: PushVersion): number | undefined {
    return this.entries.get(version)?.request.firstChangeMs;
  }

  /** All records, newest first. */
  records(): PushRecord[] {
    return [...this.entries.values()].reverse().map((entry) => entry.show());
  }

  private finishIfServed(entry: PushEntry, now: number): PushRecord | undefined {
    if (entry.affected === undefined || entry.served < entry.affected || entry.servedMs !== undefined) return undefined;
    entry.servedMs = now;
    return entry.show();
  }
}

function shortList<T>(items: Iterable<T>, name: (item: T) => string): ShortList {
  const all = [...items];
  return { total: all.length, listed: all.slice(0, MAX_LISTED).map(name) };
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}
