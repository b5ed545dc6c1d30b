// Durations in the syntax that Go's standard library reads: flags, environment variables, node metadata. Any thread.

const NANOS_OF_UNIT: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};

const SECOND = 1_000_000_000n;
const DURATION = /^([+-]?)((?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/;
const DURATION_PART = /(\d*)\.?(\d*)(ns|us|µs|μs|ms|s|m|h)/g;
/** Go holds a duration in 63 bits of nanoseconds. */
const MAX_NANOS = (1n << 63n) - 1n;

/** A duration such as `1h30m`, `100ms` or `0` in nanoseconds, or undefined. */
export function parseGoDurationNanos(text: string): bigint | undefined {
  if (text === "0" || text === "+0" || text === "-0") return 0n;
  const match = DURATION.exec(text);
  if (!match) return undefined;
  let total = 0n;
  for (const [, whole = "", fraction = "", unit = ""] of match[2]!.matchAll(DURATION_PART)) {
    const scale = NANOS_OF_UNIT[unit]!;
    total += BigInt(whole === "" ? "0" : whole) * scale;
    const digits = fraction.slice(0, 18);
    if (digits !== "") total += (BigInt(digits) * scale) / 10n ** BigInt(digits.length);
  }
  if (total > MAX_NANOS) return undefined;
  return match[1] === "-" ? -total : total;
}

/** A duration in milliseconds, or undefined. */
export function parseGoDuration(text: string): number | undefined {
  const nanos = parseGoDurationNanos(text);
  return nanos === undefined ? undefined : Number(nanos) / 1e6;
}

/** The form that durations have in a ConfigObject: seconds, with no more decimals than needed, such as "1.5s". */
export function formatSeconds(nanos: bigint): string {
  const sign = nanos < 0n ? "-" : "";
  const size = nanos < 0n ? -nanos : nanos;
  const rest = size % SECOND;
  const decimals = rest === 0n ? "" : `.${rest.toString().padStart(9, "0").replace(/0+$/, "")}`;
  return `${sign}${size / SECOND}${decimals}s`;
}
