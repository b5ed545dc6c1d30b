// Facets of a view: what is left of it when only one type is generated. Far fewer than views, so that proxies of different
// workloads share routes and endpoints. Main thread, pure.
import { canonicalJson } from "../../shared/canonical-json.ts";
import type { Mesh_ProxyConfig, Mesh_ProxyConfig_ProxyHeaders } from "../../shared/gen/istio.js";
import { viewId } from "../../shared/ids.ts";
import type { ProxyViewRef } from "../../shared/model/proxy.ts";
import type { TypePart, WantPart } from "../../shared/model/resource.ts";
import type { IpFamilies, ProxyView, ViewMetadata } from "../../shared/model/view.ts";
import { commonDomain, isOwnSlice } from "../../shared/names/route-slice.ts";
import type { XdsType } from "../../shared/xds-types.ts";
import type { GatewaySlices } from "./gateway-hosts.ts";
import type { NamespaceClasses } from "./namespace-classes.ts";
import type { PatchSelection } from "./patch-selection.ts";
import type { RouteSlices } from "./port-index.ts";
import type { Hash, PlannedView } from "./proxy-view.ts";
import type { SliceCounts } from "./slice-counts.ts";
import type { TelemetryReach } from "./telemetry-index.ts";

const NO_FAMILIES: IpFamilies = { ipv4: true, ipv6: false, ipv6First: false };

const NO_METADATA: ViewMetadata = {
  clusterId: "",
  meshId: "",
  namespace: "",
  network: "",
  serviceCluster: "",
  otelService: "",
  istioVersion: "",
  interceptionMode: "",
  dnsCapture: false,
  dnsAutoAllocate: false,
  http10: false,
  idleTimeout: "",
  inboundExactBalance: false,
  outboundExactBalance: false,
  hbone: false,
  httpProxyPort: 0,
  unprivilegedPod: false,
  statusPort: 0,
  prometheusPort: 0,
  tlsServerCertChain: "",
  tlsServerKey: "",
  tlsServerRootCert: "",
  tlsClientCertChain: "",
  tlsClientKey: "",
  tlsClientRootCert: "",
  requestedNetworkView: [],
  proxyConfig: null,
  flags: {},
};

const NO_LOCALITY = { region: "", zone: "", subZone: "" };

/** What configuration asks of proxies: what nobody asks for is blank in facets. */
export interface Relevance {
  /** Labels that some selector names. */
  readonly labels: ReadonlySet<string>;
  /** True when a client's locality can change a cluster that holds its endpoints. */
  readonly clusterLocality: boolean;
  readonly namespaces: NamespaceClasses;
  readonly telemetry: TelemetryReach;
  readonly patches: PatchSelection;
  readonly slices: SliceCounts;
  readonly routeSlices: RouteSlices;
  readonly gatewaySlices: GatewaySlices;
}

/**
 * The facets of a view for a type. A worker is given a facet instead of the view: what is blank in it cannot change what is
 * generated. Types and proxies that depend on nearly everything keep the view itself.
 */
export function facetsOf(planned: PlannedView, type: XdsType, relevance: Relevance, hash: Hash): MadeFacet[] {
  const { view } = planned;
  if (view.type !== "sidecar") {
    const whole: MadeFacet = { ref: planned, proxy: view, shared: false };
    return type === "CDS" && view.generator !== "grpc"
      ? sliced(whole, relevance.slices.clusters(view.namespace))
      : [whole];
  }
  const plain = relevance.namespaces.isPlain(view.namespace);
  const whole: MadeFacet = {
    ref: plain ? planned.asPlain : planned,
    proxy: view,
    shared: false,
  };
  // gRPC's clients ask for all by name: nothing is cut into parts for them.
  const byName = view.generator === "grpc";
  switch (type) {
    case "EDS":
      return [made(endpointsFacet(view, relevance), hash)];
    case "RDS":
      return [seeing(made(routesFacet(view, relevance), hash), plain)];
    case "CDS":
      if (byName) return [made(clustersFacet(view, relevance), hash)];
      return [
        ...sliced(made(clustersFacet(view, relevance), hash, "shared"), relevance.slices.clusters(view.namespace)),
        { ...whole, part: "own" },
      ];
    case "LDS":
      if (byName) return [whole];
      return [
        ...sliced(made(listenersFacet(view, relevance), hash, "shared"), relevance.slices.listeners(view.namespace)),
        { ...whole, part: "own" },
      ];
    default:
      return [whole];
  }
}

/**
 * The facets of the slices of a route configuration that has the routes of many hosts; undefined for one that is generated as a
 * whole. Proxies of several namespaces share all slices but those that may have hosts of their own.
 */
export function routeSlicesOf(
  planned: PlannedView,
  name: string,
  relevance: Relevance,
  hash: Hash,
): MadeFacet[] | undefined {
  const { view } = planned;
  // gRPC's clients look at what they were told to call.
  if (view.generator === "grpc") return undefined;
  if (view.type !== "sidecar") return gatewayRouteSlices(planned, name, relevance);
  // Proxies with a Sidecar mostly see a part of the mesh.
  if (relevance.namespaces.isLimited(view.namespace)) return undefined;
  const of = relevance.routeSlices.get(portOf(name)) ?? 1;
  if (of === 1) return undefined;
  const facet = routesFacet(view, relevance);
  // Patches are made to the configuration as a whole.
  if (facet.patches?.length) return undefined;
  const plain = relevance.namespaces.isPlain(view.namespace);
  const own = seeing(made(facet, hash), plain);
  const shared = seeing(made({ ...facet, dnsDomain: commonDomain(view.dnsDomain) }, hash), plain);
  return cut(of, (index) => (isOwnSlice(index, view.dnsDomain, of) ? own : shared));
}

function gatewayRouteSlices(planned: PlannedView, name: string, relevance: Relevance): MadeFacet[] | undefined {
  const of = relevance.gatewaySlices.of(planned.view, name);
  if (of === 1 || relevance.patches.patchesRouter(planned.view, "RDS")) return undefined;
  return cut(of, () => ({ ref: planned, proxy: planned.view, shared: false }));
}

/** The port whose routes the configuration has: 0 for all of them, -1 for one host's. */
function portOf(name: string): number {
  if (name === "http_proxy" || name.startsWith("unix://")) return 0;
  return /^\d+$/.test(name) ? Number(name) : -1;
}

/** What of a view a type depends on, before it has its place among the planner's. */
export interface MadeFacet extends TypePart {
  readonly ref: ProxyViewRef;
  /** What decides whether a change can touch it. */
  readonly proxy: ProxyView;
  /** True when other views may have the same facet. */
  readonly shared: boolean;
}

function made(view: ProxyView, hash: Hash, part?: WantPart): MadeFacet {
  const json = canonicalJson(view);
  return { ref: { id: viewId(hash(json)), json }, proxy: view, shared: true, ...(part ? { part } : {}) };
}

/** The same facet, of a namespace that sees what all others see. */
function seeing(facet: MadeFacet, plain: boolean): MadeFacet {
  return plain ? { ...facet, ref: { ...facet.ref, plain } } : facet;
}

/** The same facet for each slice of the hosts. */
function sliced(facet: MadeFacet, of: number): MadeFacet[] {
  return of === 1 ? [facet] : cut(of, () => facet);
}

/** A facet for each slice, with a reference of its own, so that it is a task of its own. */
function cut(of: number, facetOf: (index: number) => MadeFacet): MadeFacet[] {
  return Array.from({ length: of }, (_, index) => {
    const facet = facetOf(index);
    return { ...facet, ref: { ...facet.ref }, slice: { index, of } };
  });
}

function endpointsFacet(view: ProxyView, relevance: Relevance): ProxyView {
  const { network, clusterId, requestedNetworkView } = view.metadata;
  return {
    ...blank(view, relevance),
    namespace: sharedNamespace(view, relevance),
    locality: view.locality,
    metadata: { ...NO_METADATA, network, clusterId, requestedNetworkView },
  };
}

function routesFacet(view: ProxyView, relevance: Relevance): ProxyView {
  return {
    ...blank(view, relevance),
    namespace: relevance.namespaces.isUnnamed(view.namespace) ? sharedNamespace(view, relevance) : view.namespace,
    dnsDomain: view.dnsDomain,
    istioFilters: view.istioFilters,
    ipFamilies: view.ipFamilies,
    metadata: {
      ...NO_METADATA,
      dnsCapture: view.metadata.dnsCapture,
      proxyConfig: headerSettings(view, ["attemptCount", "xForwardedHost"]),
    },
    patches: relevance.patches.shared(view, "RDS"),
  };
}

function clustersFacet(view: ProxyView, relevance: Relevance): ProxyView {
  const { tlsClientCertChain, tlsClientKey, tlsClientRootCert } = view.metadata;
  const { network, clusterId, requestedNetworkView, hbone } = view.metadata;
  const tls = { tlsClientCertChain, tlsClientKey, tlsClientRootCert };
  return {
    ...blank(view, relevance),
    namespace: sharedNamespace(view, relevance),
    istioFilters: view.istioFilters,
    ipFamilies: view.ipFamilies,
    locality: relevance.clusterLocality ? view.locality : NO_LOCALITY,
    metadata: {
      ...NO_METADATA,
      ...tls,
      network,
      clusterId,
      requestedNetworkView,
      hbone,
      proxyConfig: headerSettings(view, ["preserveHttp1HeaderCase"]),
    },
    patches: relevance.patches.shared(view, "CDS"),
  };
}

/** What the node's own settings say about these headers; null where it brings none, and the mesh's hold. */
function headerSettings(
  { metadata: { proxyConfig } }: ProxyView,
  names: readonly (keyof Mesh_ProxyConfig_ProxyHeaders)[],
): ViewMetadata["proxyConfig"] {
  if (proxyConfig === null) return null;
  const given = (proxyConfig as Mesh_ProxyConfig).proxyHeaders ?? {};
  const proxyHeaders = Object.fromEntries(
    names.flatMap((name) => (given[name] === undefined ? [] : [[name, given[name]]])),
  );
  return Object.keys(proxyHeaders).length > 0 ? { proxyHeaders } : {};
}

/** Of listeners without HTTP: what has HTTP names the workload in its traces. */
function listenersFacet(view: ProxyView, relevance: Relevance): ProxyView {
  const { interceptionMode, dnsCapture, unprivilegedPod, statusPort, prometheusPort } = view.metadata;
  const { idleTimeout, outboundExactBalance } = view.metadata;
  // Connections are logged and counted as the namespace's Telemetries say.
  const chosenBy = relevance.telemetry.labelsIn(view.namespace);
  return {
    ...blank(view, relevance, chosenBy),
    namespace: chosenBy ? view.namespace : sharedNamespace(view, relevance),
    istioFilters: view.istioFilters,
    ipFamilies: view.ipFamilies,
    addresses: view.addresses,
    patches: relevance.patches.shared(view, "LDS"),
    metadata: {
      ...NO_METADATA,
      interceptionMode,
      dnsCapture,
      unprivilegedPod,
      statusPort,
      prometheusPort,
      idleTimeout,
      outboundExactBalance,
    },
  };
}

/** "" for all namespaces that see the same: no object stands in it, so that exactly what everybody sees is seen. */
function sharedNamespace(view: ProxyView, { namespaces }: Relevance): string {
  return namespaces.isPlain(view.namespace) ? "" : view.namespace;
}

/** What every type depends on: which configuration applies to the proxy. `also`: labels that only this type asks for. */
function blank(view: ProxyView, { labels }: Relevance, also?: ReadonlySet<string>): ProxyView {
  return {
    type: view.type,
    generator: view.generator,
    namespace: view.namespace,
    dnsDomain: "",
    labels: Object.fromEntries(Object.entries(view.labels).filter(([label]) => labels.has(label) || also?.has(label))),
    locality: NO_LOCALITY,
    ipFamilies: NO_FAMILIES,
    metadata: NO_METADATA,
    serviceTargets: [],
    istioFilters: false,
    addresses: [],
    ingressAddresses: [],
    nodeMetadata: {},
    patches: [],
    workloadName: "",
    nodeName: "",
  };
}
