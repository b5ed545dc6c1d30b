// Merges changes that come close together into one push. Main thread, pure: time is an argument.
import {
  isEndpointsOnly,
  mergeChanges,
  type PushRequest,
  type RegistryChange,
} from "../../shared/model/push-request.ts";

export interface DebounceOptions {
  /** PILOT_DEBOUNCE_AFTER: quiet time after a change before it is pushed. */
  readonly afterMs: number;
  /** PILOT_DEBOUNCE_MAX: longest time that a change waits for quiet. */
  readonly maxMs: number;
  /** PILOT_ENABLE_EDS_DEBOUNCE: changes of endpoints wait for quiet too. */
  readonly endpoints: boolean;
}

/** How long the first change after a quiet time waits for those that belong to it. */
const LONE_MS = 2;

/**
 * The first change after a quiet time goes out almost at once. Changes that follow it within the quiet time are merged
 * until there was no further one for `afterMs`, or the first of them has waited for `maxMs`.
 */
export class DebounceWindow {
  private readonly options: DebounceOptions;
  private pending: PushRequest | undefined;
  /** When the pending changes are due. */
  private dueAt = 0;
  /** When the last request was handed out: changes soon after it belong to a storm. */
  private lastOut = Number.NEGATIVE_INFINITY;
  private lastOffer = Number.NEGATIVE_INFINITY;

  constructor(options: DebounceOptions) {
    this.options = options;
  }

  /** Takes a change in. */
  offer(change: RegistryChange, now: number): void {
    const { afterMs, maxMs } = this.options;
    const { pending } = this;
    if (!pending) {
      this.pending = { change, firstChangeMs: now, lastChangeMs: now, merged: 1 };
      const quietSince = Math.max(this.lastOut, this.lastOffer);
      const storm = now - quietSince < afterMs;
      const immediate = !storm || (!this.options.endpoints && isEndpointsOnly(change));
      this.dueAt = now + (immediate ? Math.min(LONE_MS, afterMs) : afterMs);
    } else {
      const merged = mergeChanges(pending.change, change);
      this.pending = {
        change: merged,
        firstChangeMs: pending.firstChangeMs,
        lastChangeMs: now,
        merged: pending.merged + 1,
      };
      // One that is about to go out takes along what comes until then.
      const lone = this.dueAt - pending.firstChangeMs <= LONE_MS;
      if (!lone) this.dueAt = Math.min(now + afterMs, pending.firstChangeMs + maxMs);
    }
    this.lastOffer = now;
  }

  /** When `due` will give something; undefined while nothing is pending. */
  nextDue(): number | undefined {
    return this.pending ? this.dueAt : undefined;
  }

  /** The merged changes, once their time has come. */
  due(now: number): PushRequest | undefined {
    const { pending } = this;
    if (!pending || now < this.dueAt) return undefined;
    this.pending = undefined;
    this.lastOut = now;
    return pending;
  }
}
