// What arrives at the proxies between a question and its answer: counts, who got a change and when, and for churn every change.
import type { XdsType } from "../../src/shared/xds-types.ts";
import { clockMs } from "../lib/clock.ts";
import { type Distribution, distributionOf } from "../report/percentiles.ts";
import { markedSerials } from "./marked-serials.ts";
import type { Counts, Writes } from "./messages.ts";
import { stalenessOf } from "./staleness.ts";

/** Says whether a response shows that the change has arrived. */
export type IsArrival = (type: XdsType) => boolean;

export class Arrivals {
  private responses = 0;
  private bytes = 0;
  private bytesOf = new Map<XdsType, number>();
  private waiting = new Set<number>();
  private times: number[] = [];
  private last = 0;
  private tracking = false;
  private seen: { proxy: number[]; serial: number[]; atMs: number[] } = { proxy: [], serial: [], atMs: [] };

  /** Counts from here on, and waits for `proxies`. */
  begin(proxies: Iterable<number>): void {
    this.responses = 0;
    this.bytes = 0;
    this.bytesOf = new Map();
    this.waiting = new Set(proxies);
    this.times = [];
    this.last = 0;
    this.tracking = false;
  }

  track(): void {
    this.begin([]);
    this.tracking = true;
    this.seen = { proxy: [], serial: [], atMs: [] };
  }

  count(proxy: number, type: XdsType, bytes: number, resources: Buffer): void {
    this.responses++;
    this.bytes += bytes;
    this.bytesOf.set(type, (this.bytesOf.get(type) ?? 0) + bytes);
    this.last = clockMs();
    if (!this.tracking || type !== "EDS") return;
    for (const serial of markedSerials(resources)) {
      this.seen.proxy.push(proxy);
      this.seen.serial.push(serial);
      this.seen.atMs.push(this.last);
    }
  }

  isWaitingFor(proxy: number): boolean {
    return this.waiting.has(proxy);
  }

  /** True when nobody else is waited for. */
  arrive(proxy: number): boolean {
    if (!this.waiting.delete(proxy)) return false;
    this.times.push(clockMs());
    return this.waiting.size === 0;
  }

  collected(): { counts: Counts; arrivals: readonly number[]; lastMs: number } {
    return { counts: this.counts(), arrivals: this.times, lastMs: this.last };
  }

  /** Staleness of each change at each of `proxies`; `missing` are those that never came. */
  tracked(writes: Writes, proxies: readonly number[]): { counts: Counts; staleness: Distribution; missing: number } {
    const { values, missing } = stalenessOf(writes, proxies, this.seen);
    this.tracking = false;
    return { counts: this.counts(), staleness: distributionOf(values), missing };
  }

  private counts(): Counts {
    return { responses: this.responses, bytes: this.bytes, bytesOf: Object.fromEntries(this.bytesOf) };
  }
}
