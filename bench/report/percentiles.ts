// Distributions of measured values. Pure.

/** What a row says of many values, milliseconds mostly. */
export interface Distribution {
  readonly count: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
  /** The 0th, 1st … 100th percentile, for plots. */
  readonly curve: readonly number[];
}

export function distributionOf(values: readonly number[] | Float64Array): Distribution {
  const sorted = Float64Array.from(values).sort();
  const at = (percent: number): number => percentile(sorted, percent);
  return {
    count: sorted.length,
    p50: at(50),
    p90: at(90),
    p99: at(99),
    max: at(100),
    curve: Array.from({ length: 101 }, (_, percent) => at(percent)),
  };
}

/** By nearest rank: the smallest value that `percent` of all values don't exceed. 0 when there are none. */
export function percentile(sorted: ArrayLike<number>, percent: number): number {
  const rank = Math.ceil((percent / 100) * sorted.length);
  return sorted[Math.max(0, rank - 1)] ?? 0;
}

/** The middle one, or the mean of the two in the middle. 0 when there are none. */
export function median(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort();
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : ((sorted[half - 1] ?? 0) + (sorted[half] ?? 0)) / 2;
}

/** Slope of the straight line that fits best, in y for one x; 0 with less than two points. */
export function slopeOf(points: readonly { readonly x: number; readonly y: number }[]): number {
  const mean = (of: (point: { x: number; y: number }) => number): number =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const x = mean((point) => point.x);
  const y = mean((point) => point.y);
  const spread = points.reduce((sum, point) => sum + (point.x - x) ** 2, 0);
  return spread === 0 ? 0 : points.reduce((sum, point) => sum + (point.x - x) * (point.y - y), 0) / spread;
}
