// Facets of a view: what is left of it when only one type is generated. Far fewer than views, so that proxies of different
// workloads share routes and endpoints. Main thread, pure.
import { canonicalJson } from "../../shared/canonical-json.ts";
import { viewId } from "../../shared/ids.ts";
import type { ProxyViewRef } from "../../shared/model/proxy.ts";
import type { IpFamilies, ProxyView, ViewMetadata } from "../../shared/model/view.ts";
import type { XdsType } from "../../shared/xds-types.ts";
import type { Hash, PlannedView } from "./proxy-view.ts";
import type { ViewFacet } from "./resource-provider.ts";

const NO_FAMILIES: IpFamilies = { ipv4: true, ipv6: false, ipv6First: false };

const NO_METADATA: ViewMetadata = {
  clusterId: "",
  meshId: "",
  network: "",
  istioVersion: "",
  interceptionMode: "",
  dnsCapture: false,
  dnsAutoAllocate: false,
  http10: false,
  idleTimeout: "",
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
}

/**
 * The facets of a view for a type. A worker is given a facet instead of the view: what is blank in it cannot change what is
 * generated. Types and proxies that depend on nearly everything keep the view itself.
 */
export function facetsOf(planned: PlannedView, type: XdsType, relevance: Relevance, hash: Hash): ViewFacet[] {
  const { view } = planned;
  if (view.type !== "sidecar" || view.generator !== "envoy") return [{ ref: planned }];
  switch (type) {
    case "EDS":
      return [{ ref: reference(endpointsFacet(view, relevance), hash) }];
    case "RDS":
      return [{ ref: reference(routesFacet(view, relevance), hash) }];
    case "CDS":
      return [
        { ref: reference(clustersFacet(view, relevance), hash), part: "shared" },
        { ref: planned, part: "own" },
      ];
    case "LDS":
      return [
        { ref: reference(listenersFacet(view, relevance), hash), part: "shared" },
        { ref: planned, part: "own" },
      ];
    default:
      return [{ ref: planned }];
  }
}

function reference(view: ProxyView, hash: Hash): ProxyViewRef {
  const json = canonicalJson(view);
  return { id: viewId(hash(json)), json };
}

function endpointsFacet(view: ProxyView, relevance: Relevance): ProxyView {
  const { network, clusterId, requestedNetworkView } = view.metadata;
  return {
    ...blank(view, relevance),
    locality: view.locality,
    metadata: { ...NO_METADATA, network, clusterId, requestedNetworkView },
  };
}

function routesFacet(view: ProxyView, relevance: Relevance): ProxyView {
  return {
    ...blank(view, relevance),
    dnsDomain: view.dnsDomain,
    istioFilters: view.istioFilters,
    ipFamilies: view.ipFamilies,
    metadata: { ...NO_METADATA, dnsCapture: view.metadata.dnsCapture },
  };
}

function clustersFacet(view: ProxyView, relevance: Relevance): ProxyView {
  const { network, clusterId, tlsClientCertChain, tlsClientKey, tlsClientRootCert } = view.metadata;
  return {
    ...blank(view, relevance),
    istioFilters: view.istioFilters,
    ipFamilies: view.ipFamilies,
    locality: relevance.clusterLocality ? view.locality : NO_LOCALITY,
    metadata: { ...NO_METADATA, network, clusterId, tlsClientCertChain, tlsClientKey, tlsClientRootCert },
  };
}

/** Of listeners without HTTP: what has HTTP names the workload in its traces. */
function listenersFacet(view: ProxyView, relevance: Relevance): ProxyView {
  const { interceptionMode, dnsCapture } = view.metadata;
  return {
    ...blank(view, relevance),
    istioFilters: view.istioFilters,
    ipFamilies: view.ipFamilies,
    addresses: view.addresses,
    metadata: { ...NO_METADATA, interceptionMode, dnsCapture },
  };
}

/** What every type depends on: which configuration applies to the proxy. */
function blank(view: ProxyView, { labels }: Relevance): ProxyView {
  return {
    type: view.type,
    generator: view.generator,
    namespace: view.namespace,
    dnsDomain: "",
    labels: Object.fromEntries(Object.entries(view.labels).filter(([label]) => labels.has(label))),
    workloadLabels: null,
    locality: NO_LOCALITY,
    ipFamilies: NO_FAMILIES,
    metadata: NO_METADATA,
    serviceTargets: [],
    istioFilters: false,
    addresses: [],
    workloadName: "",
    nodeName: "",
  };
}
