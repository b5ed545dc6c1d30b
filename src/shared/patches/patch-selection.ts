// Which patches of EnvoyFilters are for a proxy, in the order in which they apply, and which types each can change. Any
// thread, pure. https://istio.io/latest/docs/reference/config/networking/envoy-filter/
import type { Networking_EnvoyFilter, Networking_EnvoyFilter_EnvoyConfigObjectPatch } from "../gen/istio.js";
import type { ConfigObject } from "../model/config.ts";
import type { ProxyView } from "../model/view.ts";
import { isTargetOf } from "../names/gateway.ts";
import { labelsMatch } from "../names/labels.ts";
import type { XdsType } from "../xds-types.ts";

export type EnvoyFilter = ConfigObject<Networking_EnvoyFilter>;
export type PatchSpec = Networking_EnvoyFilter_EnvoyConfigObjectPatch;

/** A patch by its place. */
export interface PatchRef {
  readonly filter: EnvoyFilter;
  /** Its index in the object's list. */
  readonly index: number;
  readonly spec: PatchSpec;
}

/** What of a proxy decides about patches. */
export type PatchedProxy = Pick<ProxyView, "type" | "namespace" | "labels" | "nodeMetadata"> & {
  readonly metadata: Pick<ProxyView["metadata"], "istioVersion">;
};

/** Whether a version matches an expression, anywhere in it. Validation has checked the expression. */
export type MatchesVersion = (expression: string, version: string) => boolean;

/** `namespace/name/index` */
export function patchId({ filter: { meta }, index }: PatchRef): string {
  return `${meta.namespace}/${meta.name}/${index}`;
}

/** By priority, those of the root namespace first, oldest first, and by name. */
export function sortedFilters(filters: readonly EnvoyFilter[], rootNamespace: string): EnvoyFilter[] {
  const foreign = (f: EnvoyFilter): number => (f.meta.namespace === rootNamespace ? 0 : 1);
  const fullName = ({ meta }: EnvoyFilter): string => `${meta.name}.${meta.namespace}`;
  return [...filters].sort(
    (a, b) =>
      (a.spec.priority ?? 0) - (b.spec.priority ?? 0) ||
      foreign(a) - foreign(b) ||
      a.meta.creationTimestamp - b.meta.creationTimestamp ||
      (fullName(a) < fullName(b) ? -1 : fullName(a) > fullName(b) ? 1 : 0),
  );
}

/** The patches for a proxy, of filters that are sorted. */
export function patchesFor(
  filters: readonly EnvoyFilter[],
  proxy: PatchedProxy,
  rootNamespace: string,
  matchesVersion: MatchesVersion,
): PatchRef[] {
  // Nothing of Istio's waypoints is patched.
  if (proxy.type === "waypoint") return [];
  return filters
    .filter((filter) => isFor(filter, proxy, rootNamespace))
    .flatMap((filter) =>
      (filter.spec.configPatches ?? []).flatMap((spec, index): PatchRef[] =>
        proxyMatches(spec, proxy, matchesVersion) ? [{ filter, index, spec }] : [],
      ),
    );
}

function isFor({ meta, spec }: EnvoyFilter, proxy: PatchedProxy, rootNamespace: string): boolean {
  if (meta.namespace !== proxy.namespace && meta.namespace !== rootNamespace) return false;
  if (spec.targetRefs?.length) return isTargetOf(spec.targetRefs, meta.namespace, proxy);
  return labelsMatch(spec.workloadSelector?.labels ?? {}, proxy.labels);
}

/** A longer expression is as none: what Istio says of it in a warning. */
const MAX_VERSION_LENGTH = 1024;

function proxyMatches({ match }: PatchSpec, proxy: PatchedProxy, matchesVersion: MatchesVersion): boolean {
  if (!match?.proxy) return true;
  const { proxyVersion = "", metadata = {} } = match.proxy;
  const { istioVersion } = proxy.metadata;
  if (proxyVersion !== "" && proxyVersion.length <= MAX_VERSION_LENGTH) {
    if (istioVersion === "" || !matchesVersion(proxyVersion, istioVersion)) return false;
  }
  return Object.entries(metadata).every(([key, value]) => proxy.nodeMetadata[key] === value);
}

/** Names in the node's metadata that some filter asks for. */
export function askedMetadata(filters: readonly EnvoyFilter[]): Set<string> {
  const out = new Set<string>();
  for (const { spec } of filters) {
    for (const { match } of spec.configPatches ?? []) {
      for (const key of Object.keys(match?.proxy?.metadata ?? {})) out.add(key);
    }
  }
  return out;
}

const NOTHING: readonly XdsType[] = [];

/** The types that a patch can change, for a sidecar or a router. */
export function patchedTypes({ applyTo, match }: PatchSpec, proxy: "sidecar" | "router"): readonly XdsType[] {
  const context = match?.context ?? "ANY";
  if (applyTo === "EXTENSION_CONFIG") return ["ECDS"];
  if (context === "WAYPOINT") return NOTHING;
  if (context !== "ANY" && (context === "GATEWAY") !== (proxy === "router")) return NOTHING;
  switch (applyTo) {
    case "CLUSTER":
      return ["CDS"];
    case "LISTENER":
    case "LISTENER_FILTER":
    case "FILTER_CHAIN":
    case "NETWORK_FILTER":
    case "HTTP_FILTER":
      return ["LDS"];
    case "ROUTE_CONFIGURATION":
    case "VIRTUAL_HOST":
    case "HTTP_ROUTE":
      // The routes to a sidecar's application stand in its listeners.
      if (context === "SIDECAR_INBOUND") return ["LDS"];
      return context === "ANY" && proxy === "sidecar" ? ["LDS", "RDS"] : ["RDS"];
    default:
      return NOTHING;
  }
}

/** Of a sidecar's patches, those that can change what several workloads share of a type. */
export function sharedPatches(patches: readonly PatchRef[], type: XdsType): readonly PatchRef[] {
  const mine = patches.filter(({ spec }) => patchedTypes(spec, "sidecar").includes(type));
  switch (type) {
    case "CDS":
      // Clusters that are added are shared, whatever they are for.
      return mine.filter((ref) => !isInbound(ref) || isAddition(ref.spec));
    case "RDS":
      return mine;
    case "LDS": {
      // Shared listeners have no HTTP, unless a patch gives them some; those that are added are never shared.
      const listeners = mine.filter((ref) => !isInbound(ref) && !isRoutePatch(ref) && !isAddedListener(ref));
      return listeners.some(({ spec }) => spec.applyTo !== "HTTP_FILTER") ? listeners : [];
    }
    default:
      return [];
  }
}

/** True for what adds an object: all insertions do where the object has no place among others. */
export function isAddition({ patch }: PatchSpec): boolean {
  const operation = patch?.operation;
  return operation === "ADD" || (operation?.startsWith("INSERT") ?? false);
}

function isInbound({ spec }: PatchRef): boolean {
  return spec.match?.context === "SIDECAR_INBOUND";
}

function isRoutePatch({ spec: { applyTo } }: PatchRef): boolean {
  return applyTo === "ROUTE_CONFIGURATION" || applyTo === "VIRTUAL_HOST" || applyTo === "HTTP_ROUTE";
}

function isAddedListener({ spec }: PatchRef): boolean {
  return spec.applyTo === "LISTENER" && isAddition(spec);
}
