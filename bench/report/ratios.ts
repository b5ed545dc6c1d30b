// How two revisions compare, from several runs of each. Pure.
import { median } from "./percentiles.ts";
import { keyOf, type Row } from "./row.ts";

export interface Metric {
  readonly name: string;
  of(row: Row): number;
}

export const METRICS: readonly Metric[] = [
  { name: "P50", of: ({ latency }) => latency.p50 },
  { name: "P99", of: ({ latency }) => latency.p99 },
  { name: "CPU", of: ({ cpuMs }) => cpuMs },
  { name: "bytes", of: ({ bytes }) => bytes },
  { name: "loop P99", of: ({ loop }) => loop.p99 },
  { name: "peak RSS", of: ({ peakMiB }) => peakMiB },
];

/** Current divided by base: below 1 is less. */
export interface Ratio {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Of each pair of runs that followed each other. Undefined where a base has 0. */
export function ratioOf(base: readonly number[], current: readonly number[]): Ratio | undefined {
  const pairs = base.slice(0, current.length).map((value, index) => [value, current[index]!] as const);
  if (pairs.length === 0 || pairs.some(([value]) => value === 0)) return undefined;
  const ratios = pairs.map(([before, after]) => after / before);
  return { median: median(ratios), min: Math.min(...ratios), max: Math.max(...ratios) };
}

/** The rows of several runs, each with those of the same key. */
export function byKey(runs: readonly (readonly Row[])[]): ReadonlyMap<string, readonly Row[]> {
  const rows = new Map<string, Row[]>();
  for (const row of runs.flat()) {
    const key = keyOf(row);
    rows.set(key, [...(rows.get(key) ?? []), row]);
  }
  return rows;
}
