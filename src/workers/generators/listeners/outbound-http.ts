// The filter chain of a sidecar's outbound HTTP. Worker threads.
import type { ServiceRecord } from "../../../shared/model/service.ts";
import {
  type ConnectionManager,
  type ConnectionManagerOptions,
  connectionManager,
} from "../../filters/connection-manager.ts";
import { dnsCache, httpForwardProxy, unknownHostsCache } from "../../filters/dynamic-forward-proxy.ts";
import { type AnyFilter, httpExtensions, inOrder, networkExtensions } from "../../filters/extensions.ts";
import { httpFilters } from "../../filters/http-filters.ts";
import type { NamedFilter } from "../../filters/peer-metadata.ts";
import { hostHeaders } from "../../filters/proxy-headers.ts";
import { statsFilters } from "../../filters/telemetry/metrics.ts";
import { proxyConfigOf } from "../../filters/telemetry/tracing.ts";
import { catchAllVirtualHost } from "../../routing/default-routes.ts";
import { withHostHeaders } from "../../routing/host-headers.ts";
import { routeConfiguration } from "../../routing/route-configuration.ts";
import { virtualHostFor } from "../../routing/upstream-routes.ts";
import type { GenerateInput } from "../generator.ts";
import { chainOf, type FilterChain, plaintextHttp, RAW_BUFFER } from "./filter-chain.ts";
import { timed } from "./tcp-chains.ts";

export interface OutboundHttp {
  /** Name of the listener, by which its statistics go. */
  readonly statPrefix: string;
  /** The listener's. */
  readonly port: number;
  /** Name of a route configuration of RDS, or the routes themselves. */
  readonly routes: ConnectionManagerOptions["routes"];
  readonly grpcWeb: boolean;
  /** True where the chain must only take what is HTTP. */
  readonly detects: boolean;
  /** Hosts that are resolved for each request. */
  readonly wildcards: readonly ServiceRecord[];
  /** True where hosts that the mesh doesn't know are resolved, too. */
  readonly resolvesUnknown: boolean;
  /** True for a listener that applications use as their proxy. */
  readonly proxies?: boolean;
  readonly extra?: ConnectionManager;
}

export function outboundHttpChain(input: GenerateInput, http: OutboundHttp): FilterChain {
  const match = { applicationProtocols: plaintextHttp(input.ctx.mesh.features), transportProtocol: RAW_BUFFER };
  return timed(chainOf(httpChainFilters(input, http), http.detects ? { filterChainMatch: match } : {}));
}

/**
 * The chain by which HTTP to addresses that the mesh doesn't know goes to wherever its host is: what the virtual listener
 * has before it lets everything through as it came.
 */
export function unknownHostsChain(input: GenerateInput): FilterChain {
  const policy = "ALLOW_ANY_DYNAMIC_DNS";
  const headers = hostHeaders(proxyConfigOf(input.ctx, input.view));
  const host = virtualHostFor(input.view, withHostHeaders(catchAllVirtualHost(policy, ""), headers));
  const config = routeConfiguration(host.name ?? "", [host]);
  const manager = outboundHttpManager(input, {
    statPrefix: `virtualOutbound_${host.name}`,
    port: 0,
    routes: { config },
    grpcWeb: false,
    detects: true,
    wildcards: [],
    resolvesUnknown: true,
  });
  return chainOf([manager], {
    name: "virtualOutbound-catchall-tcp-http",
    filterChainMatch: { applicationProtocols: plaintextHttp(input.ctx.mesh.features) },
  });
}

function httpChainFilters(input: GenerateInput, http: OutboundHttp): AnyFilter[] {
  const extensions = networkExtensions(input.ctx, input.view, { mode: "CLIENT", port: http.port });
  return [...inOrder(extensions), outboundHttpManager(input, http)];
}

function outboundHttpManager(input: GenerateInput, http: OutboundHttp): NamedFilter {
  const { ctx, view } = input;
  const caches = [
    ...http.wildcards.map((service) => dnsCache(service.hostname, view, ctx)),
    ...(http.resolvesUnknown ? [unknownHostsCache(view, ctx)] : []),
  ];
  return connectionManager(ctx, view, {
    direction: "outbound",
    statPrefix: `outbound_${http.statPrefix};`,
    httpFilters: httpFilters(ctx, view, {
      direction: "outbound",
      grpcWeb: http.grpcWeb,
      resolvers: caches.map(httpForwardProxy),
      metadataInMesh: !http.proxies,
      extensions: httpExtensions(ctx, view, { mode: "CLIENT", port: http.port }),
      stats: statsFilters(ctx, view, "outbound"),
    }),
    routes: http.routes,
    useRemoteAddress: ctx.mesh.features.sidecarUseRemoteAddress,
    ...(http.extra ? { extra: http.extra } : {}),
  });
}
