// Merges changes that come close together into one push. Main thread, pure: time is an argument.
import {
  addChange,
  type ChangeSum,
  isEndpointsOnly,
  type PushRequest,
  type RegistryChange,
  sumOfChanges,
} from "../../shared/model/push-request.ts";

/** How long changes wait. */
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
 * until there was no further one for `afterMs`, or the first of them has waited for `maxMs`. Endpoints that come and go
 * all the time are never quiet, and cheap to push: while nothing else changed, they go out every `afterMs`.
 */
export class DebounceWindow {
  private readonly options: DebounceOptions;
  private pending: (PushRequest & { readonly change: ChangeSum }) | undefined;
  /** When the pending changes are due. */
  private dueAt = 0;
  /** True while what is pending goes out at once, or nearly so. */
  private lone = false;
  /** When the last request was handed out, and when the last change came: a storm is what follows either soon. */
  private lastOut = Number.NEGATIVE_INFINITY;
  private lastOffer = Number.NEGATIVE_INFINITY;

  constructor(options: DebounceOptions) {
    this.options = options;
  }

  /** Takes a change in. */
  offer(change: RegistryChange, now: number): void {
    const { afterMs, maxMs } = this.options;
    const { pending } = this;
    const quiet = now - Math.max(this.lastOut, this.lastOffer) >= afterMs;
    this.lastOffer = now;
    const merged = pending?.change ?? sumOfChanges();
    addChange(merged, change);
    const firstChangeMs = pending?.firstChangeMs ?? now;
    this.pending = { change: merged, firstChangeMs, lastChangeMs: now, merged: (pending?.merged ?? 0) + 1 };
    const endpointsOnly = isEndpointsOnly(merged);
    if (!pending) {
      this.lone = quiet || (endpointsOnly && !this.options.endpoints);
      if (this.lone) this.dueAt = now + Math.min(LONE_MS, afterMs);
    }
    // One that is about to go out takes along what comes until then.
    if (this.lone) return;
    if (endpointsOnly) this.dueAt = Math.max(firstChangeMs + Math.min(LONE_MS, afterMs), this.lastOut + afterMs);
    else this.dueAt = Math.min(now + afterMs, firstChangeMs + maxMs);
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
