// Filters that TrafficExtensions add to connection managers: Lua as it is, Wasm by reference to what ECDS gives. Worker threads.
// https://istio.io/latest/docs/reference/config/proxy_extensions/
import { envoy } from "../../shared/gen/envoy.js";
import type { Extensions_TrafficExtension } from "../../shared/gen/istio.js";
import type { ConfigObject } from "../../shared/model/config.ts";
import type { ProxyView } from "../../shared/model/view.ts";
import type { PushContext } from "../context/push-context.ts";
import { any, ZERO_DURATION } from "../encode/values.ts";
import { compareText } from "../scope/visibility.ts";
import { workloadPolicies } from "../scope/workload-policies.ts";
import type { NamedFilter } from "./peer-metadata.ts";

const { Lua } = envoy.extensions.filters.http.lua.v3;

export type TrafficExtension = ConfigObject<Extensions_TrafficExtension>;

/** An HTTP filter whose configuration comes by ECDS. */
export interface DiscoveredFilter {
  readonly name: string;
  readonly configDiscovery: envoy.config.core.v3.IExtensionConfigSource;
}

export type HttpFilter = NamedFilter | DiscoveredFilter;

export type Phase = NonNullable<Extensions_TrafficExtension["phase"]>;

/** Filters by where they stand among Istio's own. */
export type PhaseFilters = Readonly<Record<Phase, readonly HttpFilter[]>>;

/** What a listener's traffic is to the workload, and the port that it comes to. */
export interface ExtendedTraffic {
  readonly mode: "CLIENT" | "SERVER";
  readonly port: number;
}

/** Name of an extension's filter and of its configuration. */
export function extensionName({ meta }: TrafficExtension): string {
  return `extensions.istio.io/trafficextension/${meta.namespace}.${meta.name}`;
}

/** The extensions of a workload's HTTP, those with the highest priority first. Network extensions aren't generated yet. */
export function httpExtensions(ctx: PushContext, view: ProxyView): readonly TrafficExtension[] {
  if (ctx.configs("TrafficExtension").length === 0) return [];
  return workloadPolicies<Extensions_TrafficExtension>(ctx, "TrafficExtension", view)
    .filter(({ spec }) => spec.lua || spec.wasm?.type !== "NETWORK")
    .filter(({ spec }) => view.istioFilters || isLocal(spec))
    .sort(
      (a, b) =>
        priority(b) - priority(a) ||
        place(a, view) - place(b, view) ||
        a.meta.creationTimestamp - b.meta.creationTimestamp ||
        compareText(a.meta.name, b.meta.name),
    );
}

/** Those of its own namespace come before those of the root namespace. */
function place({ meta }: TrafficExtension, { namespace }: ProxyView): number {
  return meta.namespace === namespace ? 0 : 1;
}

/** Remote modules are fetched by Istio's agent, which an upstream Envoy has not. */
function isLocal({ lua, wasm }: Extensions_TrafficExtension): boolean {
  return lua !== undefined || (wasm?.url?.startsWith("file:") ?? false);
}

function priority({ spec }: TrafficExtension): number {
  return spec.priority ?? Number.MIN_SAFE_INTEGER;
}

/** The filters of a connection manager; undefined for none. */
export function extensionFilters(
  ctx: PushContext,
  view: ProxyView,
  traffic: ExtendedTraffic,
): PhaseFilters | undefined {
  const own = httpExtensions(ctx, view).filter(({ spec }) => isAbout(spec, traffic));
  if (own.length === 0) return undefined;
  const of = (phase: Phase): HttpFilter[] =>
    own.filter(({ spec }) => (spec.phase ?? "UNSPECIFIED") === phase).map(filterOf);
  return { AUTHN: of("AUTHN"), AUTHZ: of("AUTHZ"), STATS: of("STATS"), UNSPECIFIED: of("UNSPECIFIED") };
}

function isAbout({ match }: Extensions_TrafficExtension, { mode, port }: ExtendedTraffic): boolean {
  if (!match?.length) return true;
  return match.some((selector) => {
    const wanted = selector.mode ?? "UNDEFINED";
    if (wanted !== mode && wanted !== "UNDEFINED" && wanted !== "CLIENT_AND_SERVER") return false;
    return !selector.ports?.length || selector.ports.some(({ number }) => number === port);
  });
}

const TYPE_URLS = [
  "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
  // What Istio's agent puts in the place of a module that it can't fetch.
  "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
];

function filterOf(extension: TrafficExtension): HttpFilter {
  const name = extensionName(extension);
  const { lua } = extension.spec;
  if (lua) {
    const config = { defaultSourceCode: { inlineString: lua.inlineCode ?? "" } };
    return { name, typedConfig: any("envoy.extensions.filters.http.lua.v3.Lua", Lua, config) };
  }
  return {
    name,
    configDiscovery: {
      configSource: { ads: {}, initialFetchTimeout: ZERO_DURATION, resourceApiVersion: 2 },
      typeUrls: TYPE_URLS,
    },
  };
}
