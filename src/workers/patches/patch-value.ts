// From a patch as users write it to the message that it is about. Worker threads, pure.

import type { Type } from "protobufjs";
import { errorMessage } from "../../shared/errors.ts";
import type { JsonObject, JsonValue } from "../../shared/gen/istio.js";
import type { PatchSpec } from "../../shared/patches/patch-selection.ts";
import { knownType, type Message, messageOfJson, messageType, typeName } from "./message-types.ts";
import { faultPath } from "./value-fault.ts";

export type ApplyTo = NonNullable<PatchSpec["applyTo"]>;

/** The message that a patch's value is, by what it applies to. */
export const VALUE_TYPES = {
  CLUSTER: "envoy.config.cluster.v3.Cluster",
  LISTENER: "envoy.config.listener.v3.Listener",
  LISTENER_FILTER: "envoy.config.listener.v3.ListenerFilter",
  FILTER_CHAIN: "envoy.config.listener.v3.FilterChain",
  NETWORK_FILTER: "envoy.config.listener.v3.Filter",
  HTTP_FILTER: "envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter",
  ROUTE_CONFIGURATION: "envoy.config.route.v3.RouteConfiguration",
  VIRTUAL_HOST: "envoy.config.route.v3.VirtualHost",
  HTTP_ROUTE: "envoy.config.route.v3.Route",
  EXTENSION_CONFIG: "envoy.config.core.v3.TypedExtensionConfig",
} as const satisfies Partial<Record<ApplyTo, string>>;

/** What proxies' objects can be patched. */
export type Patchable = keyof typeof VALUE_TYPES;

export function isPatchable(applyTo: ApplyTo | undefined): applyTo is Patchable {
  return applyTo !== undefined && Object.hasOwn(VALUE_TYPES, applyTo);
}

export interface PatchValue {
  /** Undefined where there is none that can be used. */
  readonly message: Message | undefined;
  /** What is wrong with it, or was left out of it, after the path below the value; "" for nothing. */
  readonly problem: string;
}

/** The value as a message. What our descriptors don't know of is left out of a message that they know, and said. */
export function patchValue(applyTo: Patchable, json: JsonObject): PatchValue {
  const type = knownType(VALUE_TYPES[applyTo]);
  const value = withKnownTypes(json);
  try {
    return { message: messageOfJson(type, value, false), problem: "" };
  } catch (strict) {
    try {
      const message = messageOfJson(type, value, true);
      return { message, problem: `${problemOf(type, value, strict, false)}; it is left out` };
    } catch (error) {
      return { message: undefined, problem: problemOf(type, value, error, true) };
    }
  }
}

function problemOf(type: Type, value: JsonValue, error: unknown, ignoreUnknownFields: boolean): string {
  // The message's full name with its field comes first: where it stands says more.
  const reason = errorMessage(error).replace(/^\.[\w.]+: /, "");
  return `${faultPath(type, value, ignoreUnknownFields)}: ${reason}`;
}

const TYPED_STRUCT = "type.googleapis.com/udpa.type.v1.TypedStruct";
const TYPED_STRUCTS = /\/(udpa\.type\.v1|xds\.type\.v3)\.TypedStruct$/;
/** Where Envoy's own builds and Istio's have their extensions. */
const EXTENSIONS = /^(envoy|istio|io\.istio|stats)\./;

/**
 * The value with each extension whose message isn't known as a TypedStruct, which Envoy turns into the message itself:
 * https://www.envoyproxy.io/docs/envoy/latest/xds/type/v3/typed_struct.proto
 */
function withKnownTypes(value: JsonValue): JsonValue {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(withKnownTypes);
  const url = value["@type"];
  if (typeof url === "string") {
    // What is in such a one is as Envoy shall read it.
    if (TYPED_STRUCTS.test(url)) return value;
    const name = typeName(url);
    if (!messageType(name) && EXTENSIONS.test(name)) {
      const { "@type": _type, ...rest } = value;
      return { "@type": TYPED_STRUCT, type_url: url, value: rest };
    }
  }
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withKnownTypes(inner)]));
}
