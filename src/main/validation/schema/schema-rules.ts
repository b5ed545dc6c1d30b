// The rules that schemas of Istio's custom resources have beside limits. Main thread.
import { parseGoDurationNanos } from "../../../shared/go-duration.ts";
import { urlProblem } from "../common/urls.ts";
import { isObject } from "../structural/json.ts";

type Fields = Readonly<Record<string, unknown>>;

interface Rule {
  readonly message: string;
  readonly holds: (value: unknown) => boolean;
}

export type SchemaRule = keyof typeof SCHEMA_RULES;

/** By the name that the constraints have for them. What throws doesn't hold. */
export const SCHEMA_RULES = {
  accountsAlone: {
    message: "Cannot set serviceAccounts with namespaces or principals",
    holds: (v) =>
      !(has(v, "serviceAccounts") || has(v, "notServiceAccounts")) ||
      !["principals", "notPrincipals", "namespaces", "notNamespaces"].some((name) => has(v, name)),
  },
  addressOrNetwork: { message: "Address is required", holds: (v) => has(v, "address") || has(v, "network") },
  distinctNumbers: {
    message: "port number cannot be duplicated",
    holds: (v) => {
      const numbers = list(v).map((port) => fields(port).number);
      return new Set(numbers).size === numbers.length;
    },
  },
  httpScheme: {
    message: "scheme must be one of [HTTP, HTTPS]",
    holds: (v) => v === "" || v === "HTTP" || v === "HTTPS",
  },
  httpUrl: {
    message: "url must have scheme http:// or https://",
    holds: (v) => isUrl(text(v)) && ["http", "https"].includes(schemeOf(text(v))),
  },
  inlineValue: {
    message: "value may only be set when valueFrom is INLINE",
    holds: (v) => fields(v).valueFrom !== "HOST" || !has(v, "value"),
  },
  millisecond: {
    message: "must be a valid duration greater than 1ms",
    holds: (v) => (parseGoDurationNanos(text(v)) ?? 0n) >= 1_000_000n,
  },
  nameOrNames: {
    message: "only one of credentialName or credentialNames can be set",
    holds: (v) => atMostOne(v, "credentialName", "credentialNames"),
  },
  namesOrCertificates: {
    message: "only one of credentialNames or tlsCertificates can be set",
    holds: (v) => atMostOne(v, "credentialNames", "tlsCertificates"),
  },
  noEmptyKey: { message: "key must not be empty", holds: (v) => Object.keys(fields(v)).every((key) => key !== "") },
  noEndpointsForNone: {
    message: "NONE mode cannot set endpoints",
    holds: (v) => (fields(v).resolution ?? "NONE") !== "NONE" || !has(v, "endpoints"),
  },
  noNamespace: { message: "cross namespace referencing is not currently supported", holds: (v) => text(v) === "" },
  noWildcard: { message: "wildcard not allowed in label value match", holds: (v) => !text(v).includes("*") },
  noWildcardHost: { message: "hostname cannot be wildcard", holds: (v) => v !== "*" },
  noWildcardInKeys: {
    message: "wildcard not allowed in label key match",
    holds: (v) => Object.keys(fields(v)).every((key) => !key.includes("*")),
  },
  noWildcardInSelector: { message: "wildcard is not supported in selector", holds: (v) => !text(v).includes("*") },
  oneEndpointForRoundRobin: {
    message: "DNS_ROUND_ROBIN mode cannot have multiple endpoints",
    holds: (v) => fields(v).resolution !== "DNS_ROUND_ROBIN" || list(fields(v).endpoints ?? []).length <= 1,
  },
  oneKeySource: {
    message: "only one of jwks or jwksUri can be set",
    holds: (v) => atMostOne(v, "jwksUri", "jwks_uri", "jwks"),
  },
  port: { message: "port must be between 1-65535", holds: (v) => isPort(v) },
  portKeys: {
    message: "port must be between 1-65535",
    holds: (v) =>
      Object.keys(fields(v)).every((key) => {
        if (!/^-?\d+$/.test(key)) throw new Error("type conversion error from 'string' to 'int'");
        return isPort(Number(key));
      }),
  },
  portNames: {
    message: "port name must be valid",
    holds: (v) =>
      Object.keys(fields(v)).every((key) => key.length < 63 && /^[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?$/.test(key)),
  },
  portsNeedSelector: {
    message: "portLevelMtls requires selector",
    holds: (v) =>
      !has(v, "portLevelMtls") || Object.keys(fields(fields(fields(v).selector ?? {}).matchLabels ?? {})).length > 0,
  },
  rangesNeedStatic: {
    message: "CIDR addresses are allowed only for NONE/STATIC resolution types",
    holds: (v) =>
      !list(fields(v).addresses ?? []).some((address) => text(address).includes("/")) ||
      ["STATIC", "NONE"].includes(text(fields(v).resolution ?? "NONE")),
  },
  removeHasNoValue: {
    message: "value must not be set when operation is REMOVE",
    holds: (v) => fields(v).operation !== "REMOVE" || !has(v, "value"),
  },
  selectorOrEndpoints: {
    message: "only one of WorkloadSelector or Endpoints can be set",
    holds: (v) => atMostOne(v, "workloadSelector", "endpoints"),
  },
  selectorOrTargets: {
    message: "only one of targetRefs or selector can be set",
    holds: (v) => atMostOne(v, "selector", "targetRef", "targetRefs"),
  },
  socketHasNoPorts: {
    message: "UDS may not include ports",
    holds: (v) => !text(fields(v).address ?? "").startsWith("unix://") || !has(v, "ports"),
  },
  socketIsAbsolute: {
    message: "UDS must be an absolute path or abstract socket",
    holds: (v) => !text(v).startsWith("unix://") || /^[/@]/.test(text(v).slice("unix://".length)),
  },
  socketIsFile: {
    message: "UDS may not be a dir",
    holds: (v) => !text(v).startsWith("unix://") || !text(v).endsWith("/"),
  },
  upsertHasValue: {
    message: "value must be set when operation is UPSERT",
    holds: (v) => fields(v).operation !== "UPSERT" || text(fields(v).value) !== "",
  },
  wasmOrLua: { message: "exactly one of wasm or lua must be set", holds: (v) => has(v, "wasm") !== has(v, "lua") },
  wasmUrl: {
    message: "url must have schema one of [http, https, file, oci]",
    holds: (v) => {
      const url = isUrl(text(v)) ? text(v) : `http://${text(v)}`;
      return isUrl(url) && ["", "http", "https", "file", "oci"].includes(schemeOf(url));
    },
  },
  waypointMatch: {
    message: "only support waypointMatch when context is WAYPOINT",
    holds: (v) => (fields(v).context === "WAYPOINT") === has(v, "waypoint"),
  },
  workloadSelectorOrTargets: {
    message: "only one of targetRefs or workloadSelector can be set",
    holds: (v) => atMostOne(v, "workloadSelector", "targetRefs"),
  },
} satisfies Readonly<Record<string, Rule>>;

function fields(value: unknown): Fields {
  if (!isObject(value)) throw new Error("no such overload");
  return value;
}

function list(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new Error("no such overload");
  return value as unknown[];
}

function text(value: unknown): string {
  if (typeof value !== "string") throw new Error("no such key");
  return value;
}

function has(value: unknown, name: string): boolean {
  return Object.hasOwn(fields(value), name);
}

function atMostOne(value: unknown, ...names: readonly string[]): boolean {
  return names.filter((name) => has(value, name)).length <= 1;
}

function isPort(value: unknown): boolean {
  return typeof value === "number" && value > 0 && value <= 65535;
}

/** An absolute URL, or a path. */
function isUrl(url: string): boolean {
  return (url.startsWith("/") || schemeOf(url) !== "") && urlProblem(url) === undefined;
}

function schemeOf(url: string): string {
  return /^([a-zA-Z][a-zA-Z0-9+.-]*):/.exec(url)?.[1]?.toLowerCase() ?? "";
}
