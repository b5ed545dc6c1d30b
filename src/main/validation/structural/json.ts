// Plain JSON, as decoding takes and gives it. Main thread.

export type JsonValue = null | boolean | number | string | JsonValue[] | JsonObject;
export interface JsonObject {
  [key: string]: JsonValue;
}

/** What is wrong with one field. */
export interface FieldError {
  /** Such as `spec.http[0].route[1].weight`; "" for the whole object. */
  readonly field: string;
  readonly reason: string;
}

/** Whether a value is a JSON object: not null and not a list. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
