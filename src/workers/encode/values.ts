// Values of Google's well-known types as the codecs take them. Worker threads, pure.
import type { google } from "../../shared/gen/envoy.js";
import type { Codec } from "./resource-sink.ts";

/** `google.protobuf.Any` as the codecs take it. */
export interface AnyMessage {
  readonly type_url: string;
  readonly value: Uint8Array;
}

export interface DurationMessage {
  seconds: number;
  nanos: number;
}

export const ZERO_DURATION: DurationMessage = { seconds: 0, nanos: 0 };

/** Longest duration that protobuf's rules allow to become Go's: about 292 years, in whole seconds. */
export const MAX_DURATION: DurationMessage = { seconds: 9_223_372_035, nanos: 0 };

/** A duration of milliseconds, to the nanosecond; of one below zero both parts are. */
export function durationMs(ms: number): DurationMessage {
  const seconds = Math.trunc(ms / 1000);
  const nanos = Math.round((ms - seconds * 1000) * 1e6);
  // What is rounded may be a whole second, which protobuf doesn't take as nanos.
  if (Math.abs(nanos) < 1e9) return { seconds, nanos };
  return { seconds: seconds + Math.sign(nanos), nanos: 0 };
}

/** A duration in proto3-JSON form, such as "1.5s"; undefined for absent ones. */
export function parseDuration(text: string | undefined): DurationMessage | undefined {
  if (text === undefined) return undefined;
  const match = /^(-?)(\d+)(?:\.(\d{1,9}))?s$/.exec(text);
  if (!match) return undefined;
  const sign = match[1] === "-" ? -1 : 1;
  return { seconds: sign * Number(match[2]), nanos: sign * Number((match[3] ?? "").padEnd(9, "0")) };
}

/** The milliseconds of a duration in proto3-JSON form, 0 when absent. */
export function durationToMs(text: string | undefined): number {
  const d = parseDuration(text);
  return d ? d.seconds * 1000 + d.nanos / 1e6 : 0;
}

/** A message wrapped as Any. `name` is its full name. */
export function any<T>(name: string, codec: Codec<T>, message: T): AnyMessage {
  return { type_url: `type.googleapis.com/${name}`, value: codec.encode(message).finish() };
}

type Json = unknown;

/** `google.protobuf.Struct` of a plain object. */
export function struct(object: Readonly<Record<string, Json>>): google.protobuf.IStruct {
  const fields: Record<string, google.protobuf.IValue> = {};
  // Maps have no order on the wire that readers may rely on; a fixed one keeps the bytes equal.
  for (const key of Object.keys(object).sort()) fields[key] = value(object[key]);
  return { fields };
}

/** `google.protobuf.Value` of plain JSON. */
export function value(json: Json): google.protobuf.IValue {
  if (json === null || json === undefined) return { nullValue: 0 };
  if (typeof json === "string") return { stringValue: json };
  if (typeof json === "number") return { numberValue: json };
  if (typeof json === "boolean") return { boolValue: json };
  if (Array.isArray(json)) return { listValue: { values: json.map(value) } };
  return { structValue: struct(json as Record<string, Json>) };
}

/** A wrapper message, or null for an absent value, which the codecs leave out. */
export function wrap<T>(v: T | undefined | null): { value: T } | null {
  return v === undefined || v === null ? null : { value: v };
}
