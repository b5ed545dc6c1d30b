// Says what an API server that has Istio's custom resources would refuse: structure, limits and rules of their schemas.
// The webhook's rules are apart from these, and files are not held to them. Main thread.
import type { IstioKind } from "../../../shared/model/config.ts";
import { ISTIO_KIND_INFO } from "../istio-kinds.ts";
import type { Descriptors, EnumSchema, FieldSchema, MessageSchema } from "../structural/descriptors.ts";
import { isObject } from "../structural/json.ts";
import { decodeScalar } from "../structural/scalars.ts";
import type { Constraint } from "./constraint.ts";
import { MESSAGE_CONSTRAINTS, SPEC_CONSTRAINTS } from "./constraints-table.ts";
import { SCHEMA_RULES, type SchemaRule } from "./schema-rules.ts";

/** The two fields whose old spelling the schemas still have. */
const OLD_NAMES: Readonly<Record<string, string>> = { mirror_percent: "mirrorPercent", jwks_uri: "jwksUri" };

/** All problems of a raw object of one of Istio's kinds, in the words of the API server. */
export function checkSchema(descriptors: Descriptors, raw: unknown): string[] {
  if (!isObject(raw) || typeof raw.kind !== "string" || !Object.hasOwn(ISTIO_KIND_INFO, raw.kind)) {
    return ["no matches for kind"];
  }
  const kind = raw.kind as IstioKind;
  const { required, ...constraint } = SPEC_CONSTRAINTS[kind] ?? {};
  if (raw.spec === undefined) return required ? ["spec: Required value"] : [];
  const structural: string[] = [];
  const check: Check = { problems: structural, rules: [] };
  checkOne(check, descriptors.message(ISTIO_KIND_INFO[kind].message), constraint, raw.spec, "spec");
  // Rules are asked only of what has the right structure.
  return structural.length > 0 ? structural : check.rules;
}

interface Check {
  readonly problems: string[];
  readonly rules: string[];
}

function checkMessage(
  check: Check,
  schema: MessageSchema,
  value: Readonly<Record<string, unknown>>,
  path: string,
): void {
  const constraints = MESSAGE_CONSTRAINTS[schema.fullName];
  for (const name of constraints?.required ?? []) {
    if (!Object.hasOwn(value, name)) check.problems.push(`${path}.${name}: Required value`);
  }
  const oneofs = new Map<string, string>();
  for (const [key, item] of Object.entries(value)) {
    const field = schema.fields.get(OLD_NAMES[key] ?? key);
    const fieldPath = `${path}.${key}`;
    if (!field) {
      check.problems.push(`${fieldPath}: unknown field`);
      continue;
    }
    if (field.oneof !== "") {
      const other = oneofs.get(field.oneof);
      if (other !== undefined)
        check.problems.push(`${path}: Invalid value: must validate one and only one schema (oneOf)`);
      oneofs.set(field.oneof, key);
    }
    checkField(check, field, constraints?.fields?.[key] ?? {}, item, fieldPath);
  }
}

function checkField(check: Check, field: FieldSchema, constraint: Constraint, value: unknown, path: string): void {
  if (value === null && constraint.nullable) return;
  if (field.shape === "single") {
    checkOne(check, field.type, constraint, value, path);
    return;
  }
  if (field.shape === "repeated") {
    if (!Array.isArray(value)) {
      wrongType(check, path, "array", value);
      return;
    }
    const items = value as readonly unknown[];
    checkSize(check, path, items.length, constraint.minItems, constraint.maxItems, "items");
    for (const [i, item] of items.entries()) checkOne(check, field.type, constraint.item ?? {}, item, `${path}[${i}]`);
    checkDuplicates(check, constraint, items, path);
  } else {
    if (!isObject(value)) {
      wrongType(check, path, "object", value);
      return;
    }
    checkSize(check, path, Object.keys(value).length, constraint.minProperties, constraint.maxProperties, "properties");
    for (const [key, item] of Object.entries(value)) {
      checkOne(check, field.type, constraint.value ?? {}, item, `${path}.${key}`);
    }
  }
  checkRules(check, constraint.rules, value, path);
}

function checkOne(check: Check, type: FieldSchema["type"], constraint: Constraint, value: unknown, path: string): void {
  if (value === null && constraint.nullable) return;
  if (typeof type === "string") {
    checkScalar(check, type, value, path);
    checkLimits(check, constraint, value, path);
  } else if ("fields" in type) {
    if (!isObject(value)) {
      wrongType(check, path, "object", value);
      return;
    }
    checkMessage(check, type, value, path);
  } else {
    checkEnum(check, type, value, path);
  }
  checkRules(check, constraint.rules, value, path);
}

const JSON_TYPES: Readonly<Record<string, string>> = {
  string: "string",
  bytes: "string",
  duration: "string",
  timestamp: "string",
  bool: "boolean",
  float: "number",
  double: "number",
  struct: "object",
  empty: "object",
  list: "array",
};

function checkScalar(check: Check, type: string, value: unknown, path: string): void {
  const expected = JSON_TYPES[type] ?? "integer";
  if (type === "value") return;
  const found = jsonType(value);
  const fits = found === expected || (expected === "number" && found === "integer");
  // A schema has a duration as any text; what it means is for a rule.
  const scalar = type === "duration" || type === "timestamp" ? "string" : type;
  if (!fits) wrongType(check, path, expected, value);
  else if (!decodeScalar(scalar as Parameters<typeof decodeScalar>[0], value).ok) {
    check.problems.push(`${path}: Invalid value: ${JSON.stringify(value)}`);
  }
}

function jsonType(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value;
}

function wrongType(check: Check, path: string, expected: string, value: unknown): void {
  check.problems.push(`${path}: Invalid value: ${path} in body must be of type ${expected}: "${jsonType(value)}"`);
}

function checkEnum(check: Check, type: EnumSchema, value: unknown, path: string): void {
  if (typeof value !== "string") wrongType(check, path, "string", value);
  else if (!type.values.has(value)) {
    const names = [...type.values.keys()].map((name) => JSON.stringify(name)).join(", ");
    check.problems.push(`${path}: Unsupported value: ${JSON.stringify(value)}: supported values: ${names}`);
  }
}

function checkLimits(check: Check, limits: Constraint, value: unknown, path: string): void {
  const fail = (text: string): void => {
    check.problems.push(`${path}: Invalid value: ${path} in body ${text}`);
  };
  if (typeof value === "string") {
    const length = [...value].length;
    if (limits.minLength !== undefined && length < limits.minLength)
      fail(`should be at least ${limits.minLength} chars long`);
    if (limits.maxLength !== undefined && length > limits.maxLength)
      fail(`may not be more than ${limits.maxLength} bytes`);
    if (limits.pattern !== undefined && !new RegExp(limits.pattern).test(value))
      fail(`should match '${limits.pattern}'`);
  } else if (typeof value === "number") {
    if (limits.min !== undefined && value < limits.min) fail(`should be greater than or equal to ${limits.min}`);
    if (limits.max !== undefined && value > limits.max) fail(`should be less than or equal to ${limits.max}`);
  }
}

function checkSize(
  check: Check,
  path: string,
  size: number,
  min: number | undefined,
  max: number | undefined,
  what: string,
): void {
  if (min !== undefined && size < min) {
    check.problems.push(`${path}: Invalid value: ${path} in body should have at least ${min} ${what}`);
  }
  if (max !== undefined && size > max)
    check.problems.push(`${path}: Too many: ${size}: must have at most ${max} ${what}`);
}

function checkDuplicates(check: Check, { keys, set }: Constraint, items: readonly unknown[], path: string): void {
  if (!keys && !set) return;
  const seen = new Set<string>();
  for (const [i, item] of items.entries()) {
    const identity = keys && isObject(item) ? keys.map((key) => item[key]) : item;
    const text = JSON.stringify(identity);
    if (seen.has(text)) check.problems.push(`${path}[${i}]: Duplicate value: ${text}`);
    seen.add(text);
  }
}

function checkRules(check: Check, rules: readonly SchemaRule[] | undefined, value: unknown, path: string): void {
  for (const name of rules ?? []) {
    const rule = SCHEMA_RULES[name];
    let reason: string | undefined = rule.message;
    try {
      if (rule.holds(value)) reason = undefined;
    } catch (error) {
      if (error instanceof Error && error.message.startsWith("type conversion")) reason = error.message;
    }
    if (reason !== undefined) check.rules.push(`${path}: Invalid value: "${jsonType(value)}": ${reason}`);
  }
}
