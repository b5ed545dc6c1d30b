// Facets of a view: what is left of it when only one type is generated. Far fewer than views, so that proxies of different
// workloads share routes and endpoints. Main thread, pure.
import { canonicalJson } from "../../shared/canonical-json.ts";
import { viewId } from "../../shared/ids.ts";
import type { ProxyViewRef } from "../../shared/model/proxy.ts";
import type { IpFamilies, ProxyView, ViewMetadata } from "../../shared/model/view.ts";
import type { XdsType } from "../../shared/xds-types.ts";
import type { Hash, PlannedView } from "./proxy-view.ts";

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

/**
 * The facet of a view for a type. A worker is given the facet instead of the view: what is blank in it cannot change what is
 * generated. Types and proxies that depend on nearly everything keep the view itself.
 */
export function facetOf(planned: PlannedView, type: XdsType, labels: ReadonlySet<string>, hash: Hash): ProxyViewRef {
  const { view } = planned;
  if (view.type !== "sidecar" || view.generator !== "envoy") return planned;
  if (type === "EDS") return reference(endpointsFacet(view, labels), hash);
  if (type === "RDS") return reference(routesFacet(view, labels), hash);
  return planned;
}

function reference(view: ProxyView, hash: Hash): ProxyViewRef {
  const json = canonicalJson(view);
  return { id: viewId(hash(json)), json };
}

function endpointsFacet(view: ProxyView, labels: ReadonlySet<string>): ProxyView {
  const { network, clusterId, requestedNetworkView } = view.metadata;
  return {
    ...blank(view, labels),
    locality: view.locality,
    metadata: { ...NO_METADATA, network, clusterId, requestedNetworkView },
  };
}

function routesFacet(view: ProxyView, labels: ReadonlySet<string>): ProxyView {
  return {
    ...blank(view, labels),
    dnsDomain: view.dnsDomain,
    istioFilters: view.istioFilters,
    ipFamilies: view.ipFamilies,
    metadata: { ...NO_METADATA, dnsCapture: view.metadata.dnsCapture },
  };
}

/** What every type depends on: which configuration applies to the proxy. */
function blank(view: ProxyView, labels: ReadonlySet<string>): ProxyView {
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
