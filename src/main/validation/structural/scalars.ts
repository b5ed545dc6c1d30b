// Scalars and well-known types of proto3 JSON. Main thread.
import { formatSeconds, parseGoDurationNanos } from "../../../shared/go-duration.ts";
import type { ScalarType } from "./descriptors.ts";
import type { JsonObject, JsonValue } from "./json.ts";

export type ScalarResult = { readonly ok: true; readonly value: JsonValue } | { readonly ok: false; reason: string };

const INTEGER_RANGES: Readonly<Record<string, readonly [number, number]>> = {
  int32: [-2147483648, 2147483647],
  uint32: [0, 4294967295],
  // Beyond this a number is not exact; nothing in Istio's configuration comes near.
  int64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  uint64: [0, Number.MAX_SAFE_INTEGER],
};

/** What a value is, for messages: "a number", "a list" … */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return "null";
  if (Array.isArray(value)) return "a list";
  switch (typeof value) {
    case "string":
      return "a string";
    case "number":
    case "bigint":
      return "a number";
    case "boolean":
      return "a boolean";
    default:
      return "an object";
  }
}

/** One scalar in normal form, or why it is none. */
export function decodeScalar(type: ScalarType, raw: unknown): ScalarResult {
  switch (type) {
    case "string":
      return typeof raw === "string" ? ok(raw) : wrong("a string", raw);
    case "bool":
      return typeof raw === "boolean" ? ok(raw) : wrong("true or false", raw);
    case "bytes":
      if (typeof raw !== "string") return wrong("a base64 string", raw);
      return /^[A-Za-z0-9+/_-]*={0,2}$/.test(raw) ? ok(raw) : { ok: false, reason: "is not base64" };
    case "int32":
    case "uint32":
    case "int64":
    case "uint64":
      return decodeInteger(type, raw);
    case "float":
    case "double":
      return decodeNumber(raw);
    case "duration":
      return decodeDuration(raw);
    case "timestamp":
      if (typeof raw !== "string") return wrong("a timestamp", raw);
      return Number.isNaN(Date.parse(raw)) ? { ok: false, reason: "is not an RFC 3339 timestamp" } : ok(raw);
    case "value":
      return ok(raw as JsonValue);
    case "list":
      return Array.isArray(raw) ? ok(raw as JsonValue[]) : wrong("a list", raw);
    case "struct":
    case "empty":
      if (typeof raw !== "object" || raw === null || Array.isArray(raw)) return wrong("an object", raw);
      return ok(raw as JsonObject);
  }
}

function ok(value: JsonValue): ScalarResult {
  return { ok: true, value };
}

function wrong(expected: string, raw: unknown): ScalarResult {
  return { ok: false, reason: `must be ${expected}, not ${describe(raw)}` };
}

function decodeInteger(type: string, raw: unknown): ScalarResult {
  const value = typeof raw === "string" && /^-?\d+$/.test(raw) ? Number(raw) : raw;
  if (typeof value !== "number") return wrong("an integer", raw);
  if (!Number.isInteger(value)) return { ok: false, reason: `must be an integer, not ${value}` };
  const [low, high] = INTEGER_RANGES[type]!;
  if (value < low || value > high) return { ok: false, reason: `must be between ${low} and ${high}, not ${value}` };
  return ok(value);
}

function decodeNumber(raw: unknown): ScalarResult {
  if (typeof raw === "number") return ok(raw);
  if (typeof raw === "string" && raw.trim() !== "" && Number.isFinite(Number(raw))) return ok(Number(raw));
  return wrong("a number", raw);
}

function decodeDuration(raw: unknown): ScalarResult {
  if (typeof raw !== "string") return wrong('a duration such as "1.5s"', raw);
  // The usual form is its own normal form.
  if (/^(0|[1-9]\d{0,8})s$/.test(raw)) return ok(raw);
  const nanos = parseGoDurationNanos(raw);
  if (nanos === undefined)
    return { ok: false, reason: `${JSON.stringify(raw)} is not a duration such as "1.5s" or "1h30m"` };
  return ok(formatSeconds(nanos));
}
