// The part of a view that outbound clusters depend on: proxies that are alike in it share them. Worker threads, pure.
import { canonicalJson } from "../../../shared/canonical-json.ts";
import type { ProxyView, ViewMetadata } from "../../../shared/model/view.ts";
import type { PushContext } from "../../context/push-context.ts";
import { keepsHeaderCase } from "../../filters/proxy-headers.ts";

/** Nothing else of a view may change an outbound cluster. */
export interface ClusterView extends Pick<ProxyView, "type" | "istioFilters" | "ipFamilies" | "locality" | "labels"> {
  readonly metadata: Pick<
    ViewMetadata,
    | "tlsClientCertChain"
    | "tlsClientKey"
    | "tlsClientRootCert"
    | "network"
    | "clusterId"
    | "requestedNetworkView"
    | "hbone"
    | "proxyConfig"
  >;
}

/** What building an outbound cluster takes. */
export interface ClusterInput {
  readonly ctx: PushContext;
  readonly view: ClusterView;
}

/** Keys of what views have alike, for services found over EDS, and for those whose clusters hold their endpoints. */
export interface ClusterViewKeys {
  readonly eds: string;
  readonly held: string;
}

const keys = new WeakMap<ProxyView, ClusterViewKeys>();

/** The keys of a view; worked out once. */
export function clusterViewKeys(view: ProxyView): ClusterViewKeys {
  let known = keys.get(view);
  if (!known) {
    const { tlsClientCertChain, tlsClientKey, tlsClientRootCert } = view.metadata;
    const { network, clusterId, requestedNetworkView, hbone, proxyConfig } = view.metadata;
    const eds = canonicalJson([
      view.type,
      view.istioFilters,
      view.ipFamilies,
      tlsClientCertChain,
      tlsClientKey,
      tlsClientRootCert,
      hbone,
      // Null where the mesh's own settings hold.
      proxyConfig && keepsHeaderCase(proxyConfig),
    ]);
    const held = canonicalJson([eds, view.locality, view.labels, network, clusterId, requestedNetworkView]);
    known = { eds, held };
    keys.set(view, known);
  }
  return known;
}
