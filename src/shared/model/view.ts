// What generators read of a proxy: the content of a ProxyView. Plain JSON, canonical, hashed into its id. Any thread.
import type { GeneratorKind, Locality, NodeType } from "./proxy.ts";
import type { ServiceTarget } from "./service.ts";

/** Which IP families a proxy's addresses belong to, and which comes first. */
export interface IpFamilies {
  readonly ipv4: boolean;
  readonly ipv6: boolean;
  /** Family of the first address. */
  readonly ipv6First: boolean;
}

/** The parts of the node's metadata that change generated configuration, with their names in Envoy's node metadata. */
export interface ViewMetadata {
  /** CLUSTER_ID */
  readonly clusterId: string;
  /** MESH_ID */
  readonly meshId: string;
  /** NAMESPACE; "" where the node has it in its id alone. */
  readonly namespace: string;
  /** NETWORK */
  readonly network: string;
  /** The node's own name for what it is part of, such as "reviews.default": the service of its spans. */
  readonly serviceCluster: string;
  /** The service of its spans by OpenTelemetry's conventions, where a provider goes by them; else "". */
  readonly otelService: string;
  /** ISTIO_VERSION, such as "1.32.0"; "" for an upstream Envoy. */
  readonly istioVersion: string;
  /** INTERCEPTION_MODE */
  readonly interceptionMode: string;
  /** DNS_CAPTURE */
  readonly dnsCapture: boolean;
  /** DNS_AUTO_ALLOCATE */
  readonly dnsAutoAllocate: boolean;
  /** HTTP10 */
  readonly http10: boolean;
  /** IDLE_TIMEOUT as proto3-JSON writes durations, such as "30s"; "" where there is none. */
  readonly idleTimeout: string;
  /** INBOUND_LISTENER_EXACT_BALANCE, OUTBOUND_LISTENER_EXACT_BALANCE */
  readonly inboundExactBalance: boolean;
  readonly outboundExactBalance: boolean;
  /** ENABLE_HBONE */
  readonly hbone: boolean;
  /** HTTP_PROXY_PORT; 0 when absent. */
  readonly httpProxyPort: number;
  /** UNPRIVILEGED_POD */
  readonly unprivilegedPod: boolean;
  /** ENVOY_STATUS_PORT and ENVOY_PROMETHEUS_PORT; 0 when absent. */
  readonly statusPort: number;
  readonly prometheusPort: number;
  /** TLS_CLIENT_CERT_CHAIN … TLS_SERVER_ROOT_CERT: files that replace SDS; "" when absent. */
  readonly tlsServerCertChain: string;
  readonly tlsServerKey: string;
  readonly tlsServerRootCert: string;
  readonly tlsClientCertChain: string;
  readonly tlsClientKey: string;
  readonly tlsClientRootCert: string;
  /** ROUTER_MODE, USER_SDS and the like that gateways name: REQUESTED_NETWORK_VIEW, sorted. */
  readonly requestedNetworkView: readonly string[];
  /** PROXY_CONFIG: replaces the mesh's defaultConfig for this proxy; null when the node has none. */
  readonly proxyConfig: Readonly<Record<string, unknown>> | null;
  /** Sidecars with a gateway's ports in their way: DISABLE_… flags and others, by name, as strings. */
  readonly flags: Readonly<Record<string, string>>;
}

/** `namespace/name/index` of a patch of an EnvoyFilter. */
export type PatchId = string;

export interface ProxyView {
  readonly type: NodeType;
  readonly generator: GeneratorKind;
  /** Namespace whose configuration applies. */
  readonly namespace: string;
  /**
   * The namespace as whose member it sees services, routes and rules: "" for all that see the same. Set by workers, and no part
   * of the JSON; `namespace` where it is missing.
   */
  readonly sightNamespace?: string;
  /** Suffix of short names, such as `bookinfo.svc.cluster.local`. */
  readonly dnsDomain: string;
  /**
   * The labels by which it is chosen: those of its WorkloadEntry or pod, if it stands behind a service, with the node's
   * STATIC_LABELS; else the node's LABELS.
   */
  readonly labels: Readonly<Record<string, string>>;
  /** Of its WorkloadEntry or pod, if it stands behind a service and has one, else what the node says. */
  readonly locality: Locality;
  readonly ipFamilies: IpFamilies;
  readonly metadata: ViewMetadata;
  /** Sorted by hostname and port. */
  readonly serviceTargets: readonly ServiceTarget[];
  /** False for an Envoy without Istio's own filters: it gets none of them. */
  readonly istioFilters: boolean;
  /** The proxy's addresses, only where generated configuration holds or leaves out one; else empty. */
  readonly addresses: readonly string[];
  /** The proxy's addresses in its own order, where a Sidecar's ingress may name listeners or endpoints by them; else empty. */
  readonly ingressAddresses: readonly string[];
  /** Texts of the node's metadata by name, of which some EnvoyFilter asks for. */
  readonly nodeMetadata: Readonly<Record<string, string>>;
  /** In facets that several workloads share, the patches that were chosen for them, in order; null where the view itself says. */
  readonly patches: readonly PatchId[] | null;
  /** True for a ServiceAccount- or name-dependent resource; "" elsewhere. */
  readonly workloadName: string;
  readonly nodeName: string;
}
