// What a rule asks of what is called: host, method, path, port, address, SNI, other filters' metadata. Worker threads, pure.
// https://istio.io/latest/docs/reference/config/security/authorization-policy/#Operation
import { envoy } from "../../../shared/gen/envoy.js";
import type { Security_Condition, Security_Operation } from "../../../shared/gen/istio.js";
import { any } from "../../encode/values.ts";
import { each, type Layer, type Logic, type Term, term } from "./terms.ts";
import { anyOfMatchers, cidrRange, type ValueMatcher, wildcardHeader, wildcardText } from "./wildcards.ts";

export type Permission = envoy.config.rbac.v3.IPermission;
type PermissionTerm = Term<Permission>;

const { UriTemplateMatchConfig } = envoy.extensions.path.match.uri_template.v3;

export const PERMISSION_LOGIC: Logic<Permission> = {
  not: (notRule) => ({ notRule }),
  all: (rules) => ({ andRules: { rules } }),
  anything: { any: true },
};

/** The terms of an operation. */
export function operationTerms(operation: Security_Operation, layer: Layer): PermissionTerm[] {
  const { hosts, notHosts, methods, notMethods, paths, notPaths, ports, notPorts } = operation;
  return [
    term(
      hosts,
      notHosts,
      http(layer, (value) => ({ header: wildcardHeader(":authority", value, true) })),
    ),
    term(
      methods,
      notMethods,
      http(layer, (value) => ({ header: wildcardHeader(":method", value) })),
    ),
    term(paths, notPaths, http(layer, path)),
    term(ports, notPorts, anyOf(port)),
  ];
}

/** The term of a condition about what is called; undefined for conditions about the caller. */
export function permissionCondition({ key = "", values, notValues }: Security_Condition): PermissionTerm | undefined {
  if (key === "destination.ip") return term(values, notValues, anyOf(address));
  if (key === "destination.port") return term(values, notValues, anyOf(port));
  if (key === "connection.sni") {
    return term(
      values,
      notValues,
      anyOf((value) => ({ requestedServerName: wildcardText(value) })),
    );
  }
  if (key.startsWith(METADATA)) return term(values, notValues, (list) => metadata(key, list));
  return undefined;
}

function anyOf(make: (value: string) => Permission | undefined): PermissionTerm["anyOf"] {
  return (values) => {
    const rules = each(values, make);
    return rules && { orRules: { rules } };
  };
}

function http(layer: Layer, make: (value: string) => Permission): PermissionTerm["anyOf"] {
  return layer === "http" ? anyOf(make) : () => undefined;
}

/** `{*}` stands for one segment and `{**}` for any number, which Envoy writes without the braces. */
function path(value: string): Permission {
  if (!value.includes("{*}") && !value.includes("{**}")) return { urlPath: { path: wildcardText(value) } };
  const pathTemplate = value.replaceAll("{*}", "*").replaceAll("{**}", "**");
  const typedConfig = any(
    "envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig",
    UriTemplateMatchConfig,
    { pathTemplate },
  );
  return { uriTemplate: { name: "uri-template", typedConfig } };
}

function port(value: string): Permission | undefined {
  const number = Number(value);
  return /^\d+$/.test(value) && number <= 65535 ? { destinationPort: number } : undefined;
}

function address(value: string): Permission | undefined {
  const destinationIp = cidrRange(value);
  return destinationIp && { destinationIp };
}

const METADATA = "experimental.";

/** `experimental.envoy.filters.NAME[KEY]`; a value in brackets is one of a list. */
function metadata(key: string, values: readonly string[]): Permission | undefined {
  const match = /^experimental\.([^[]+)\[(.*)\]$/.exec(key);
  if (!match) return undefined;
  const matchers = values.map((value): ValueMatcher => {
    const listed = value.startsWith("[") && value.endsWith("]");
    if (!listed) return { stringMatch: wildcardText(value) };
    return { listMatch: { oneOf: { stringMatch: wildcardText(value.replace(/^[[\]]+|[[\]]+$/g, "")) } } };
  });
  return { metadata: { filter: match[1]!, path: [{ key: match[2]! }], value: anyOfMatchers(matchers) } };
}
