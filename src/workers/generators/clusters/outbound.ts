// Clusters towards the services that a proxy may see, one for each port and subset. Worker threads.

import { envoy } from "../../../shared/gen/envoy.js";
import type { Networking_Subset } from "../../../shared/gen/istio.js";
import { isHttp2, mayBeHttp, type ServicePort, type ServiceRecord } from "../../../shared/model/service.ts";
import { sniName, subsetKey } from "../../../shared/names/cluster-name.ts";
import { any, durationMs, parseDuration, ZERO_DURATION } from "../../encode/values.ts";
import { endpointGroups, endpointOptions, keepsDraining } from "../../endpoints/cluster-endpoints.ts";
import { localEndpoints } from "../../endpoints/locality-priority.ts";
import { dnsCache, dnsLookupFamily } from "../../filters/dynamic-forward-proxy.ts";
import { TCP_METADATA_EXCHANGE } from "../../filters/peer-metadata.ts";
import { keepsHeaderCase } from "../../filters/proxy-headers.ts";
import { outboundStatName } from "../../filters/stat-name.ts";
import { proxyConfigOf } from "../../filters/telemetry/tracing.ts";
import type { DestinationRule } from "../../scope/destination-rules.ts";
import { localitySetting, zoneAwareSetting } from "../../scope/locality-setting.ts";
import { policyFor, type ResolvedPolicy, withMeshDefaults } from "../../scope/traffic-policy.ts";
import {
  CLUSTER_PROVIDED,
  type Cluster,
  connectTimeout,
  downstreamProtocol,
  EDS,
  type HttpProtocolOptions,
  istioMetadata,
  LEAST_REQUEST,
  LOGICAL_DNS,
  noLimits,
  ORIGINAL_DST,
  protocolOptions,
  rulePath,
  STRICT_DNS,
  statName,
  withHeaderCase,
} from "./cluster-base.ts";
import type { ClusterInput } from "./cluster-view.ts";
import {
  applyConnectionPool,
  applyOutlierDetection,
  applyRetryBudget,
  http2KeepAlive,
  outlierErrors,
} from "./connection-pool.ts";
import { applyLoadBalancer } from "./load-balancer.ts";
import { applyProxyProtocol } from "./proxy-protocol.ts";
import { applyTls } from "./upstream-tls.ts";

const { CaresDnsResolverConfig } = envoy.extensions.network.dns_resolver.cares.v3;
const { ClusterConfig: DynamicForwardProxy } = envoy.extensions.clusters.dynamic_forward_proxy.v3;

/** One cluster to be built. */
interface Target {
  readonly input: ClusterInput;
  /** Named as in SNI, for a router that passes mesh TLS on. */
  readonly sniDnat: boolean;
  readonly service: ServiceRecord;
  readonly port: ServicePort;
  readonly subset: Networking_Subset | undefined;
  readonly rule: DestinationRule | undefined;
}

/** All clusters of a service, those of its rule's subsets after the plain one of each port. */
export function outboundClusters(
  input: ClusterInput,
  service: ServiceRecord,
  rule: DestinationRule | undefined,
  sniDnat: boolean,
): Cluster[] {
  const out: Cluster[] = [];
  if (service.resolution === "alias") return out;
  for (const port of service.ports) {
    if (port.protocol === "UDP") continue;
    for (const subset of [undefined, ...(rule?.spec.subsets ?? [])]) {
      const cluster = outboundCluster({ input, sniDnat, service, port, subset, rule });
      if (cluster) out.push(cluster);
    }
  }
  return out;
}

/** One cluster; undefined for a DNS service that has no host to resolve. */
function outboundCluster(target: Target): Cluster | undefined {
  const { input, service, port, subset, rule } = target;
  const { ctx, view } = input;
  const sni = sniName("outbound", subset?.name ?? "", service.hostname, port.port);
  const name = target.sniDnat ? sni : subsetKey("outbound", subset?.name ?? "", service.hostname, port.port);
  const policy = withMeshDefaults(ctx.mesh.mesh, policyFor(rule, subset, port.port));
  if (service.resolution === "dynamicDns") return dynamicForwardProxy(name, target);

  const cluster: Cluster = {
    name,
    altStatName: statName(outboundStatName(ctx, service, port, subset?.name ?? "") ?? name),
    connectTimeout: connectTimeout(ctx.mesh.mesh),
    circuitBreakers: noLimits(ctx),
    commonLbConfig: { healthyPanicThreshold: { value: 0 } },
    lbPolicy: LEAST_REQUEST,
    metadata: metadataOf(target, policy),
  };
  if (view.istioFilters && ctx.mesh.features.metadataExchange) cluster.filters = [TCP_METADATA_EXCHANGE];
  const locality = localitySetting(ctx.mesh.mesh, policy);
  if (!applyDiscovery(cluster, target, policy, locality)) return undefined;

  const common = applyConnectionPool(cluster, policy.connectionPool, ctx.mesh.mesh.tcpKeepalive);
  applyOutlierDetection(cluster, policy.outlierDetection);
  applyLoadBalancer(cluster, policy.loadBalancer, {
    protocol: port.protocol,
    redisFilter: ctx.mesh.features.redisFilter,
    locality,
    localityWeighted: ctx.mesh.features.localityWeightedLbConfig,
    zoneAware: zoneAwareSetting(ctx.mesh.mesh, policy),
  });
  if (keepsDraining(ctx, service)) {
    cluster.commonLbConfig = { ...cluster.commonLbConfig, overrideHostStatus: { statuses: OVERRIDE_STATUSES } };
  }
  const http = httpOptions(port, policy, view.type === "sidecar", ctx.mesh.mesh.h2UpgradePolicy);
  const http2 = http?.explicitHttpConfig?.http2ProtocolOptions !== undefined;
  // TLS goes through such a router as it is.
  const upstream = target.sniDnat
    ? null
    : applyTls(cluster, {
        ctx,
        view,
        service,
        port,
        policy,
        sni,
        http2,
        ruleHasSelector: !!rule?.selector,
      });
  applyProxyProtocol(cluster, policy.proxyProtocol);
  applyRetryBudget(cluster, policy.retryBudget);
  const kept = keepsHeaderCase(proxyConfigOf(ctx, view)) && mayBeHttp(port.protocol);
  setHttpOptions(cluster, http, common, upstream, outlierErrors(policy.outlierDetection), kept);
  return cluster;
}

/** Hosts that a session may still be sent to: HEALTHY, DRAINING, UNKNOWN, DEGRADED. */
const OVERRIDE_STATUSES = [1, 3, 0, 5];

function metadataOf(
  { input, service, subset, rule }: Target,
  policy: ResolvedPolicy,
): ReturnType<typeof istioMetadata> {
  const mode = policy.tls?.mode;
  return istioMetadata({
    // Who serves is for telemetry.
    services: input.ctx.mesh.features.telemetryLabel ? [service] : [],
    // Whoever has HBONE learns of its peers from there.
    noExchange: input.view.metadata.hbone,
    ...(subset?.name ? { subset: subset.name } : {}),
    ...(rule ? { config: rulePath(rule) } : {}),
    external: service.meshExternal,
    // TLS to somebody who doesn't know Istio's ALPN names must not use them.
    keepAlpn: mode === "SIMPLE" || mode === "MUTUAL",
  });
}

/** Sets how the cluster finds its hosts; false when it never could. */
function applyDiscovery(
  cluster: Cluster,
  target: Target,
  policy: ResolvedPolicy,
  locality: ReturnType<typeof localitySetting>,
): boolean {
  const { input, service, port, subset } = target;
  const { ctx, view } = input;
  switch (service.resolution) {
    case "passthrough":
      // Only a sidecar sees the address that its client meant.
      if (view.type === "sidecar" && !(ctx.mesh.features.edsForHeadless && service.registry === "Kubernetes")) {
        cluster.type = ORIGINAL_DST;
        cluster.lbPolicy = CLUSTER_PROVIDED;
        // Endpoints that listen on another port than clients use.
        if (port.targetPort) cluster.originalDstLbConfig = { upstreamPortOverride: { value: port.targetPort } };
        return true;
      }
      break;
    case "dns":
    case "dnsRoundRobin": {
      const { clusterId, requestedNetworkView } = view.metadata;
      // Names are resolved wherever they lead.
      const client = { requestedNetworkView, clusterId, network: undefined };
      const groups = endpointGroups(ctx, service, port.name, subset, client);
      if (groups.length === 0) return false;
      const first = service.resolution === "dnsRoundRobin";
      cluster.type = first ? LOGICAL_DNS : STRICT_DNS;
      // A logical host is one; of several the first counts.
      const used = first ? groups.slice(0, 1).map((g) => ({ ...g, records: g.records.slice(0, 1) })) : groups;
      cluster.loadAssignment = {
        clusterName: cluster.name ?? null,
        endpoints: localEndpoints(used, endpointOptions(ctx, policy), locality, policy, view),
      };
      applyDns(cluster, target);
      return true;
    }
    default:
  }
  if (policy.loadBalancer?.simple === "PASSTHROUGH") return true;
  cluster.type = EDS;
  cluster.edsClusterConfig = {
    edsConfig: { ads: {}, initialFetchTimeout: ZERO_DURATION, resourceApiVersion: 2 },
    serviceName: cluster.name ?? null,
  };
  return true;
}

function applyDns(cluster: Cluster, { input }: Target): void {
  const { mesh, features } = input.ctx.mesh;
  cluster.dnsLookupFamily = dnsLookupFamily(input.view, input.ctx);
  cluster.dnsRefreshRate = parseDuration(mesh.dnsRefreshRate) ?? durationMs(60_000);
  if (features.dnsJitterMs > 0) cluster.dnsJitter = durationMs(features.dnsJitterMs);
  cluster.respectDnsTtl = true;
  cluster.typedDnsResolverConfig = {
    name: "envoy.network.dns_resolver.cares",
    typedConfig: any("envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig", CaresDnsResolverConfig, {
      udpMaxQueries: { value: features.dnsCaresUdpMaxQueries },
    }),
  };
}

/** A wildcard host is resolved for each request, by the name that the request has. */
function dynamicForwardProxy(name: string, target: Target): Cluster {
  const { input, service, port, subset } = target;
  const { ctx, view } = input;
  const config = { dnsCacheConfig: dnsCache(service.hostname, view, ctx) };
  const cluster: Cluster = {
    name,
    altStatName: statName(outboundStatName(ctx, service, port, subset?.name ?? "") ?? name),
    connectTimeout: connectTimeout(ctx.mesh.mesh),
    circuitBreakers: noLimits(ctx),
    lbPolicy: CLUSTER_PROVIDED,
    clusterType: {
      name: "envoy.clusters.dynamic_forward_proxy",
      typedConfig: any("envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig", DynamicForwardProxy, config),
    },
    metadata: istioMetadata({ services: [], external: service.meshExternal }),
  };
  if (view.istioFilters && ctx.mesh.features.metadataExchange) cluster.filters = [TCP_METADATA_EXCHANGE];
  return cluster;
}

/** The HTTP version that the pool speaks, where it isn't HTTP/1.1. */
function httpOptions(
  port: ServicePort,
  policy: ResolvedPolicy,
  detects: boolean,
  meshUpgrade: string | undefined,
): HttpProtocolOptions | undefined {
  const http = policy.connectionPool?.http;
  if (isHttp2(port.protocol)) return { explicitHttpConfig: { http2ProtocolOptions: http2Options(http) } };
  // A router doesn't detect what comes, and so can't go by it.
  if (http?.useClientProtocol || (detects && port.protocol === "Unsupported")) return downstreamProtocol();
  const upgrade = http?.h2UpgradePolicy ?? "DEFAULT";
  const wanted = upgrade === "UPGRADE" || (upgrade === "DEFAULT" && meshUpgrade === "UPGRADE");
  if (wanted && port.protocol === "HTTP") return { explicitHttpConfig: { http2ProtocolOptions: http2Options(http) } };
  return undefined;
}

function http2Options(
  http: NonNullable<ResolvedPolicy["connectionPool"]>["http"],
): envoy.config.core.v3.IHttp2ProtocolOptions {
  const streams = http?.maxConcurrentStreams ?? 0;
  return { ...(streams > 0 ? { maxConcurrentStreams: { value: streams } } : {}), ...http2KeepAlive(http) };
}

function setHttpOptions(
  cluster: Cluster,
  http: HttpProtocolOptions | undefined,
  common: HttpProtocolOptions["commonHttpProtocolOptions"],
  upstream: HttpProtocolOptions["upstreamHttpProtocolOptions"],
  outlierDetection: HttpProtocolOptions["outlierDetection"],
  keepsCase: boolean,
): void {
  if (!http && !common && !upstream && !outlierDetection && !keepsCase) return;
  const options: HttpProtocolOptions = { ...(http ?? { explicitHttpConfig: { httpProtocolOptions: {} } }) };
  if (common) options.commonHttpProtocolOptions = common;
  if (upstream) options.upstreamHttpProtocolOptions = upstream;
  if (outlierDetection) options.outlierDetection = outlierDetection;
  cluster.typedExtensionProtocolOptions = protocolOptions(keepsCase ? withHeaderCase(options) : options);
}
