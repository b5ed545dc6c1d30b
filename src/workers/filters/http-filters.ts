// The HTTP filters of Istio's connection managers, in their order. Worker threads, pure.
import { envoy, istio } from "../../shared/gen/envoy.js";
import type { ProxyView } from "../../shared/model/view.ts";
import type { PushContext } from "../context/push-context.ts";
import { any } from "../encode/values.ts";
import type { AnyFilter, PhaseFilters } from "./extensions.ts";
import {
  IN_MESH_PEER_METADATA,
  INBOUND_PEER_METADATA,
  type NamedFilter,
  OUTBOUND_PEER_METADATA,
} from "./peer-metadata.ts";
import type { HttpPolicies } from "./security-policies.ts";
import { STATEFUL_SESSION } from "./stateful-session.ts";
import { proxyConfigOf } from "./telemetry/tracing.ts";

const { HTTPFault } = envoy.extensions.filters.http.fault.v3;
const { Cors } = envoy.extensions.filters.http.cors.v3;
const { Router } = envoy.extensions.filters.http.router.v3;
const { FilterConfig: GrpcStats } = envoy.extensions.filters.http.grpc_stats.v3;
const { GrpcWeb } = envoy.extensions.filters.http.grpc_web.v3;
const { FilterConfig: Alpn } = istio.envoy.config.filter.http.alpn.v2alpha1;

export const FAULT: NamedFilter = {
  name: "envoy.filters.http.fault",
  typedConfig: any("envoy.extensions.filters.http.fault.v3.HTTPFault", HTTPFault, {}),
};

export const CORS: NamedFilter = {
  name: "envoy.filters.http.cors",
  typedConfig: any("envoy.extensions.filters.http.cors.v3.Cors", Cors, {}),
};

export const ROUTER: NamedFilter = {
  name: "envoy.filters.http.router",
  typedConfig: any("envoy.extensions.filters.http.router.v3.Router", Router, {}),
};

/** Without headers of Envoy's own in requests and responses, such as x-envoy-upstream-service-time. */
const SILENT_ROUTER: NamedFilter = {
  name: "envoy.filters.http.router",
  typedConfig: any("envoy.extensions.filters.http.router.v3.Router", Router, { suppressEnvoyHeaders: true }),
};

/** Marks gRPC requests, which telemetry reads. */
export const GRPC_STATS: NamedFilter = {
  name: "envoy.filters.http.grpc_stats",
  typedConfig: any("envoy.extensions.filters.http.grpc_stats.v3.FilterConfig", GrpcStats, {
    emitFilterState: true,
    statsForAllMethods: { value: false },
  }),
};

export const GRPC_WEB: NamedFilter = {
  name: "envoy.filters.http.grpc_web",
  typedConfig: any("envoy.extensions.filters.http.grpc_web.v3.GrpcWeb", GrpcWeb, {}),
};

const HTTP10 = 0;
const HTTP11 = 1;
const HTTP2 = 2;

/** Tells a server's sidecar which HTTP version comes, so that it need not look. Istio's build only. */
export const ALPN: NamedFilter = {
  name: "istio.alpn",
  typedConfig: any("istio.envoy.config.filter.http.alpn.v2alpha1.FilterConfig", Alpn, {
    alpnOverride: [
      { upstreamProtocol: HTTP10, alpnOverride: ["istio-http/1.0", "istio", "http/1.0"] },
      { upstreamProtocol: HTTP11, alpnOverride: ["istio-http/1.1", "istio", "http/1.1"] },
      { upstreamProtocol: HTTP2, alpnOverride: ["istio-h2", "istio", "h2"] },
    ],
  }),
};

export interface HttpFilterOptions {
  readonly direction: "inbound" | "outbound" | "gateway";
  /** gRPC-Web is translated for the server. */
  readonly grpcWeb: boolean;
  /** Filters of security policies, between the metadata filter and gRPC's. */
  readonly policies?: HttpPolicies;
  /** Filters of users' own, by where they stand. */
  readonly extensions?: PhaseFilters | undefined;
  /** Filters that find the host of a request, after the fault and CORS filters. */
  readonly resolvers?: readonly NamedFilter[];
  /** True where the mesh's setting may keep metadata from servers outside of it. */
  readonly metadataInMesh?: boolean;
  /** Metrics filters, before the router. */
  readonly stats?: readonly NamedFilter[];
}

/** The list that ends in the router. */
export function httpFilters(ctx: PushContext, view: ProxyView, options: HttpFilterOptions): AnyFilter[] {
  const { features } = ctx.mesh;
  const headers = proxyConfigOf(ctx, view).proxyHeaders;
  const out: AnyFilter[] = [];
  if (view.istioFilters && features.metadataExchange) {
    const inMesh = options.metadataInMesh && headers?.metadataExchangeHeaders?.mode === "IN_MESH";
    const outbound = inMesh ? IN_MESH_PEER_METADATA : OUTBOUND_PEER_METADATA;
    out.push(options.direction === "inbound" ? INBOUND_PEER_METADATA : outbound);
  }
  const { policies, extensions } = options;
  if (policies) out.push(...policies.custom);
  if (extensions) out.push(...extensions.AUTHN);
  if (policies) out.push(...policies.authentication);
  if (extensions) out.push(...extensions.AUTHZ);
  if (policies) out.push(...policies.authorization);
  if (extensions) out.push(...extensions.STATS, ...extensions.UNSPECIFIED);
  if (options.grpcWeb) out.push(GRPC_WEB);
  out.push(GRPC_STATS);
  if (view.istioFilters && features.alpnFilter && options.direction !== "inbound") out.push(ALPN);
  out.push(FAULT, CORS, ...(options.resolvers ?? []));
  if (features.persistentSessionFilter && options.direction !== "inbound") out.push(STATEFUL_SESSION);
  out.push(...(options.stats ?? []), headers?.envoyDebugHeaders?.disabled ? SILENT_ROUTER : ROUTER);
  return out;
}
