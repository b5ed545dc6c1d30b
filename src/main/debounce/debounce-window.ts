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

type Pending = PushRequest & { readonly change: ChangeSum };

/** What waits of one kind of changes. */
interface Waiting {
  pending: Pending | undefined;
  /** When the pending changes are due. */
  dueAt: number;
  /** True while what is pending goes out at once, or nearly so. */
  lone: boolean;
  /** When the last request was handed out, and when the last change came: a storm is what follows either soon. */
  lastOut: number;
  lastOffer: number;
}

function nothing(): Waiting {
  const never = Number.NEGATIVE_INFINITY;
  return { pending: undefined, dueAt: 0, lone: false, lastOut: never, lastOffer: never };
}

/**
 * The first change after a quiet time goes out almost at once. Changes that follow it within the quiet time are merged
 * until there was no further one for `afterMs`, or the first of them has waited for `maxMs`. Endpoints that come and go
 * all the time are never quiet, and cheap to push: they go out every `afterMs`. Neither waits for the other, but for endpoints of
 * services that wait themselves.
 */
export class DebounceWindow {
  private readonly options: DebounceOptions;
  private readonly config = nothing();
  private readonly endpoints = nothing();

  constructor(options: DebounceOptions) {
    this.options = options;
  }

  /** Takes a change in. */
  offer(change: RegistryChange, now: number): void {
    const { config, endpoints } = this;
    const { afterMs, maxMs } = this.options;
    if (isEndpointsOnly(change) && !concerns(change, config.pending)) {
      if (!take(endpoints, change, now, afterMs, !this.options.endpoints)) return;
      endpoints.dueAt = Math.max(
        endpoints.pending!.firstChangeMs + Math.min(LONE_MS, afterMs),
        endpoints.lastOut + afterMs,
      );
      return;
    }
    const waits = take(config, change, now, afterMs, false);
    if (waits) config.dueAt = Math.min(now + afterMs, config.pending!.firstChangeMs + maxMs);
    // Endpoints that went before their service must not be told before it.
    const { pending } = endpoints;
    if (pending && concerns(pending.change, config.pending)) {
      endpoints.pending = undefined;
      config.pending = together(config.pending!, pending);
    }
  }

  /** When `due` will give something; undefined while nothing is pending. */
  nextDue(): number | undefined {
    const { config, endpoints } = this;
    if (!config.pending) return endpoints.pending && endpoints.dueAt;
    return endpoints.pending ? Math.min(config.dueAt, endpoints.dueAt) : config.dueAt;
  }

  /** The merged changes, once their time has come. What is due later goes along with configuration, but not with endpoints. */
  due(now: number): PushRequest | undefined {
    const { config, endpoints } = this;
    if (config.pending && now >= config.dueAt) {
      const request = endpoints.pending ? together(config.pending, endpoints.pending) : config.pending;
      for (const waiting of [config, endpoints]) if (waiting.pending) handOut(waiting, now);
      return request;
    }
    if (!endpoints.pending || now < endpoints.dueAt) return undefined;
    return handOut(endpoints, now);
  }
}

/**
 * Adds a change to what waits. True when that has to wait: what is about to go out takes along what comes until then.
 * `atOnce`: as if it always were quiet.
 */
function take(waiting: Waiting, change: RegistryChange, now: number, afterMs: number, atOnce: boolean): boolean {
  const { pending } = waiting;
  const quiet = now - Math.max(waiting.lastOut, waiting.lastOffer) >= afterMs;
  waiting.lastOffer = now;
  const merged = pending?.change ?? sumOfChanges();
  addChange(merged, change);
  const firstChangeMs = pending?.firstChangeMs ?? now;
  waiting.pending = { change: merged, firstChangeMs, lastChangeMs: now, merged: (pending?.merged ?? 0) + 1 };
  if (!pending) {
    waiting.lone = quiet || atOnce;
    if (waiting.lone) waiting.dueAt = now + Math.min(LONE_MS, afterMs);
  }
  return !waiting.lone;
}

function handOut(waiting: Waiting, now: number): Pending {
  const pending = waiting.pending!;
  waiting.pending = undefined;
  waiting.lastOut = now;
  return pending;
}

/** True when endpoints are those of a service that is pending, or anything may have changed for them. */
function concerns({ endpoints }: RegistryChange, pending: Pending | undefined): boolean {
  if (!pending) return false;
  const { services, mesh } = pending.change;
  if (mesh) return true;
  for (const id of endpoints.keys()) if (services.has(id)) return true;
  return false;
}

function together(a: Pending, b: Pending): Pending {
  addChange(a.change, b.change);
  return {
    change: a.change,
    firstChangeMs: Math.min(a.firstChangeMs, b.firstChangeMs),
    lastChangeMs: Math.max(a.lastChangeMs, b.lastChangeMs),
    merged: a.merged + b.merged,
  };
}
