// Validates one object of Istio's configuration: structure first, then the rules of its kind. Main thread.
import {
  type ConfigObject,
  ISTIO_KINDS,
  type IstioKind,
  type ObjectMeta,
  type Origin,
} from "../../shared/model/config.ts";
import { readObjectMeta } from "../sources/convert/object-meta.ts";
import { ISTIO_KIND_INFO, splitApiVersion } from "./istio-kinds.ts";
import { KIND_RULES } from "./kind-rules.ts";
import { newReport } from "./report.ts";
import type { RuleInput } from "./rules.ts";
import { type DecodeResult, decodeMessage } from "./structural/decode.ts";
import type { Descriptors } from "./structural/descriptors.ts";
import { type FieldError, isObject, type JsonObject } from "./structural/json.ts";
import { nearestName } from "./structural/suggest.ts";

export type ValidationResult =
  | { readonly ok: true; readonly object: ConfigObject; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly errors: readonly FieldError[] };

/** Validates raw objects of Istio's kinds. */
export type ValidateObject = (raw: unknown, origin: Origin) => ValidationResult;

export interface ValidatorOptions {
  readonly descriptors: Descriptors;
  readonly features: RuleInput["features"];
}

/** Made once and handed to every source. */
export function createValidator(options: ValidatorOptions): ValidateObject {
  return (raw, origin) => {
    const checked = checkObject(options, raw);
    if (checked.errors.length > 0 || !checked.content) return { ok: false, errors: checked.errors };
    return { ok: true, object: { ...checked.content, origin }, warnings: checked.warnings };
  };
}

/** All that validation finds. */
export interface CheckedObject {
  /** Absent where not even the kind is known. With errors it is not to be used. */
  readonly content?: Omit<ConfigObject<JsonObject>, "origin">;
  readonly errors: readonly FieldError[];
  readonly warnings: readonly string[];
  /** True where istiod writes even a single error as a list of one. */
  readonly listed: boolean;
}

const TOP_LEVEL = new Set(["apiVersion", "kind", "metadata", "spec", "status"]);
/** Refuses an object whatever it holds, so that tests can tell that validation is at work. */
const ALWAYS_REJECT = "internal.istio.io/webhook-always-reject";

/** Validates a raw object, and tells errors and warnings apart. */
export function checkObject(options: ValidatorOptions, raw: unknown): CheckedObject {
  if (!isObject(raw)) return failed([{ field: "", reason: "must be an object" }]);
  const { kind, apiVersion } = raw;
  if (!isIstioKind(kind)) {
    const near = typeof kind === "string" ? nearestName(kind, ISTIO_KINDS) : undefined;
    return failed([{ field: "kind", reason: `unknown kind${near === undefined ? "" : `; did you mean ${near}?`}` }]);
  }
  const info = ISTIO_KIND_INFO[kind];
  const { group, version } = splitApiVersion(typeof apiVersion === "string" ? apiVersion : "");
  if (group !== info.group || !info.versions.includes(version)) {
    const served = info.versions.map((v) => `${info.group}/${v}`).join(", ");
    const reason = `${JSON.stringify(apiVersion)} does not serve ${kind}; it is served by ${served}`;
    return failed([{ field: "apiVersion", reason }]);
  }

  const result: DecodeResult = { errors: [], deferred: [] };
  for (const key of Object.keys(raw)) {
    if (!TOP_LEVEL.has(key)) result.errors.push({ field: key, reason: "unknown field" });
  }
  const meta = readObjectMeta(raw.metadata, "namespaced", result.errors);
  const spec = decodeMessage(options.descriptors.message(info.message), raw.spec, "spec", result);
  if (result.errors.length > 0) return failed(result.errors);
  return checkContent(options, kind, apiVersion as string, meta, spec, raw.status, result.deferred);
}

function checkContent(
  options: ValidatorOptions,
  kind: IstioKind,
  apiVersion: string,
  meta: ObjectMeta,
  spec: JsonObject,
  status: unknown,
  deferred: readonly FieldError[],
): CheckedObject {
  const report = newReport();
  if (meta.annotations[ALWAYS_REJECT] === "true") {
    report.errors.push({ field: "metadata.annotations", reason: `annotation ${ALWAYS_REJECT} asks for a rejection` });
  }
  KIND_RULES[kind]({ meta, spec, features: options.features }, report);
  return {
    content: { kind, apiVersion, meta, spec, ...(status === undefined || status === null ? {} : { status }) },
    errors: report.errors.length > 0 ? report.errors : deferred,
    warnings: report.warnings,
    listed: report.listed,
  };
}

function isIstioKind(kind: unknown): kind is IstioKind {
  return typeof kind === "string" && Object.hasOwn(ISTIO_KIND_INFO, kind);
}

function failed(errors: readonly FieldError[]): CheckedObject {
  return { errors, warnings: [], listed: false };
}
