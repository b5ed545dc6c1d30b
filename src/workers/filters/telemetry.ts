// Access logs and metrics that the mesh's settings ask for. Worker threads, pure.
// https://istio.io/latest/docs/tasks/observability/logs/access-log/
import { envoy, stats } from "../../shared/gen/envoy.js";
import type { ProxyView } from "../../shared/model/view.ts";
import type { PushContext } from "../context/push-context.ts";
import { any, struct } from "../encode/values.ts";
import type { NamedFilter } from "./peer-metadata.ts";

export type Direction = "inbound" | "outbound" | "gateway";
type AccessLog = envoy.config.accesslog.v3.IAccessLog;

const { FileAccessLog } = envoy.extensions.access_loggers.file.v3;
const { PluginConfig } = stats;

/** Istio's format where the mesh gives none. */
const TEXT_FORMAT =
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% ' +
  '%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" ' +
  "%BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% " +
  '"%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" ' +
  "%UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% " +
  "%REQUESTED_SERVER_NAME% %ROUTE_NAME%\n";

const JSON_FIELDS: Readonly<Record<string, string>> = {
  start_time: "%START_TIME%",
  route_name: "%ROUTE_NAME%",
  method: "%REQ(:METHOD)%",
  path: "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
  protocol: "%PROTOCOL%",
  response_code: "%RESPONSE_CODE%",
  response_flags: "%RESPONSE_FLAGS%",
  response_code_details: "%RESPONSE_CODE_DETAILS%",
  connection_termination_details: "%CONNECTION_TERMINATION_DETAILS%",
  bytes_received: "%BYTES_RECEIVED%",
  bytes_sent: "%BYTES_SENT%",
  duration: "%DURATION%",
  upstream_service_time: "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%",
  x_forwarded_for: "%REQ(X-FORWARDED-FOR)%",
  user_agent: "%REQ(USER-AGENT)%",
  request_id: "%REQ(X-REQUEST-ID)%",
  authority: "%REQ(:AUTHORITY)%",
  upstream_host: "%UPSTREAM_HOST%",
  upstream_cluster: "%UPSTREAM_CLUSTER_RAW%",
  upstream_local_address: "%UPSTREAM_LOCAL_ADDRESS%",
  downstream_local_address: "%DOWNSTREAM_LOCAL_ADDRESS%",
  downstream_remote_address: "%DOWNSTREAM_REMOTE_ADDRESS%",
  requested_server_name: "%REQUESTED_SERVER_NAME%",
  upstream_transport_failure_reason: "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
};

/** The file log of the mesh's settings; empty where there is none. */
function fileAccessLog(ctx: PushContext): AccessLog | undefined {
  const { accessLogFile, accessLogFormat, accessLogEncoding } = ctx.mesh.mesh;
  if (!accessLogFile) return undefined;
  const json = accessLogEncoding === "JSON";
  const logFormat = json
    ? { jsonFormat: struct(jsonFormat(accessLogFormat)) }
    : { textFormatSource: { inlineString: textFormat(accessLogFormat) } };
  return {
    name: "envoy.access_loggers.file",
    typedConfig: any("envoy.extensions.access_loggers.file.v3.FileAccessLog", FileAccessLog, {
      path: accessLogFile,
      logFormat,
    }),
  };
}

function textFormat(format: string | undefined): string {
  if (!format) return TEXT_FORMAT;
  return format.endsWith("\n") ? format : `${format}\n`;
}

function jsonFormat(format: string | undefined): Record<string, unknown> {
  if (!format) return { ...JSON_FIELDS };
  try {
    return JSON.parse(format) as Record<string, unknown>;
  } catch {
    // Mesh settings with such a format are reported when they are read; the default keeps logs coming.
    return { ...JSON_FIELDS };
  }
}

/** Access logs of a TCP proxy or connection manager. */
export function accessLogs(ctx: PushContext, _view: ProxyView, _kind: "tcp" | "http"): AccessLog[] {
  const log = ctx.derive("access-log", ["mesh"], () => fileAccessLog(ctx));
  return log ? [log] : [];
}

/** Access logs of a listener: connections that no filter chain took. */
export function listenerAccessLogs(ctx: PushContext): AccessLog[] {
  if (ctx.mesh.mesh.disableEnvoyListenerLog) return [];
  const log = ctx.derive("access-log", ["mesh"], () => fileAccessLog(ctx));
  return log ? [{ ...log, filter: { responseFlagFilter: { flags: ["NR"] } } }] : [];
}

function wantsMetrics(ctx: PushContext, view: ProxyView): boolean {
  const providers = ctx.mesh.mesh.defaultProviders?.metrics ?? [];
  return view.istioFilters && providers.includes("prometheus");
}

/** Istio's metrics of TCP connections, where the mesh has a Prometheus provider by default. */
export function tcpStatsFilters(ctx: PushContext, view: ProxyView, direction: Direction): NamedFilter[] {
  if (!wantsMetrics(ctx, view)) return [];
  return [
    {
      name: "istio.stats",
      typedConfig: any(
        "stats.PluginConfig",
        PluginConfig,
        direction === "outbound" ? {} : { disableHostHeaderFallback: true },
      ),
    },
  ];
}

/** Istio's metrics of HTTP requests. Hosts of requests count as services only inside of the mesh. */
export function httpStatsFilters(ctx: PushContext, view: ProxyView, direction: Direction): NamedFilter[] {
  if (!wantsMetrics(ctx, view)) return [];
  const disableHostHeaderFallback = direction !== "outbound";
  return [
    {
      name: "istio.stats",
      typedConfig: any(
        "stats.PluginConfig",
        PluginConfig,
        disableHostHeaderFallback ? { disableHostHeaderFallback } : {},
      ),
    },
  ];
}
