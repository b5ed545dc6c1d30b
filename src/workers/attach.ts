// Follows the snapshots by their steps and holds a PushContext for each version in use. Worker threads.
import { MizzenError } from "../shared/errors.ts";
import type { SnapshotHandle } from "../shared/snapshot/handle.ts";
import { SegmentTable } from "../shared/snapshot/segment-table.ts";
import { PushContext } from "./context/push-context.ts";

/** Versions that are kept when nobody says which are in use. */
const MAX_HELD = 8;

/** The snapshots of one worker. Contexts are built when first asked for, on top of the one before. */
export class SnapshotStore {
  private readonly held = new Map<number, Held>();
  private newest = 0;

  /** Takes up a step, or a complete snapshot. A step whose base isn't held is passed over: its version stays unknown. */
  step(handle: SnapshotHandle): void {
    if (this.held.has(handle.version)) return;
    const base = handle.baseVersion === 0 ? undefined : this.held.get(handle.baseVersion);
    if (handle.baseVersion !== 0 && !base) return;
    const segments = (base?.segments ?? SegmentTable.EMPTY).with(handle.changed, handle.removed);
    const touched = [...handle.changed.map((s) => s.name), ...handle.removed];
    this.held.set(handle.version, { version: handle.version, segments, base, touched, context: undefined });
    if (handle.version > this.newest) this.newest = handle.version;
    while (this.held.size > MAX_HELD) {
      const oldest = this.held.keys().next().value!;
      if (oldest === this.newest) break;
      this.drop(oldest);
    }
  }

  /** Drops versions that no push works on any more; the newest always stays. */
  forget(oldestInUse: number): void {
    for (const version of [...this.held.keys()]) {
      if (version < oldestInUse && version !== this.newest) this.drop(version);
    }
  }

  /** The indices over a version. Throws MIZZEN_ERR_SNAPSHOT_GONE when this worker doesn't hold it. */
  context(version: number): PushContext {
    const held = this.held.get(version);
    if (!held) throw new MizzenError("MIZZEN_ERR_SNAPSHOT_GONE", `push version ${version} is not held here`);
    return contextOf(held);
  }

  /** The indices over the newest version; undefined before there is one. */
  newestContext(): PushContext | undefined {
    const held = this.held.get(this.newest);
    return held && contextOf(held);
  }

  private drop(version: number): void {
    const held = this.held.get(version);
    if (!held) return;
    // A successor that hasn't been built yet needs this one's indices to start from.
    for (const other of this.held.values()) if (other.base === held) contextOf(other);
    this.held.delete(version);
  }
}

interface Held {
  readonly version: number;
  readonly segments: SegmentTable;
  /** The version before; let go of once the context is built. */
  base: Held | undefined;
  readonly touched: readonly string[];
  context: PushContext | undefined;
}

function contextOf(held: Held): PushContext {
  if (!held.context) {
    const previous = held.base?.context ?? (held.base && contextOf(held.base));
    held.context = new PushContext(held.version, held.segments, previous, held.touched);
    held.base = undefined;
  }
  return held.context;
}
