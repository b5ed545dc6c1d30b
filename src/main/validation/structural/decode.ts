// Decodes what a user wrote into the proto3-JSON form of a message, or says what is wrong and where. Main thread.
import type { EnumSchema, FieldSchema, MessageSchema } from "./descriptors.ts";
import { type FieldError, isObject, type JsonObject, type JsonValue } from "./json.ts";
import { decodeScalar, describe } from "./scalars.ts";
import { nearestName } from "./suggest.ts";

/** Where decoding reports to. */
export interface DecodeResult {
  readonly errors: FieldError[];
  /** Enum numbers without a name: kept as numbers, for rules that name them in their own way. */
  readonly deferred: FieldError[];
}

/**
 * The message in normal form: lowerCamelCase names, enums by name, durations in seconds, no nulls (an empty item of a
 * list of messages is an empty message). Names in snake_case
 * and enum numbers are taken too. With anything in `result` the value is not to be used past validation.
 */
export function decodeMessage(schema: MessageSchema, value: unknown, path: string, result: DecodeResult): JsonObject {
  const out: JsonObject = {};
  if (value === null || value === undefined) return out;
  if (!isObject(value)) {
    result.errors.push({ field: path, reason: `must be an object, not ${describe(value)}` });
    return out;
  }
  const oneofs = new Map<string, string>();
  for (const key of Object.keys(value)) {
    const raw = value[key];
    const field = findField(schema, key);
    const fieldPath = path === "" ? key : `${path}.${key}`;
    if (!field) {
      result.errors.push({ field: fieldPath, reason: unknownField(schema, key) });
      continue;
    }
    // A null is the same as leaving the field out, but in google.protobuf.Value, where it is a value.
    if (raw === undefined || (raw === null && field.type !== "value")) continue;
    if (field.name in out) {
      result.errors.push({ field: fieldPath, reason: `is the same field as ${field.name}, and given twice` });
      continue;
    }
    if (field.oneof !== "") {
      const other = oneofs.get(field.oneof);
      if (other !== undefined) {
        result.errors.push({ field: fieldPath, reason: `cannot be set together with ${other}` });
        continue;
      }
      oneofs.set(field.oneof, field.name);
    }
    const decoded = decodeField(field, raw, fieldPath, result);
    if (decoded !== undefined) out[field.name] = decoded;
  }
  return out;
}

function findField(schema: MessageSchema, key: string): FieldSchema | undefined {
  const field = schema.fields.get(key);
  if (field || !key.includes("_")) return field;
  return schema.fields.get(key.replace(/_([a-z0-9])/g, (_, c: string) => c.toUpperCase()));
}

function unknownField(schema: MessageSchema, key: string): string {
  const near = nearestName(key, schema.fields.keys());
  return near === undefined ? "unknown field" : `unknown field; did you mean ${near}?`;
}

function decodeField(field: FieldSchema, raw: unknown, path: string, result: DecodeResult): JsonValue | undefined {
  if (field.shape === "repeated") {
    if (!Array.isArray(raw)) {
      result.errors.push({ field: path, reason: `must be a list, not ${describe(raw)}` });
      return undefined;
    }
    return raw.map((item: unknown, i) => {
      return decodeOne(field.type, item, `${path}[${i}]`, result) ?? null;
    });
  }
  if (field.shape === "map") {
    if (!isObject(raw)) {
      result.errors.push({ field: path, reason: `must be a map, not ${describe(raw)}` });
      return undefined;
    }
    const out: JsonObject = {};
    for (const [key, item] of Object.entries(raw)) {
      const decoded = decodeOne(field.type, item, `${path}[${JSON.stringify(key)}]`, result);
      if (decoded !== undefined) defineKey(out, key, decoded);
    }
    return out;
  }
  return decodeOne(field.type, raw, path, result);
}

/** Sets a key that a user chose: `__proto__` too becomes a plain key. */
function defineKey(target: JsonObject, key: string, value: JsonValue): void {
  if (key === "__proto__") Object.defineProperty(target, key, { value, enumerable: true, writable: true });
  else target[key] = value;
}

function decodeOne(type: FieldSchema["type"], raw: unknown, path: string, result: DecodeResult): JsonValue | undefined {
  if (typeof type === "string") {
    const decoded = decodeScalar(type, raw);
    if (decoded.ok) return decoded.value;
    result.errors.push({ field: path, reason: decoded.reason });
    return undefined;
  }
  if ("fields" in type) return decodeMessage(type, raw, path, result);
  return decodeEnum(type, raw, path, result);
}

function decodeEnum(type: EnumSchema, raw: unknown, path: string, result: DecodeResult): JsonValue | undefined {
  if (typeof raw === "string" && type.values.has(raw)) return raw;
  if (typeof raw === "number" && Number.isInteger(raw)) {
    const name = type.names.get(raw);
    if (name !== undefined) return name;
    result.deferred.push({ field: path, reason: `${raw} is not one of ${enumNames(type)}` });
    return raw;
  }
  const shown = typeof raw === "string" ? JSON.stringify(raw) : describe(raw);
  result.errors.push({ field: path, reason: `${shown} is not one of ${enumNames(type)}` });
  return undefined;
}

function enumNames(type: EnumSchema): string {
  return [...type.values.keys()].join(", ");
}
