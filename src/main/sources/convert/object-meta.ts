// The metadata of a raw object, Istio's or Kubernetes'. Main thread.
import type { ObjectMeta } from "../../../shared/model/config.ts";
import { type FieldError, isObject } from "../../validation/structural/json.ts";
import { describe } from "../../validation/structural/scalars.ts";

/** Namespace of namespaced objects that name none. */
export const DEFAULT_NAMESPACE = "default";

/** Reads `metadata`; what is wrong with it goes to `errors`. `namespace` is "" for cluster-scoped kinds. */
export function readObjectMeta(raw: unknown, scope: "namespaced" | "cluster", errors: FieldError[]): ObjectMeta {
  const meta = isObject(raw) ? raw : {};
  if (raw !== undefined && raw !== null && !isObject(raw)) {
    errors.push({ field: "metadata", reason: `must be an object, not ${describe(raw)}` });
  }
  const name = text(meta.name, "metadata.name", errors);
  if (name === "") errors.push({ field: "metadata.name", reason: "is required" });
  const namespace = text(meta.namespace, "metadata.namespace", errors);
  return {
    namespace: scope === "cluster" ? "" : namespace || DEFAULT_NAMESPACE,
    name,
    labels: textMap(meta.labels, "metadata.labels", errors),
    annotations: textMap(meta.annotations, "metadata.annotations", errors),
    creationTimestamp: readTimestamp(meta.creationTimestamp),
    resourceVersion: typeof meta.resourceVersion === "string" ? meta.resourceVersion : "",
  };
}

function text(value: unknown, field: string, errors: FieldError[]): string {
  if (value === undefined || value === null) return "";
  if (typeof value === "string") return value;
  errors.push({ field, reason: `must be a string, not ${describe(value)}` });
  return "";
}

function textMap(value: unknown, field: string, errors: FieldError[]): Readonly<Record<string, string>> {
  if (value === undefined || value === null) return {};
  if (!isObject(value)) {
    errors.push({ field, reason: `must be a map, not ${describe(value)}` });
    return {};
  }
  const out: Record<string, string> = {};
  for (const [key, item] of Object.entries(value)) {
    // In YAML an empty value is a null, and Kubernetes takes it for "".
    if (item === null) out[key] = "";
    else if (typeof item === "string") out[key] = item;
    else errors.push({ field: `${field}[${JSON.stringify(key)}]`, reason: `must be a string, not ${describe(item)}` });
  }
  return out;
}

function readTimestamp(value: unknown): number {
  const millis = typeof value === "string" ? Date.parse(value) : value instanceof Date ? value.getTime() : 0;
  return Number.isNaN(millis) ? 0 : millis;
}
