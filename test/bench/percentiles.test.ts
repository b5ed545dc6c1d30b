// Percentiles by nearest rank, and the straight line that says whether memory grows.
import assert from "node:assert/strict";
import { test } from "node:test";
import { distributionOf, median, percentile, slopeOf } from "../../bench/report/percentiles.ts";

test("a percentile is the smallest value that so many percent don't exceed", () => {
  const hundred = Array.from({ length: 100 }, (_, i) => i + 1);
  const cases: readonly (readonly [readonly number[], number, number])[] = [
    [hundred, 50, 50],
    [hundred, 99, 99],
    [hundred, 100, 100],
    [hundred, 0, 1],
    [[7], 50, 7],
    [[1, 2], 50, 1],
    [[1, 2], 51, 2],
    [[], 99, 0],
  ];
  for (const [sorted, percent, expected] of cases) assert.equal(percentile(sorted, percent), expected);
});

test("a distribution sorts by number, and has a curve from the least to the most", () => {
  const { count, p50, p90, p99, max, curve } = distributionOf([10, 9, 100, 1, 2, 3, 4, 5, 6, 7]);
  assert.deepEqual({ count, p50, p90, p99, max }, { count: 10, p50: 5, p90: 10, p99: 100, max: 100 });
  assert.equal(curve.length, 101);
  assert.equal(curve[0], 1);
  assert.equal(curve[100], 100);
});

test("nothing measured has zeros, not NaN", () => {
  const { count, p50, max } = distributionOf([]);
  assert.deepEqual({ count, p50, max }, { count: 0, p50: 0, max: 0 });
  assert.equal(median([]), 0);
});

test("a median of an even number is between the two in the middle", () => {
  assert.equal(median([9, 1, 3, 5]), 4);
  assert.equal(median([10, 9, 100]), 10);
});

test("a slope is in y for one x", () => {
  const line = [0, 1, 2, 5].map((x) => ({ x, y: 3 * x + 7 }));
  assert.ok(Math.abs(slopeOf(line) - 3) < 1e-9);
  assert.equal(slopeOf([{ x: 1, y: 5 }]), 0);
});
