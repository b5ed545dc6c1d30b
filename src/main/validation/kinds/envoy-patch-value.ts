// What can be told of an EnvoyFilter's patch value without Envoy: types that Envoy has dropped, and plainly wrong values.
// Main thread.
import type { JsonObject, JsonValue } from "../../../shared/gen/istio.js";

/** The fields that every object of a kind has, and their JSON types. */
const COMMON_FIELDS: Readonly<Record<string, Readonly<Record<string, "string" | "object">>>> = {
  CLUSTER: { name: "string", load_assignment: "object", loadAssignment: "object", eds_cluster_config: "object" },
  LISTENER: { name: "string", address: "object" },
  FILTER_CHAIN: { name: "string" },
  NETWORK_FILTER: { name: "string", typed_config: "object", typedConfig: "object" },
  HTTP_FILTER: { name: "string", typed_config: "object", typedConfig: "object" },
  LISTENER_FILTER: { name: "string", typed_config: "object", typedConfig: "object" },
  EXTENSION_CONFIG: { name: "string", typed_config: "object", typedConfig: "object" },
  ROUTE_CONFIGURATION: { name: "string" },
  VIRTUAL_HOST: { name: "string" },
  HTTP_ROUTE: { name: "string", match: "object", route: "object", redirect: "object" },
};

/** Why a value can't be one of the objects that it is applied to, or undefined. */
export function patchValueProblem(applyTo: string, value: JsonObject): string | undefined {
  const old = findOldType(value);
  if (old !== undefined) {
    return `referenced type unknown (hint: try using the v3 XDS API): Envoy filter: could not resolve Any message type: ${old}`;
  }
  for (const [name, type] of Object.entries(COMMON_FIELDS[applyTo] ?? {})) {
    const field = value[name];
    if (field === undefined || field === null) continue;
    const found = Array.isArray(field) ? "array" : typeof field === "boolean" ? "bool" : typeof field;
    if (found !== type) {
      const expected = type === "string" ? "string" : "map[string]json.RawMessage";
      return `json: cannot unmarshal ${found} into Go value of type ${expected}`;
    }
  }
  return undefined;
}

/** The type URL of a message that only versions of Envoy before v3 had. */
function findOldType(value: JsonValue): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (Array.isArray(value)) return first(value);
  const type = value["@type"];
  if (typeof type === "string" && /\benvoy\..*\.v2(alpha\d*)?\./.test(type)) return type;
  return first(Object.values(value));
}

function first(values: readonly JsonValue[]): string | undefined {
  for (const value of values) {
    const found = findOldType(value);
    if (found !== undefined) return found;
  }
  return undefined;
}
