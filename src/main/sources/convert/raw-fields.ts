// Reads fields of raw Kubernetes objects, and notes those that have another type than they should. Main thread.
import { type FieldError, isObject } from "../../validation/structural/json.ts";
import { describe } from "../../validation/structural/scalars.ts";

/** A raw object with the path that leads to it; where the object is missing, so are all of its fields. */
export interface RawObject {
  readonly value: Readonly<Record<string, unknown>>;
  readonly path: string;
  readonly errors: FieldError[];
}

export function rawObject(value: Readonly<Record<string, unknown>>, errors: FieldError[]): RawObject {
  return { value, path: "", errors };
}

function pathOf(raw: RawObject, key: string): string {
  return raw.path === "" ? key : `${raw.path}.${key}`;
}

function wrong(raw: RawObject, key: string, expected: string): void {
  raw.errors.push({ field: pathOf(raw, key), reason: `must be ${expected}, not ${describe(raw.value[key])}` });
}

/** An object field. */
export function child(raw: RawObject, key: string): RawObject {
  const value = raw.value[key];
  if (value !== undefined && value !== null && !isObject(value)) wrong(raw, key, "an object");
  return { value: isObject(value) ? value : {}, path: pathOf(raw, key), errors: raw.errors };
}

/** A list of objects. */
export function children(raw: RawObject, key: string): RawObject[] {
  return list(raw, key).flatMap((value, i) => {
    if (isObject(value)) return [{ value, path: `${pathOf(raw, key)}[${i}]`, errors: raw.errors }];
    raw.errors.push({ field: `${pathOf(raw, key)}[${i}]`, reason: `must be an object, not ${describe(value)}` });
    return [];
  });
}

function list(raw: RawObject, key: string): readonly unknown[] {
  const value = raw.value[key];
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value as unknown[];
  wrong(raw, key, "a list");
  return [];
}

/** A text; `fallback` where there is none. */
export function text(raw: RawObject, key: string, fallback = ""): string {
  const value = raw.value[key];
  if (value === undefined || value === null) return fallback;
  if (typeof value === "string") return value;
  wrong(raw, key, "a string");
  return fallback;
}

/** A list of texts. */
export function texts(raw: RawObject, key: string): string[] {
  const values = list(raw, key);
  if (values.every((value): value is string => typeof value === "string")) return [...values];
  wrong(raw, key, "a list of strings");
  return [];
}

/** A map of texts; null where there is none. */
export function textMap(raw: RawObject, key: string): Record<string, string> | null {
  const value = raw.value[key];
  if (value === undefined || value === null) return null;
  if (!isObject(value)) {
    wrong(raw, key, "a map");
    return null;
  }
  const out: Record<string, string> = {};
  for (const [name, item] of Object.entries(value)) {
    if (typeof item === "string") out[name] = item;
    else if (item === null) out[name] = "";
    else {
      const field = `${pathOf(raw, key)}[${JSON.stringify(name)}]`;
      raw.errors.push({ field, reason: `must be a string, not ${describe(item)}` });
    }
  }
  return out;
}

/** A boolean; undefined where there is none, since Kubernetes gives that a meaning in places. */
export function flag(raw: RawObject, key: string): boolean | undefined {
  const value = raw.value[key];
  if (value === undefined || value === null) return undefined;
  if (typeof value === "boolean") return value;
  wrong(raw, key, "true or false");
  return undefined;
}

/** A port number from 1 to 65535; 0 where there is none. */
export function port(raw: RawObject, key: string): number {
  const value = raw.value[key];
  if (value === undefined || value === null) return 0;
  if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 65535) return value;
  raw.errors.push({ field: pathOf(raw, key), reason: `must be a port number, not ${JSON.stringify(value)}` });
  return 0;
}

/** One of some texts; the first one where there is none. */
export function choice<T extends string>(raw: RawObject, key: string, choices: readonly [T, ...T[]]): T {
  const value = text(raw, key, choices[0]);
  const found = choices.find((c) => c === value);
  if (found !== undefined) return found;
  raw.errors.push({ field: pathOf(raw, key), reason: `${JSON.stringify(value)} is not one of ${choices.join(", ")}` });
  return choices[0];
}
