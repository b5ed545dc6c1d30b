// Make before break: clusters that are gone stay with the proxy until its listeners and routes don't refer to them any
// more, or a time has passed. Main thread.
import type { Schedule } from "../../shared/schedule.ts";
import type { XdsType } from "../../shared/xds-types.ts";
import { changesAnything, type Outgoing } from "./outgoing.ts";
import type { StreamVariant } from "./stream-observer.ts";
import { hasWork, markDirty, type Watch } from "./watch.ts";

/** Longest time that removals wait for a proxy that doesn't acknowledge. */
const MAX_HOLD_MS = 5_000;
/** Quiet time after the last acknowledgement: accepted listeners may ask for routes yet. */
const GRACE_MS = 100;

/** What may refer to clusters. */
const REFERRING: readonly XdsType[] = ["LDS", "RDS"];
/** What is removed late. */
const HELD: readonly XdsType[] = ["CDS", "EDS"];

const NONE: readonly string[] = [];

/** Decides, for one stream, when removals of clusters go out, and what is said of their endpoints meanwhile. */
export class RemovalHold {
  private readonly variant: StreamVariant;
  private readonly watches: ReadonlyMap<XdsType, Watch>;
  private readonly schedule: Schedule;
  private readonly now: () => number;
  private readonly wake: () => void;
  private deadline: number | undefined;
  private released = false;
  /** Clusters that are gone and that the proxy keeps for now. */
  private names: readonly string[] = NONE;
  /** Clusters that were removed last: what still asks for their endpoints after that gets them. */
  private going: readonly string[] = NONE;
  private silent: readonly string[] = NONE;
  private cancelTimer: (() => void) | undefined;

  /** `wake` is called when there is something to send because of it. */
  constructor(
    variant: StreamVariant,
    watches: ReadonlyMap<XdsType, Watch>,
    schedule: Schedule,
    now: () => number,
    wake: () => void,
  ) {
    this.variant = variant;
    this.watches = watches;
    this.schedule = schedule;
    this.now = now;
    this.wake = wake;
  }

  /** Clusters of whose endpoints the proxy is told nothing in what `decide` was asked about last. */
  get silenced(): readonly string[] {
    return this.silent;
  }

  /** True when removals in what goes out have to wait. */
  decide(out: readonly Outgoing[]): boolean {
    const holding = this.mustHold(out);
    const removed = out.find((o) => o.watch.type === "CDS")?.difference.removed;
    if (!holding) this.names = NONE;
    else if (removed) this.keep(removed);
    // What a proxy keeps must not change either. And the state of the world has no word for endpoints that are gone, which
    // an Envoy that drops the cluster would understand.
    this.silent = this.names;
    if (!holding && removed && this.variant === "sotw") {
      this.going = removed;
      this.silent = removed;
    }
    return holding;
  }

  private mustHold(out: readonly Outgoing[]): boolean {
    const removes = out.some((o) => HELD.includes(o.watch.type) && o.difference.removed.length > 0);
    if (this.released) {
      this.released = false;
      if (removes) return false;
    }
    if (this.deadline !== undefined) return true;
    if (!removes) return false;
    const refers = out.some((o) => REFERRING.includes(o.watch.type) && changesAnything(o));
    if (!refers && this.quiet()) return false;
    this.deadline = this.now() + MAX_HOLD_MS;
    for (const watch of this.held()) watch.holdsBack = true;
    this.arm(MAX_HOLD_MS);
    return true;
  }

  private keep(names: readonly string[]): void {
    const gone = new Set(names);
    const back = this.names.filter((name) => !gone.has(name));
    this.names = names;
    const endpoints = this.watches.get("EDS");
    if (back.length === 0 || !endpoints) return;
    // Their endpoints may have changed while that was not to be seen.
    markDirty(endpoints, new Set(back));
    this.wake();
  }

  /** A request came, or something was served: maybe the last that was waited for. */
  touched(type?: XdsType): void {
    if (type === "CDS" && this.going.length > 0) this.tellOfGone();
    if (this.deadline === undefined || (type !== undefined && !REFERRING.includes(type)) || !this.quiet()) return;
    this.arm(Math.min(GRACE_MS, Math.max(0, this.deadline - this.now())));
  }

  cancel(): void {
    this.cancelTimer?.();
    this.cancelTimer = undefined;
    this.deadline = undefined;
  }

  private tellOfGone(): void {
    const endpoints = this.watches.get("EDS");
    if (endpoints) markDirty(endpoints, new Set(this.going));
    this.going = NONE;
    this.wake();
  }

  private held(): Watch[] {
    return HELD.flatMap((type) => this.watches.get(type) ?? []);
  }

  private quiet(): boolean {
    return REFERRING.every((type) => {
      const watch = this.watches.get(type);
      return !watch || (!watch.outstanding && !hasWork(watch));
    });
  }

  private arm(ms: number): void {
    this.cancelTimer?.();
    this.cancelTimer = this.schedule(ms, () => this.timeUp());
  }

  private timeUp(): void {
    this.cancelTimer = undefined;
    if (this.deadline === undefined) return;
    if (this.now() < this.deadline && !this.quiet()) {
      // Something was sent in the meantime; its acknowledgement arms the short time again.
      this.arm(this.deadline - this.now());
      return;
    }
    this.deadline = undefined;
    this.released = true;
    this.names = NONE;
    for (const watch of this.held()) {
      watch.holdsBack = false;
      markDirty(watch, "all");
    }
    this.wake();
  }
}
