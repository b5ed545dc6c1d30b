// Feature flags from the environment, with istiod's names and defaults. Main thread.

import { parseGoDuration } from "../../shared/go-duration.ts";
import type { Features } from "../../shared/model/mesh.ts";
import { parseGoBool, parseGoFloat, parseGoInt } from "./go-syntax.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

type FlagType = "bool" | "int" | "float" | "duration" | "string";

/** One variable: also the source of what `--help` says of it. */
export interface FeatureFlag {
  readonly env: string;
  readonly type: FlagType;
  /** As one would write it in the environment. */
  readonly default: string;
  readonly effect: string;
}

/** A flag for every field of Features. */
export const FEATURE_FLAGS: { readonly [K in keyof Features]: FeatureFlag } = {
  http10: bool("PILOT_HTTP10", false, "accept HTTP/1.0 on outbound listeners"),
  scopeGatewayToNamespace: bool(
    "PILOT_SCOPE_GATEWAY_TO_NAMESPACE",
    false,
    "Gateways select workloads of their namespace only",
  ),
  filterGatewayClusterConfig: bool(
    "PILOT_FILTER_GATEWAY_CLUSTER_CONFIG",
    false,
    "send gateways only the clusters that their routes refer to",
  ),
  persistentSessionFilter: bool(
    "PILOT_ENABLE_PERSISTENT_SESSION_FILTER",
    false,
    "stateful sessions for services that ask for them by label",
  ),
  persistentSessionLabel: text(
    "PILOT_PERSISTENT_SESSION_LABEL",
    "istio.io/persistent-session",
    "label that asks for sessions by cookie",
  ),
  persistentSessionHeaderLabel: text(
    "PILOT_PERSISTENT_SESSION_HEADER_LABEL",
    "istio.io/persistent-session-header",
    "label that asks for sessions by header",
  ),
  drainingLabel: text("PILOT_DRAINING_LABEL", "istio.io/draining", "label of endpoints that are draining"),
  sendUnhealthyEndpoints: bool(
    "PILOT_SEND_UNHEALTHY_ENDPOINTS",
    false,
    "send endpoints that are not ready, marked unhealthy",
  ),
  quicListeners: bool("PILOT_ENABLE_QUIC_LISTENERS", false, "HTTP/3 listeners beside HTTPS ones on gateways"),
  tlsOnSidecarIngress: bool("ENABLE_TLS_ON_SIDECAR_INGRESS", false, "TLS settings on a Sidecar's ingress listeners"),
  dualStack: bool("ISTIO_DUAL_STACK", false, "addresses of both IP families"),
  proxy100Continue: bool("ENABLE_100_CONTINUE_HEADERS", true, "pass 100-continue headers on"),
  localityWeightedLbConfig: bool(
    "ENABLE_LOCALITY_WEIGHTED_LB_CONFIG",
    false,
    "locality weighted load balancing for all clusters",
  ),
  alpnFilter: bool("PILOT_ENABLE_ALPN_FILTER", true, "Istio's ALPN filter in outbound HTTP filter chains"),
  metadataExchange: bool("PILOT_ENABLE_METADATA_EXCHANGE", true, "peer metadata filters"),
  disableMxAlpn: bool("PILOT_DISABLE_MX_ALPN", false, "no istio-peer-exchange in ALPN"),
  telemetryLabel: bool("PILOT_ENABLE_TELEMETRY_LABEL", true, "metadata of clusters for telemetry"),
  endpointTelemetryLabel: bool("PILOT_ENDPOINT_TELEMETRY_LABEL", true, "metadata of endpoints for telemetry"),
  traceSampling: {
    env: "PILOT_TRACE_SAMPLING",
    type: "float",
    default: "1.0",
    effect: "percentage of requests that are traced",
  },
  spawnUpstreamSpanForGateway: bool(
    "PILOT_SPAWN_UPSTREAM_SPAN_FOR_GATEWAY",
    true,
    "a span of a gateway's own for each request that it sends",
  ),
  mongoFilter: bool("PILOT_ENABLE_MONGO_FILTER", true, "MongoDB filter on ports of that protocol"),
  mysqlFilter: bool("PILOT_ENABLE_MYSQL_FILTER", false, "MySQL filter on ports of that protocol"),
  redisFilter: bool("PILOT_ENABLE_REDIS_FILTER", false, "Redis filter on ports of that protocol"),
  sidecarUseRemoteAddress: bool(
    "PILOT_SIDECAR_USE_REMOTE_ADDRESS",
    false,
    "use_remote_address on sidecars' outbound listeners",
  ),
  edsForHeadless: bool("PILOT_ENABLE_EDS_FOR_HEADLESS_SERVICES", false, "EDS clusters for headless services"),
  multiRootMesh: bool("ISTIO_MULTIROOT_MESH", false, "MeshConfig's further authorities for proxies (PCDS)"),
  routeCollapse: bool("PILOT_ENABLE_ROUTE_COLLAPSE_OPTIMIZATION", true, "join virtual hosts with equal routes"),
  absoluteFqdnVhostDomain: bool(
    "PILOT_ENABLE_ABSOLUTE_FQDN_VHOST_DOMAIN",
    true,
    "domains with a final dot in virtual hosts",
  ),
  labelCanonicalForExternal: bool(
    "LABEL_CANONICAL_SERVICES_FOR_MESH_EXTERNAL_SERVICE_ENTRIES",
    false,
    "canonical service labels for external services",
  ),
  skipValidateTrustDomain: bool("PILOT_SKIP_VALIDATE_TRUST_DOMAIN", false, "accept peers of any trust domain"),
  multipleCustomAuthzProviders: bool(
    "PILOT_ENABLE_MULTIPLE_CUSTOM_AUTHZ_PROVIDERS",
    false,
    "several CUSTOM authorization providers on one workload",
  ),
  jwtRemoteJwks: text(
    "PILOT_JWT_ENABLE_REMOTE_JWKS",
    "false",
    "who fetches JWT keys: false, istiod, true, hybrid, envoy",
  ),
  dnsCaresUdpMaxQueries: {
    env: "PILOT_DNS_CARES_UDP_MAX_QUERIES",
    type: "int",
    default: "100",
    effect: "queries on one UDP socket of Envoy's resolver",
  },
  dnsJitterMs: {
    env: "PILOT_DNS_JITTER_DURATION",
    type: "duration",
    default: "100ms",
    effect: "jitter of DNS refreshes",
  },
  maxConnectionsPerSocketEventLoop: {
    env: "MAX_CONNECTIONS_PER_SOCKET_EVENT_LOOP",
    type: "int",
    default: "1",
    effect: "connections that a listener takes per turn",
  },
  gatewayTransportSocketConnectTimeoutMs: {
    env: "PILOT_GATEWAY_TRANSPORT_SOCKET_CONNECT_TIMEOUT",
    type: "duration",
    default: "15s",
    effect: "time limit of TLS handshakes on gateways",
  },
  disableTrackRemaining: bool(
    "DISABLE_TRACK_REMAINING_CB_METRICS",
    true,
    "no gauges of what circuit breakers have left",
  ),
  preferDestinationRuleTlsForExternal: bool(
    "PREFER_DESTINATIONRULE_TLS_FOR_EXTERNAL_SERVICES",
    true,
    "a DestinationRule's TLS settings win for external services",
  ),
  wildcardHostServiceEntriesForTls: bool(
    "ENABLE_WILDCARD_HOST_SERVICE_ENTRIES_FOR_TLS",
    false,
    "wildcard hosts with resolution DYNAMIC_DNS for TLS ports",
  ),
  strictGatewayMerging: bool(
    "PILOT_ENABLE_STRICT_GATEWAY_MERGING",
    true,
    "strict rules for merging servers of several Gateways",
  ),
  pickBestServiceNamespace: bool(
    "PILOT_SIDECAR_PICK_BEST_SERVICE_NAMESPACE",
    true,
    "prefer Kubernetes services where a host is in several namespaces",
  ),
  headlessFilterChainListener: bool(
    "PILOT_ENABLE_HEADLESS_FILTER_CHAIN_LISTENER",
    false,
    "one listener with a filter chain per address for headless services",
  ),
  sidecarInboundListenerMerge: bool(
    "PILOT_ALLOW_SIDECAR_SERVICE_INBOUND_LISTENER_MERGE",
    false,
    "inbound listeners of both the Sidecar and the services",
  ),
  enhancedDestinationRuleMerge: bool(
    "ENABLE_ENHANCED_DESTINATIONRULE_MERGE",
    true,
    "merge DestinationRules only when their exportTo is equal",
  ),
  statusPortProxyProtocol: bool("ENVOY_STATUS_PORT_ENABLE_PROXY_PROTOCOL", false, "PROXY protocol on the health port"),
  ipAutoAllocate: bool("PILOT_ENABLE_IP_AUTOALLOCATE", true, "addresses for ServiceEntries that have none"),
  hcmInternalNetworks: bool("ENABLE_HCM_INTERNAL_NETWORKS", false, "internal address ranges from the mesh networks"),
  ipv4OutboundForIpv6: bool(
    "ISTIO_ENABLE_IPV4_OUTBOUND_LISTENER_FOR_IPV6_CLUSTERS",
    false,
    "an IPv4 outbound listener for IPv6 proxies",
  ),
  serviceEntrySelectPods: bool(
    "PILOT_ENABLE_SERVICEENTRY_SELECT_PODS",
    true,
    "workloadSelectors of ServiceEntries select pods",
  ),
  k8sSelectWorkloadEntries: bool(
    "PILOT_ENABLE_K8S_SELECT_WORKLOAD_ENTRIES",
    true,
    "selectors of Kubernetes services select WorkloadEntries",
  ),
};

function bool(env: string, value: boolean, effect: string): FeatureFlag {
  return { env, type: "bool", default: String(value), effect };
}

function text(env: string, value: string, effect: string): FeatureFlag {
  return { env, type: "string", default: value, effect };
}

const EXPECTED: Readonly<Record<FlagType, string>> = {
  bool: "true or false",
  int: "an integer that is not negative",
  float: "a number",
  duration: "a duration such as 100ms or 1m30s",
  string: "text",
};

/** The value of one variable, or undefined when the text isn't of its type. */
export function parseFlagValue(type: FlagType, value: string): string | number | boolean | undefined {
  switch (type) {
    case "bool":
      return parseGoBool(value);
    case "int": {
      const parsed = parseGoInt(value);
      return parsed !== undefined && parsed >= 0 ? parsed : undefined;
    }
    case "float":
      return parseGoFloat(value);
    case "duration":
      return parseGoDuration(value);
    case "string":
      return value;
  }
}

/** Says what a variable should have been. */
export function flagProblem(env: string, type: FlagType, value: string): string {
  return `${env}: ${JSON.stringify(value)} is not ${EXPECTED[type]}`;
}

/** Reads all flags; a variable that can't be read keeps its default and is named among the problems. */
export function parseFeatures(env: Environment): { features: Features; problems: string[] } {
  const problems: string[] = [];
  const values: Record<string, string | number | boolean> = {};
  for (const [name, flag] of Object.entries(FEATURE_FLAGS)) {
    // As in istiod, an empty variable is the same as none, but for texts.
    const given = env[flag.env];
    const raw = given === undefined || (given === "" && flag.type !== "string") ? flag.default : given;
    let value = parseFlagValue(flag.type, raw);
    if (value === undefined) {
      problems.push(flagProblem(flag.env, flag.type, raw));
      value = parseFlagValue(flag.type, flag.default)!;
    }
    values[name] = value;
  }
  const sampling = values.traceSampling as number;
  if (sampling < 0 || sampling > 100) problems.push(`PILOT_TRACE_SAMPLING: ${sampling} is not a percentage`);
  return { features: Object.freeze(values) as unknown as Features, problems };
}
