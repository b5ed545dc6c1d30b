// How a patch's value is merged into a generated message. Worker threads, pure.
// Singular messages are merged field by field, lists are added to or replaced, entries of maps are replaced.
import type { Field, Type } from "protobufjs";
import { type AnyValue, encode, type Message, opened } from "./message-types.ts";

/** What happens to lists that a patch gives. */
export type Lists = "append" | "replace";

/** Its two fields are one value. */
const DURATION = ".google.protobuf.Duration";

/** Merges `from` into `into`. Parts of `from` are copied, so that it can be merged into others. */
export function merge(type: Type, into: Message, from: Message, lists: Lists = "append"): void {
  for (const field of type.fieldsArray) {
    if (!has(field, from)) continue;
    const { name } = field;
    const value = from[name];
    if (field.map) {
      into[name] = { ...(into[name] as object | undefined), ...(copy(value) as object) };
    } else if (field.repeated) {
      const before = lists === "append" ? ((into[name] as unknown[] | undefined) ?? []) : [];
      into[name] = [...before, ...(copy(value) as unknown[])];
    } else {
      leaveOthersOut(field, into);
      const inner = messageTypeOf(field);
      const own = into[name] as Message | null | undefined;
      if (inner && own && inner.fullName !== DURATION) merge(inner, own, value as Message, lists);
      else into[name] = copy(value);
    }
  }
}

/** Two Anys of the same known type as one; undefined where they aren't. */
export function mergedAny(into: AnyValue, from: AnyValue): AnyValue | undefined {
  const [a, b] = [opened(into), opened(from)];
  if (!a || !b || a.type !== b.type) return undefined;
  merge(a.type, a.message, b.message);
  return { type_url: into.type_url, value: encode(a.type, a.message) };
}

/** A copy that shares nothing which merging alters. */
export function copy<T>(value: T): T {
  if (Array.isArray(value)) return value.map(copy) as T;
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  const out = Object.create(Object.getPrototypeOf(value) as object | null) as Record<string, unknown>;
  for (const [key, inner] of Object.entries(value)) out[key] = copy(inner);
  return out as T;
}

function messageTypeOf(field: Field): Type | undefined {
  const resolved = field.resolvedType;
  return resolved && "fieldsArray" in resolved ? resolved : undefined;
}

/** True for a field that protobuf would put on the wire. */
function has(field: Field, message: Message): boolean {
  if (!Object.hasOwn(message, field.name)) return false;
  const value = message[field.name];
  if (value === undefined || value === null) return false;
  if (field.map) return Object.keys(value).length > 0;
  if (field.repeated) return (value as unknown[]).length > 0;
  if (messageTypeOf(field) || field.hasPresence) return true;
  if (value instanceof Uint8Array) return value.length > 0;
  // Numbers of 64 bits may be objects.
  return typeof value === "object" ? String(value) !== "0" : !!value;
}

/** A field of a oneof takes the place of the others. */
function leaveOthersOut(field: Field, message: Message): void {
  for (const other of field.partOf?.oneof ?? []) if (other !== field.name) delete message[other];
}
