// The filters by which Istio's proxies tell one another who they are; only Istio's build of Envoy has them. Worker threads.
import { udpa } from "../../shared/gen/envoy.js";
import type { ProxyView } from "../../shared/model/view.ts";
import type { PushContext } from "../context/push-context.ts";
import { any, struct } from "../encode/values.ts";

const { TypedStruct } = udpa.type.v1;

/** A filter as network and HTTP filter lists, and clusters, take it. */
export interface NamedFilter {
  readonly name: string;
  readonly typedConfig: ReturnType<typeof any>;
}

/** Configuration of a filter whose message we have no codec for. */
export function typedStruct(typeUrl: string, value: Readonly<Record<string, unknown>>): ReturnType<typeof any> {
  return any("udpa.type.v1.TypedStruct", TypedStruct, {
    typeUrl: `type.googleapis.com/${typeUrl}`,
    value: struct(value),
  });
}

/** Exchange over TCP by ALPN, for network filter chains and clusters. */
export const TCP_METADATA_EXCHANGE: NamedFilter = {
  name: "istio.metadata_exchange",
  typedConfig: typedStruct("envoy.tcp.metadataexchange.config.MetadataExchange", {
    protocol: "istio-peer-exchange",
    enable_discovery: true,
  }),
};

/** True where TLS handshakes offer the protocol that the TCP exchange goes by. */
export function speaksPeerExchange(ctx: PushContext, { istioFilters }: Pick<ProxyView, "istioFilters">): boolean {
  const { metadataExchange, disableMxAlpn } = ctx.mesh.features;
  return istioFilters && metadataExchange && !disableMxAlpn;
}

const PEER_METADATA = "io.istio.http.peer_metadata.Config";

/** Exchange over HTTP headers, at a server. */
export const INBOUND_PEER_METADATA: NamedFilter = {
  name: "istio.metadata_exchange",
  typedConfig: typedStruct(PEER_METADATA, {
    downstream_discovery: [{ istio_headers: {} }, { workload_discovery: {} }],
    downstream_propagation: [{ istio_headers: {} }],
  }),
};

/** Exchange over HTTP headers, at a sidecar's client side. */
export const OUTBOUND_PEER_METADATA: NamedFilter = {
  name: "istio.metadata_exchange",
  typedConfig: typedStruct(PEER_METADATA, {
    upstream_discovery: [{ istio_headers: {} }, { workload_discovery: {} }],
    upstream_propagation: [{ istio_headers: {} }],
  }),
};

/** The same, but for servers outside of the mesh. */
export const IN_MESH_PEER_METADATA: NamedFilter = {
  name: "istio.metadata_exchange",
  typedConfig: typedStruct(PEER_METADATA, {
    upstream_discovery: [{ istio_headers: {} }, { workload_discovery: {} }],
    upstream_propagation: [{ istio_headers: { skip_external_clusters: true } }],
  }),
};
