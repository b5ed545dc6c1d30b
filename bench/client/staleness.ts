// How long proxies had old endpoints while they changed all the time. Pure.
import type { Writes } from "./messages.ts";

export interface Seen {
  readonly proxy: readonly number[];
  readonly serial: readonly number[];
  /** Ascending. */
  readonly atMs: readonly number[];
}

/**
 * For each change and proxy, the time from the write until the proxy has it, or a later one of the same service: changes
 * may be merged on their way.
 */
export function stalenessOf(
  { first, period, atMs }: Writes,
  proxies: readonly number[],
  seen: Seen,
): { readonly values: Float64Array; readonly missing: number } {
  const rows = new Map(proxies.map((proxy, row) => [proxy, row]));
  // For each proxy and service, the next change that it hasn't got yet.
  const next = new Int32Array(proxies.length * period);
  for (let i = 0; i < next.length; i++) next[i] = i % period;
  const values = new Float64Array(proxies.length * atMs.length);
  let count = 0;
  for (let i = 0; i < seen.serial.length; i++) {
    const row = rows.get(seen.proxy[i]!);
    const change = seen.serial[i]! - first;
    if (row === undefined || change < 0 || change >= atMs.length) continue;
    const place = row * period + (change % period);
    for (; next[place]! <= change; next[place]! += period) values[count++] = seen.atMs[i]! - atMs[next[place]!]!;
  }
  return { values: values.subarray(0, count), missing: values.length - count };
}
