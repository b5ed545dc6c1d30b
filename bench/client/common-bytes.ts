// How much two buffers have in common, at the speed of memory. Pure.

const BLOCK = 64 * 1024;

/** Bytes at the start that are the same in both. */
export function commonPrefix(a: Buffer, b: Buffer): number {
  const limit = Math.min(a.length, b.length);
  return firstDifference(limit, (from, to) => a.compare(b, from, to, from, to) === 0);
}

/** Bytes at the end that are the same in both, `limit` at most. */
export function commonSuffix(a: Buffer, b: Buffer, limit: number): number {
  return firstDifference(limit, (from, to) => {
    return a.compare(b, b.length - to, b.length - from, a.length - to, a.length - from) === 0;
  });
}

/** The first place below `limit` where `same` says no of a range with it; `limit` when there is none. */
function firstDifference(limit: number, same: (from: number, to: number) => boolean): number {
  let low = 0;
  while (low < limit && same(low, Math.min(low + BLOCK, limit))) low = Math.min(low + BLOCK, limit);
  if (low === limit) return limit;
  for (let high = Math.min(low + BLOCK, limit); high - low > 1; ) {
    const middle = (low + high) >> 1;
    if (same(low, middle)) low = middle;
    else high = middle;
  }
  return low;
}
