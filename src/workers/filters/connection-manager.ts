// HTTP connection managers as Istio sets them up. Worker threads, pure.
import { envoy } from "../../shared/gen/envoy.js";
import type { ProxyView } from "../../shared/model/view.ts";
import type { PushContext } from "../context/push-context.ts";
import { prefixRange } from "../encode/prefix-range.ts";
import { any, parseDuration, ZERO_DURATION } from "../encode/values.ts";
import { connectionSettings } from "./connection-settings.ts";
import type { AnyFilter } from "./extensions.ts";
import type { NamedFilter } from "./peer-metadata.ts";
import { proxyHeaders } from "./proxy-headers.ts";
import { accessLogs } from "./telemetry/access-logs.ts";
import type { Direction } from "./telemetry/modes.ts";
import { proxyConfigOf, requestTracing } from "./telemetry/tracing.ts";

export type ConnectionManager = envoy.extensions.filters.network.http_connection_manager.v3.IHttpConnectionManager;

const { HttpConnectionManager } = envoy.extensions.filters.network.http_connection_manager.v3;
const { UuidRequestIdConfig } = envoy.extensions.request_id.uuid.v3;

const KEEP_UNCHANGED = 1;
const UNESCAPE_AND_FORWARD = 4;

type RequestId = NonNullable<ConnectionManager["requestIdExtension"]>;

function requestId(useRequestIdForTraceSampling: boolean): RequestId {
  return {
    typedConfig: any("envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig", UuidRequestIdConfig, {
      useRequestIdForTraceSampling: { value: useRequestIdForTraceSampling },
    }),
  };
}

const SAMPLED_BY_ID = requestId(true);
const SAMPLED_BY_TRACE = requestId(false);

/** What differs between the listeners that have a connection manager. */
export interface ConnectionManagerOptions {
  /** Decides which telemetry counts. */
  readonly direction: Direction;
  readonly statPrefix: string;
  readonly httpFilters: readonly AnyFilter[];
  /** Name of a route configuration of RDS, or the routes themselves. */
  readonly routes: { readonly name: string } | { readonly config: envoy.config.route.v3.IRouteConfiguration };
  readonly useRemoteAddress: boolean;
  readonly extra?: ConnectionManager;
}

/** The network filter. */
export function connectionManager(ctx: PushContext, view: ProxyView, options: ConnectionManagerOptions): NamedFilter {
  const { features } = ctx.mesh;
  const { tracing, useRequestId } = requestTracing(ctx, view, options.direction);
  const accessLog = accessLogs(ctx, view, options.direction, "http");
  const manager: ConnectionManager = {
    statPrefix: options.statPrefix,
    httpFilters: [...options.httpFilters],
    useRemoteAddress: { value: options.useRemoteAddress },
    streamIdleTimeout: ZERO_DURATION,
    upgradeConfigs: [{ upgradeType: "websocket" }],
    requestIdExtension: useRequestId ? SAMPLED_BY_ID : SAMPLED_BY_TRACE,
    proxy_100Continue: features.proxy100Continue,
    ...(accessLog.length > 0 ? { accessLog: [...accessLog] } : {}),
    ...(tracing ? { tracing } : {}),
    ...pathNormalization(ctx),
    ...options.extra,
  };
  if (features.hcmInternalNetworks || options.useRemoteAddress) {
    const internal = internalAddresses(ctx);
    if (internal) manager.internalAddressConfig = internal;
  }
  const config = proxyConfigOf(ctx, view);
  const settings = config.connectionSettings ?? ctx.mesh.mesh.defaultConfig?.connectionSettings;
  Object.assign(manager, connectionSettings(settings, view.type, manager));
  Object.assign(manager, proxyHeaders(config, manager, options.direction));
  const idle = parseDuration(view.metadata.idleTimeout);
  if (idle) manager.commonHttpProtocolOptions = { ...manager.commonHttpProtocolOptions, idleTimeout: idle };
  if (features.http10 || view.metadata.http10) {
    manager.httpProtocolOptions = { ...manager.httpProtocolOptions, acceptHttp_10: true };
  }
  if ("name" in options.routes) {
    manager.rds = {
      routeConfigName: options.routes.name,
      configSource: { ads: {}, initialFetchTimeout: ZERO_DURATION, resourceApiVersion: 2 },
    };
  } else {
    manager.routeConfig = options.routes.config;
  }
  return {
    name: "envoy.filters.network.http_connection_manager",
    typedConfig: any(
      "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
      HttpConnectionManager,
      manager,
    ),
  };
}

/**
 * The ranges of the mesh's networks, in order: whose headers about the mesh's inside are kept, where the client's address
 * decides. Envoy takes no address to be internal unless told so.
 */
function internalAddresses(ctx: PushContext): ConnectionManager["internalAddressConfig"] | undefined {
  return ctx.derive("internal-addresses", ["mesh"], () => {
    const ranges = Object.values(ctx.mesh.networks.networks ?? {}).flatMap(({ endpoints }) =>
      (endpoints ?? []).flatMap(({ fromCidr }) => (fromCidr ? [fromCidr] : [])),
    );
    return ranges.length > 0 ? { cidrRanges: ranges.sort().map(prefixRange) } : undefined;
  });
}

/** https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig-ProxyPathNormalization */
function pathNormalization(ctx: PushContext): ConnectionManager {
  const out: ConnectionManager = {
    normalizePath: { value: true },
    pathWithEscapedSlashesAction: KEEP_UNCHANGED,
  };
  switch (ctx.mesh.mesh.pathNormalization?.normalization) {
    case "NONE":
      out.normalizePath = { value: false };
      break;
    case "MERGE_SLASHES":
      out.mergeSlashes = true;
      break;
    case "DECODE_AND_MERGE_SLASHES":
      out.mergeSlashes = true;
      out.pathWithEscapedSlashesAction = UNESCAPE_AND_FORWARD;
      break;
    default:
  }
  return out;
}
