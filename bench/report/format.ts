// Numbers for people. Pure.

/** Three significant digits or so: 0.042, 1.23, 12.3, 123. */
export function short(value: number): string {
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size < 0.0005) return "0.000";
  if (size < 1) return value.toFixed(3);
  if (size < 10) return value.toFixed(2);
  if (size < 100) return value.toFixed(1);
  return value.toFixed(0);
}

/** Bytes as kilobytes (1,000 bytes). */
export function kilobytes(bytes: number): string {
  return short(bytes / 1000);
}

/** A ratio as people compare: ×1.00. */
export function times(ratio: number): string {
  return `×${ratio.toFixed(2)}`;
}
