// Settings of the whole mesh: MeshConfig with istiod's defaults filled in, MeshNetworks, and feature flags. Any thread.
import type { Mesh_MeshConfig, Mesh_MeshNetworks } from "../gen/istio.js";

/**
 * Feature flags of istiod that change what is generated, each from the environment variable in its comment.
 * Durations are in milliseconds.
 */
export interface Features {
  /** PILOT_HTTP10 (false) */
  readonly http10: boolean;
  /** PILOT_SCOPE_GATEWAY_TO_NAMESPACE (false) */
  readonly scopeGatewayToNamespace: boolean;
  /** PILOT_FILTER_GATEWAY_CLUSTER_CONFIG (false) */
  readonly filterGatewayClusterConfig: boolean;
  /** PILOT_ENABLE_PERSISTENT_SESSION_FILTER (false) */
  readonly persistentSessionFilter: boolean;
  /** PILOT_PERSISTENT_SESSION_LABEL (istio.io/persistent-session) */
  readonly persistentSessionLabel: string;
  /** PILOT_PERSISTENT_SESSION_HEADER_LABEL (istio.io/persistent-session-header) */
  readonly persistentSessionHeaderLabel: string;
  /** PILOT_DRAINING_LABEL (istio.io/draining) */
  readonly drainingLabel: string;
  /** PILOT_SEND_UNHEALTHY_ENDPOINTS (false) */
  readonly sendUnhealthyEndpoints: boolean;
  /** PILOT_ENABLE_QUIC_LISTENERS (false) */
  readonly quicListeners: boolean;
  /** ENABLE_TLS_ON_SIDECAR_INGRESS (false) */
  readonly tlsOnSidecarIngress: boolean;
  /** ISTIO_DUAL_STACK (false) */
  readonly dualStack: boolean;
  /** ENABLE_100_CONTINUE_HEADERS (true) */
  readonly proxy100Continue: boolean;
  /** ENABLE_LOCALITY_WEIGHTED_LB_CONFIG (false) */
  readonly localityWeightedLbConfig: boolean;
  /** PILOT_ENABLE_ALPN_FILTER (true) */
  readonly alpnFilter: boolean;
  /** PILOT_ENABLE_METADATA_EXCHANGE (true) */
  readonly metadataExchange: boolean;
  /** PILOT_DISABLE_MX_ALPN (false) */
  readonly disableMxAlpn: boolean;
  /** PILOT_ENABLE_TELEMETRY_LABEL (true) */
  readonly telemetryLabel: boolean;
  /** PILOT_ENDPOINT_TELEMETRY_LABEL (true) */
  readonly endpointTelemetryLabel: boolean;
  /** PILOT_TRACE_SAMPLING (1.0), percent */
  readonly traceSampling: number;
  /** PILOT_SPAWN_UPSTREAM_SPAN_FOR_GATEWAY (true) */
  readonly spawnUpstreamSpanForGateway: boolean;
  /** PILOT_ENABLE_MONGO_FILTER (true) */
  readonly mongoFilter: boolean;
  /** PILOT_ENABLE_MYSQL_FILTER (false) */
  readonly mysqlFilter: boolean;
  /** PILOT_ENABLE_REDIS_FILTER (false) */
  readonly redisFilter: boolean;
  /** PILOT_SIDECAR_USE_REMOTE_ADDRESS (false) */
  readonly sidecarUseRemoteAddress: boolean;
  /** PILOT_ENABLE_EDS_FOR_HEADLESS_SERVICES (false) */
  readonly edsForHeadless: boolean;
  /** ISTIO_MULTIROOT_MESH (false) */
  readonly multiRootMesh: boolean;
  /** PILOT_ENABLE_ROUTE_COLLAPSE_OPTIMIZATION (true) */
  readonly routeCollapse: boolean;
  /** PILOT_ENABLE_ABSOLUTE_FQDN_VHOST_DOMAIN (true) */
  readonly absoluteFqdnVhostDomain: boolean;
  /** LABEL_CANONICAL_SERVICES_FOR_MESH_EXTERNAL_SERVICE_ENTRIES (false) */
  readonly labelCanonicalForExternal: boolean;
  /** PILOT_SKIP_VALIDATE_TRUST_DOMAIN (false) */
  readonly skipValidateTrustDomain: boolean;
  /** PILOT_ENABLE_MULTIPLE_CUSTOM_AUTHZ_PROVIDERS (false) */
  readonly multipleCustomAuthzProviders: boolean;
  /** PILOT_JWT_ENABLE_REMOTE_JWKS (false): "false", "true", "hybrid", "envoy", "istiod" as istiod takes them */
  readonly jwtRemoteJwks: string;
  /** PILOT_DNS_CARES_UDP_MAX_QUERIES (100) */
  readonly dnsCaresUdpMaxQueries: number;
  /** PILOT_DNS_JITTER_DURATION (100ms) */
  readonly dnsJitterMs: number;
  /** MAX_CONNECTIONS_PER_SOCKET_EVENT_LOOP (1) */
  readonly maxConnectionsPerSocketEventLoop: number;
  /** PILOT_GATEWAY_TRANSPORT_SOCKET_CONNECT_TIMEOUT (15s) */
  readonly gatewayTransportSocketConnectTimeoutMs: number;
  /** DISABLE_TRACK_REMAINING_CB_METRICS (true) */
  readonly disableTrackRemaining: boolean;
  /** PREFER_DESTINATIONRULE_TLS_FOR_EXTERNAL_SERVICES (true) */
  readonly preferDestinationRuleTlsForExternal: boolean;
  /** ENABLE_WILDCARD_HOST_SERVICE_ENTRIES_FOR_TLS (false) */
  readonly wildcardHostServiceEntriesForTls: boolean;
  /** PILOT_ENABLE_STRICT_GATEWAY_MERGING (true) */
  readonly strictGatewayMerging: boolean;
  /** PILOT_SIDECAR_PICK_BEST_SERVICE_NAMESPACE (true) */
  readonly pickBestServiceNamespace: boolean;
  /** PILOT_ENABLE_HEADLESS_FILTER_CHAIN_LISTENER (false) */
  readonly headlessFilterChainListener: boolean;
  /** PILOT_ALLOW_SIDECAR_SERVICE_INBOUND_LISTENER_MERGE (false) */
  readonly sidecarInboundListenerMerge: boolean;
  /** ENABLE_ENHANCED_DESTINATIONRULE_MERGE (true) */
  readonly enhancedDestinationRuleMerge: boolean;
  /** ENVOY_STATUS_PORT_ENABLE_PROXY_PROTOCOL (false) */
  readonly statusPortProxyProtocol: boolean;
  /** PILOT_ENABLE_IP_AUTOALLOCATE (true) */
  readonly ipAutoAllocate: boolean;
  /** ENABLE_HCM_INTERNAL_NETWORKS (false) */
  readonly hcmInternalNetworks: boolean;
  /** ISTIO_ENABLE_IPV4_OUTBOUND_LISTENER_FOR_IPV6_CLUSTERS (false) */
  readonly ipv4OutboundForIpv6: boolean;
  /** PILOT_ENABLE_SERVICEENTRY_SELECT_PODS (true) */
  readonly serviceEntrySelectPods: boolean;
  /** PILOT_ENABLE_K8S_SELECT_WORKLOAD_ENTRIES (true) */
  readonly k8sSelectWorkloadEntries: boolean;
}

/** A way into a network for traffic of other networks. */
export interface NetworkGateway {
  readonly network: string;
  /** The Kubernetes cluster whose service it is; "" where MeshNetworks give its address. */
  readonly cluster: string;
  /** An IP address. */
  readonly address: string;
  readonly port: number;
}

/** Everything of the mesh that is not an object. */
export interface MeshSettings {
  /** With istiod's defaults filled in (DefaultMeshConfig), in proto3-JSON form. */
  readonly mesh: Mesh_MeshConfig;
  readonly networks: Mesh_MeshNetworks;
  /** Those of `networks` and of services that are such gateways, in a fixed order; what the registry knows of them. */
  readonly networkGateways: readonly NetworkGateway[];
  readonly features: Features;
  /** The control plane's environment, of which only the variables that providers' headers name. */
  readonly environment: Readonly<Record<string, string>>;
  /** `mesh.rootNamespace`, or POD_NAMESPACE, or istio-system. */
  readonly rootNamespace: string;
  /** Suffix of the cluster's host names: cluster.local unless --domain says otherwise. */
  readonly domainSuffix: string;
  /** CLUSTER_ID: Kubernetes unless set. */
  readonly clusterId: string;
}
