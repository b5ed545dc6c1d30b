// Network filters that lead TCP to clusters, with the database filters of some protocols. Worker threads, pure.
import { envoy } from "../../../shared/gen/envoy.js";
import type { Networking_RouteDestination } from "../../../shared/gen/istio.js";
import type { Protocol, ServicePort } from "../../../shared/model/service.ts";
import { parseSubsetKey, subsetKey } from "../../../shared/names/cluster-name.ts";
import type { PushContext } from "../../context/push-context.ts";
import { any, durationMs, parseDuration } from "../../encode/values.ts";
import { type AnyFilter, inOrder, networkExtensions } from "../../filters/extensions.ts";
import { networkPolicies } from "../../filters/network-policies.ts";
import type { NamedFilter } from "../../filters/peer-metadata.ts";
import { outboundStatName } from "../../filters/stat-name.ts";
import { type TcpProxy, tcpProxy } from "../../filters/tcp-proxy.ts";
import type { ProxyScope } from "../../scope/proxy-scope.ts";
import { policyFor, subsetOf } from "../../scope/traffic-policy.ts";
import type { GenerateInput } from "../generator.ts";

const { MongoProxy } = envoy.extensions.filters.network.mongo_proxy.v3;
const { RedisProxy } = envoy.extensions.filters.network.redis_proxy.v3;

const REDIS_TIMEOUT_MS = 5000;
const CATCH_ALL_MICROS = true;

/** The filters that end a TCP chain for a port of the given protocol. */
export function protocolFilters(
  ctx: PushContext,
  protocol: Protocol,
  statPrefix: string,
  cluster: string,
  proxy: NamedFilter,
  istioFilters: boolean,
): NamedFilter[] {
  const { mongoFilter, mysqlFilter, redisFilter } = ctx.mesh.features;
  if (protocol === "Mongo" && mongoFilter) {
    const typedConfig = any("envoy.extensions.filters.network.mongo_proxy.v3.MongoProxy", MongoProxy, { statPrefix });
    return [{ name: "envoy.filters.network.mongo_proxy", typedConfig }, proxy];
  }
  // An extension of Envoy's contrib build, which Istio's has and the plain one hasn't.
  if (protocol === "MySQL" && mysqlFilter && istioFilters) return [mysqlProxy(statPrefix), proxy];
  if (protocol === "Redis" && redisFilter) {
    const typedConfig = any("envoy.extensions.filters.network.redis_proxy.v3.RedisProxy", RedisProxy, {
      statPrefix,
      latencyInMicros: CATCH_ALL_MICROS,
      settings: { opTimeout: durationMs(REDIS_TIMEOUT_MS) },
      prefixRoutes: { catchAllRoute: { cluster } },
    });
    return [{ name: "envoy.filters.network.redis_proxy", typedConfig }];
  }
  return [proxy];
}

/** `MySQLProxy { string stat_prefix = 1 }`, of contrib's protos, which no package of ours has. */
function mysqlProxy(statPrefix: string): NamedFilter {
  const text = Buffer.from(statPrefix);
  const length = text.length < 128 ? [text.length] : [(text.length & 0x7f) | 0x80, text.length >> 7];
  return {
    name: "envoy.filters.network.mysql_proxy",
    typedConfig: {
      type_url: "type.googleapis.com/envoy.extensions.filters.network.mysql_proxy.v3.MySQLProxy",
      value: Buffer.concat([Buffer.from([0x0a, ...length]), text]),
    },
  };
}

/** Filters that lead to one cluster of a service. */
export function singleDestination(
  input: GenerateInput,
  scope: ProxyScope,
  cluster: string,
  port: ServicePort,
): AnyFilter[] {
  const key = parseSubsetKey(cluster);
  const service = key && scope.byHostname.get(key.hostname);
  const named = service && outboundStatName(input.ctx, service, port, key.subset);
  const statPrefix = named ?? cluster;
  const config: TcpProxy = { statPrefix, cluster, ...ruleSettings(scope, cluster), ...tunnel(scope, cluster, true) };
  return chain(input, port, statPrefix, cluster, config);
}

/** The host whose rule has a say in what leads to the destinations of a route; "" where there is none. */
export function ruledBy(routes: readonly Networking_RouteDestination[]): string {
  return (routes.length === 1 ? routes[0] : routes.find(hasWeight))?.destination?.host ?? "";
}

function hasWeight({ weight }: Networking_RouteDestination): boolean {
  return (weight ?? 0) > 0;
}

/** Filters that lead to the destinations of a TCP or TLS route of a VirtualService. */
export function routeDestinations(
  input: GenerateInput,
  scope: ProxyScope,
  routes: readonly Networking_RouteDestination[],
  port: ServicePort,
  owner: { readonly namespace: string; readonly name: string },
): AnyFilter[] {
  const clusterOf = (route: Networking_RouteDestination): string => {
    const host = route.destination?.host ?? "";
    const ports = scope.byHostname.get(host)?.ports;
    const number = route.destination?.port?.number ?? (ports?.length === 1 ? ports[0]!.port : port.port);
    return subsetKey("outbound", route.destination?.subset ?? "", host, number);
  };
  if (routes.length === 1) return singleDestination(input, scope, clusterOf(routes[0]!), port);
  const weighted = routes.filter(hasWeight).map((r) => ({ name: clusterOf(r), weight: r.weight ?? 0 }));
  const statPrefix = `${owner.name}.${owner.namespace}`;
  const first = weighted[0]?.name ?? "";
  const config: TcpProxy = {
    statPrefix,
    weightedClusters: { clusters: weighted },
    ...ruleSettings(scope, first),
    // It is the proxy's and not a cluster's: a subset's can't hold for only some of them.
    ...tunnel(scope, first, false),
  };
  return chain(input, port, statPrefix, first, config);
}

function chain(
  input: GenerateInput,
  { port, protocol }: ServicePort,
  statPrefix: string,
  cluster: string,
  config: TcpProxy,
): AnyFilter[] {
  const { ctx, view } = input;
  const policies = networkPolicies(ctx, view, view.type === "router" ? "gateway" : "outbound");
  const proxy = tcpProxy({ ...policies.tcpProxy, ...config });
  return [
    ...inOrder(networkExtensions(ctx, view, { mode: "CLIENT", port })),
    ...policies.filters,
    ...protocolFilters(ctx, protocol, statPrefix, cluster, proxy, view.istioFilters),
  ];
}

/** What the destination's rule says about idle connections and about stickiness. */
function ruleSettings(scope: ProxyScope, cluster: string): TcpProxy {
  const key = parseSubsetKey(cluster);
  const service = key && scope.byHostname.get(key.hostname);
  const rule = service && scope.destinationRule(service);
  if (!key || !rule) return {};
  const policy = policyFor(rule, subsetOf(rule, key.subset), key.port);
  const out: TcpProxy = {};
  const idle = parseDuration(policy.connectionPool?.tcp?.idleTimeout);
  if (idle) out.idleTimeout = idle;
  const longest = parseDuration(policy.connectionPool?.tcp?.maxConnectionDuration);
  if (longest) out.maxDownstreamConnectionDuration = longest;
  if (policy.loadBalancer?.consistentHash?.useSourceIp) out.hashPolicy = [{ sourceIp: {} }];
  return out;
}

/**
 * The connection within an HTTP request to the destination, which is a proxy then.
 * https://istio.io/latest/docs/reference/config/networking/destination-rule/#TrafficPolicy-TunnelSettings
 */
function tunnel(scope: ProxyScope, cluster: string, bySubset: boolean): TcpProxy {
  const key = parseSubsetKey(cluster);
  const service = key && scope.byHostname.get(key.hostname);
  const rule = service && scope.destinationRule(service);
  if (!key || !rule) return {};
  const asked = policyFor(rule, bySubset ? subsetOf(rule, key.subset) : undefined, key.port).tunnel;
  if (!asked) return {};
  const { targetHost = "", targetPort = 0, protocol } = asked;
  const hostname = `${targetHost.includes(":") ? `[${targetHost}]` : targetHost}:${targetPort}`;
  return { tunnelingConfig: { hostname, ...(protocol === "POST" ? { usePost: true } : {}) } };
}
