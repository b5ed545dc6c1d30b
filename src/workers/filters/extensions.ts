// Filters that TrafficExtensions add to connection managers and to network filter chains: Lua as it is, Wasm by reference to
// what ECDS gives. Worker threads.
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

/** A filter whose configuration comes by ECDS. */
export interface DiscoveredFilter {
  readonly name: string;
  readonly configDiscovery: envoy.config.core.v3.IExtensionConfigSource;
}

/** A filter of any list. */
export type AnyFilter = NamedFilter | DiscoveredFilter;

/** What an extension sees: requests, or connections. */
export type Layer = "HTTP" | "NETWORK";

export type Phase = NonNullable<Extensions_TrafficExtension["phase"]>;

/** Filters by where they stand among Istio's own. */
export type PhaseFilters = Readonly<Record<Phase, readonly AnyFilter[]>>;

/** What a listener's traffic is to the workload, and the port that it comes to. */
export interface ExtendedTraffic {
  readonly mode: "CLIENT" | "SERVER";
  readonly port: number;
}

/** Name of an extension's filter and of its configuration. */
export function extensionName({ meta }: TrafficExtension): string {
  return `extensions.istio.io/trafficextension/${meta.namespace}.${meta.name}`;
}

/** The extensions of a workload, those with the highest priority first. */
export function extensionsOf(ctx: PushContext, view: ProxyView, layer: Layer): readonly TrafficExtension[] {
  if (ctx.configs("TrafficExtension").length === 0) return [];
  return workloadPolicies<Extensions_TrafficExtension>(ctx, "TrafficExtension", view)
    .filter(({ spec }) => layerOf(spec) === layer)
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

export function layerOf({ wasm }: Extensions_TrafficExtension): Layer {
  return wasm?.type === "NETWORK" ? "NETWORK" : "HTTP";
}

/** Remote modules are fetched by Istio's agent, which an upstream Envoy has not. */
function isLocal({ lua, wasm }: Extensions_TrafficExtension): boolean {
  return lua !== undefined || (wasm?.url?.startsWith("file:") ?? false);
}

function priority({ spec }: TrafficExtension): number {
  return spec.priority ?? Number.MIN_SAFE_INTEGER;
}

/** The filters of a connection manager; undefined for none. */
export function httpExtensions(ctx: PushContext, view: ProxyView, traffic: ExtendedTraffic): PhaseFilters | undefined {
  return filtersOf(ctx, view, "HTTP", traffic);
}

/** The filters of a network filter chain; undefined for none. */
export function networkExtensions(
  ctx: PushContext,
  view: ProxyView,
  traffic: ExtendedTraffic,
): PhaseFilters | undefined {
  return filtersOf(ctx, view, "NETWORK", traffic);
}

/** All of them in the order of their phases, where nothing stands between. */
export function inOrder(filters: PhaseFilters | undefined): readonly AnyFilter[] {
  return filters ? [...filters.AUTHN, ...filters.AUTHZ, ...filters.STATS, ...filters.UNSPECIFIED] : [];
}

/** Tells apart what network chains of workloads have of extensions; "" for none. */
export function networkExtensionsKey(ctx: PushContext, view: ProxyView): string {
  const own = extensionsOf(ctx, view, "NETWORK");
  return own.length === 0 ? "" : `${own.map(extensionName).join()}@${ctx.stamp("TrafficExtension")}`;
}

function filtersOf(
  ctx: PushContext,
  view: ProxyView,
  layer: Layer,
  traffic: ExtendedTraffic,
): PhaseFilters | undefined {
  const own = extensionsOf(ctx, view, layer).filter(({ spec }) => isAbout(spec, traffic));
  if (own.length === 0) return undefined;
  const of = (phase: Phase): AnyFilter[] =>
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

/** The module, and what Istio's agent puts in the place of one that it can't fetch. */
const TYPE_URLS: Readonly<Record<Layer, string[]>> = {
  HTTP: [
    "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
    "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
  ],
  NETWORK: [
    "type.googleapis.com/envoy.extensions.filters.network.wasm.v3.Wasm",
    "type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC",
  ],
};

function filterOf(extension: TrafficExtension): AnyFilter {
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
      typeUrls: TYPE_URLS[layerOf(extension.spec)],
    },
  };
}
