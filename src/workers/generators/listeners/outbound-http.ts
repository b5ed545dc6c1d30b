// The filter chain of a sidecar's outbound HTTP. Worker threads.
import type { ServiceRecord } from "../../../shared/model/service.ts";
import { accessLogs } from "../../filters/access-logs.ts";
import { type ConnectionManager, connectionManager } from "../../filters/connection-manager.ts";
import { httpForwardProxy } from "../../filters/dynamic-forward-proxy.ts";
import { httpFilters } from "../../filters/http-filters.ts";
import { httpStatsFilters } from "../../filters/telemetry.ts";
import type { GenerateInput } from "../generator.ts";
import { chainOf, type FilterChain, plaintextHttp, RAW_BUFFER } from "./filter-chain.ts";
import { timed } from "./tcp-chains.ts";

export interface OutboundHttp {
  /** Name of the listener, by which its statistics go. */
  readonly statPrefix: string;
  readonly routeName: string;
  readonly grpcWeb: boolean;
  /** True where the chain must only take what is HTTP. */
  readonly detects: boolean;
  /** Hosts that are resolved for each request. */
  readonly wildcards: readonly ServiceRecord[];
  readonly extra?: ConnectionManager;
}

export function outboundHttpChain(input: GenerateInput, http: OutboundHttp): FilterChain {
  const { ctx, view } = input;
  const accessLog = accessLogs(ctx, "http");
  const manager = connectionManager(ctx, view, {
    statPrefix: `outbound_${http.statPrefix};`,
    httpFilters: httpFilters(ctx, view, {
      direction: "outbound",
      grpcWeb: http.grpcWeb,
      resolvers: http.wildcards.map((service) => httpForwardProxy(service.hostname, view, ctx)),
      stats: httpStatsFilters(ctx, view, "outbound"),
    }),
    routes: { name: http.routeName },
    useRemoteAddress: ctx.mesh.features.sidecarUseRemoteAddress,
    extra: { ...http.extra, ...(accessLog.length > 0 ? { accessLog } : {}) },
  });
  const match = { applicationProtocols: plaintextHttp(ctx.mesh.features), transportProtocol: RAW_BUFFER };
  return timed(chainOf([manager], http.detects ? { filterChainMatch: match } : {}));
}
