// Validates one object of Istio's configuration: structure first, then the rules of its kind. Main thread.
import { type ConfigObject, ISTIO_KINDS, type IstioKind, type Origin } from "../../shared/model/config.ts";
import { readObjectMeta } from "../sources/convert/object-meta.ts";
import { ISTIO_KIND_INFO, splitApiVersion } from "./istio-kinds.ts";
import { newReport, type Report } from "./report.ts";
import { KIND_RULES, type RuleInput } from "./rules.ts";
import { type DecodeResult, decodeMessage } from "./structural/decode.ts";
import type { Descriptors } from "./structural/descriptors.ts";
import { type FieldError, isObject } from "./structural/json.ts";
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
  return (raw, origin) => validateObject(options, raw, origin);
}

const TOP_LEVEL = new Set(["apiVersion", "kind", "metadata", "spec", "status"]);

function validateObject(options: ValidatorOptions, raw: unknown, origin: Origin): ValidationResult {
  if (!isObject(raw)) return failed([{ field: "", reason: "must be an object" }]);
  const { kind, apiVersion } = raw;
  const info = isIstioKind(kind) ? ISTIO_KIND_INFO[kind] : undefined;
  if (!isIstioKind(kind) || !info) {
    const near = typeof kind === "string" ? nearestName(kind, ISTIO_KINDS) : undefined;
    return failed([{ field: "kind", reason: `unknown kind${near === undefined ? "" : `; did you mean ${near}?`}` }]);
  }
  const { group, version } = splitApiVersion(typeof apiVersion === "string" ? apiVersion : "");
  if (group !== info.group || !info.versions.includes(version)) {
    const served = info.versions.map((v) => `${info.group}/${v}`).join(", ");
    return failed([
      { field: "apiVersion", reason: `${JSON.stringify(apiVersion)} does not serve ${kind}; ${served} do` },
    ]);
  }

  const result: DecodeResult = { errors: [], deferred: [] };
  for (const key of Object.keys(raw)) {
    if (!TOP_LEVEL.has(key)) result.errors.push({ field: key, reason: "unknown field" });
  }
  const meta = readObjectMeta(raw.metadata, "namespaced", result.errors);
  const spec = decodeMessage(options.descriptors.message(info.message), raw.spec, "spec", result);
  if (result.errors.length > 0) return failed(result.errors);

  const report = applyRules(kind, { meta, spec, features: options.features });
  const errors = report.errors.length > 0 ? report.errors : result.deferred;
  if (errors.length > 0) return failed(errors);
  const status = raw.status === undefined || raw.status === null ? {} : { status: raw.status };
  const object: ConfigObject = { kind, apiVersion: apiVersion as string, meta, spec, ...status, origin };
  return { ok: true, object, warnings: report.warnings };
}

/** The semantic rules alone, for a spec that is decoded. */
export function applyRules(kind: IstioKind, input: RuleInput): Report {
  const report = newReport();
  KIND_RULES[kind]?.(input, report);
  return report;
}

function isIstioKind(kind: unknown): kind is IstioKind {
  return typeof kind === "string" && Object.hasOwn(ISTIO_KIND_INFO, kind);
}

function failed(errors: readonly FieldError[]): ValidationResult {
  return { ok: false, errors };
}
