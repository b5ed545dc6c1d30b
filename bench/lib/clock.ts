// One clock for all processes of a benchmark: Linux's monotonic clock, which they share.

/** Milliseconds since the machine's start, with microseconds behind the point. */
export function clockMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}
