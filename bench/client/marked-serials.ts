// Finds the changes' numbers in serialized endpoints: addresses of 100.64.0.0/10, as mesh/shape.ts makes them. Pure.

const BEGIN = Buffer.from("100.");
const DOT = 46;
const ZERO = 48;
const NINE = 57;

export function markedSerials(bytes: Buffer): readonly number[] {
  const found: number[] = [];
  for (let at = bytes.indexOf(BEGIN); at >= 0; at = bytes.indexOf(BEGIN, at + 1)) {
    if (at > 0 && isDigitOrDot(bytes[at - 1]!)) continue;
    const [second, third, fourth] = numbers(bytes, at + BEGIN.length);
    if (second === undefined || third === undefined || fourth === undefined || second < 64 || second > 127) continue;
    found.push(((second - 64) << 16) | (third << 8) | fourth);
  }
  return found;
}

/** Numbers with dots between them. */
function numbers(bytes: Buffer, from: number): readonly number[] {
  const out: number[] = [];
  let value = -1;
  for (let at = from; at <= bytes.length; at++) {
    const byte = bytes[at] ?? 0;
    if (byte >= ZERO && byte <= NINE) value = Math.max(0, value) * 10 + byte - ZERO;
    else {
      if (value >= 0) out.push(value);
      if (byte !== DOT) break;
      value = -1;
    }
  }
  return out;
}

function isDigitOrDot(byte: number): boolean {
  return byte === DOT || (byte >= ZERO && byte <= NINE);
}
