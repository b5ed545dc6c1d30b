// Limits and timeouts of HTTP connections that a proxy's settings ask for. Worker threads, pure.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#ProxyConfig (connectionSettings)
import type { Mesh_ProxyConfig_ConnectionSettings } from "../../shared/gen/istio.js";
import type { NodeType } from "../../shared/model/proxy.ts";
import { parseDuration } from "../encode/values.ts";
import type { ConnectionManager } from "./connection-manager.ts";

/** What the profile of proxies at the edge stands for, at gateways only: Envoy's advice for them. */
// https://www.envoyproxy.io/docs/envoy/latest/configuration/best_practices/edge
const EDGE: Mesh_ProxyConfig_ConnectionSettings = {
  httpIdleTimeout: "3600s",
  httpRequestTimeout: "300s",
  httpRequestHeadersTimeout: "60s",
  httpStreamIdleTimeout: "300s",
  httpMaxConcurrentStreams: 100,
  http2InitialStreamWindowSize: 65_536,
  http2InitialConnectionWindowSize: 1_048_576,
  httpHeadersWithUnderscoresAction: "HEADERS_WITH_UNDERSCORES_REJECT_REQUEST",
  httpMergeSlashes: true,
  httpPathWithEscapedSlashesAction: "UNESCAPE_AND_REDIRECT",
};

const UNDERSCORES: Readonly<Record<string, number>> = {
  HEADERS_WITH_UNDERSCORES_ALLOW: 0,
  HEADERS_WITH_UNDERSCORES_REJECT_REQUEST: 1,
  HEADERS_WITH_UNDERSCORES_DROP_HEADER: 2,
};

const ESCAPED_SLASHES: Readonly<Record<string, number>> = {
  KEEP_UNCHANGED: 1,
  REJECT_REQUEST: 2,
  UNESCAPE_AND_REDIRECT: 3,
  UNESCAPE_AND_FORWARD: 4,
};

/** Fields of a connection manager: single settings before those of the profile. `own` has what the manager says already. */
export function connectionSettings(
  asked: Mesh_ProxyConfig_ConnectionSettings | undefined,
  type: NodeType,
  own: ConnectionManager,
): ConnectionManager {
  if (!asked) return {};
  const s = asked.profile === "EDGE" && type === "router" ? { ...EDGE, ...asked } : asked;
  const idleTimeout = parseDuration(s.httpIdleTimeout);
  const maxConnectionDuration = parseDuration(s.httpMaxConnectionDuration);
  const maxStreamDuration = parseDuration(s.httpMaxStreamDuration);
  const underscores = UNDERSCORES[s.httpHeadersWithUnderscoresAction ?? ""];
  const common = {
    ...own.commonHttpProtocolOptions,
    ...(idleTimeout ? { idleTimeout } : {}),
    ...(maxConnectionDuration ? { maxConnectionDuration } : {}),
    ...(maxStreamDuration ? { maxStreamDuration } : {}),
    ...(underscores ? { headersWithUnderscoresAction: underscores } : {}),
  };
  const http2 = {
    ...own.http2ProtocolOptions,
    ...(s.httpMaxConcurrentStreams ? { maxConcurrentStreams: { value: s.httpMaxConcurrentStreams } } : {}),
    ...(s.http2InitialStreamWindowSize ? { initialStreamWindowSize: { value: s.http2InitialStreamWindowSize } } : {}),
    ...(s.http2InitialConnectionWindowSize
      ? { initialConnectionWindowSize: { value: s.http2InitialConnectionWindowSize } }
      : {}),
  };
  const drainTimeout = parseDuration(s.httpDrainTimeout);
  const requestTimeout = parseDuration(s.httpRequestTimeout);
  const requestHeadersTimeout = parseDuration(s.httpRequestHeadersTimeout);
  const streamIdleTimeout = parseDuration(s.httpStreamIdleTimeout);
  const slashes = ESCAPED_SLASHES[s.httpPathWithEscapedSlashesAction ?? ""];
  return {
    ...(Object.keys(common).length > 0 ? { commonHttpProtocolOptions: common } : {}),
    ...(Object.keys(http2).length > 0 ? { http2ProtocolOptions: http2 } : {}),
    ...(drainTimeout ? { drainTimeout } : {}),
    ...(requestTimeout ? { requestTimeout } : {}),
    ...(requestHeadersTimeout ? { requestHeadersTimeout } : {}),
    ...(streamIdleTimeout ? { streamIdleTimeout } : {}),
    ...(s.httpMergeSlashes === undefined ? {} : { mergeSlashes: s.httpMergeSlashes }),
    ...(slashes ? { pathWithEscapedSlashesAction: slashes } : {}),
  };
}

/** Bytes that a gateway's listener buffers for a connection; undefined: Envoy's default. */
export function listenerBufferLimit(s: Mesh_ProxyConfig_ConnectionSettings | undefined): number | undefined {
  return s?.listenerPerConnectionBufferLimitBytes ?? (s?.profile === "EDGE" ? EDGE_BUFFER_BYTES : undefined);
}

const EDGE_BUFFER_BYTES = 32_768;
