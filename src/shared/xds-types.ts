// The xDS resource types that Mizzen serves, by short name, with their type URLs and push order. Any thread.

export type XdsType = "CDS" | "EDS" | "LDS" | "RDS" | "SDS" | "ECDS" | "NDS" | "PCDS";

const PREFIX = "type.googleapis.com/";

/** Type URL of each type (https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#resource-types). */
export const TYPE_URL: Readonly<Record<XdsType, string>> = {
  CDS: `${PREFIX}envoy.config.cluster.v3.Cluster`,
  EDS: `${PREFIX}envoy.config.endpoint.v3.ClusterLoadAssignment`,
  LDS: `${PREFIX}envoy.config.listener.v3.Listener`,
  RDS: `${PREFIX}envoy.config.route.v3.RouteConfiguration`,
  SDS: `${PREFIX}envoy.extensions.transport_sockets.tls.v3.Secret`,
  ECDS: `${PREFIX}envoy.config.core.v3.TypedExtensionConfig`,
  NDS: `${PREFIX}istio.networking.nds.v1.NameTable`,
  PCDS: `${PREFIX}istio.mesh.v1alpha1.ProxyConfig`,
};

const BY_URL = new Map(Object.entries(TYPE_URL).map(([type, url]) => [url, type as XdsType]));

/** The short name of a type URL, or undefined for a type that we don't serve. */
export function xdsTypeOf(url: string): XdsType | undefined {
  return BY_URL.get(url);
}

/**
 * The order in which one push sends its types: clusters before endpoints before listeners before routes
 * (https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#eventual-consistency-considerations).
 */
export const PUSH_ORDER: readonly XdsType[] = ["CDS", "EDS", "LDS", "RDS", "SDS", "ECDS", "NDS", "PCDS"];

/** Types whose empty subscription means "everything". All others are asked for by name. */
export const WILDCARD_TYPES: ReadonlySet<XdsType> = new Set<XdsType>(["CDS", "LDS", "NDS", "PCDS"]);
