// Access logs that the mesh's settings ask for: into a file, and to the service of the proxies' bootstrap. Worker threads, pure.
// https://istio.io/latest/docs/tasks/observability/logs/access-log/
import { envoy } from "../../shared/gen/envoy.js";
import type { PushContext } from "../context/push-context.ts";
import { any, struct } from "../encode/values.ts";

type AccessLog = envoy.config.accesslog.v3.IAccessLog;

const { FileAccessLog } = envoy.extensions.access_loggers.file.v3;
const { HttpGrpcAccessLogConfig, TcpGrpcAccessLogConfig } = envoy.extensions.access_loggers.grpc.v3;

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

/** Where connections are logged: those of a TCP proxy, requests, or what no filter chain of a listener took. */
export type LoggedKind = "tcp" | "http" | "listener";

/** Access logs of a TCP proxy or connection manager. */
export function accessLogs(ctx: PushContext, kind: LoggedKind): AccessLog[] {
  const logs = ctx.derive(`access-logs/${kind}`, ["mesh"], () => meshAccessLogs(ctx, kind));
  return [...logs];
}

/** Access logs of a listener: connections that no filter chain took. */
export function listenerAccessLogs(ctx: PushContext): AccessLog[] {
  if (ctx.mesh.mesh.disableEnvoyListenerLog) return [];
  const filter = { responseFlagFilter: { flags: ["NR"] } };
  return accessLogs(ctx, "listener").map((log) => ({ ...log, filter }));
}

function meshAccessLogs(ctx: PushContext, kind: LoggedKind): readonly AccessLog[] {
  const { accessLogFile, enableEnvoyAccessLogService } = ctx.mesh.mesh;
  return [
    ...(accessLogFile ? [fileAccessLog(ctx, accessLogFile)] : []),
    ...(enableEnvoyAccessLogService ? [serviceAccessLog(kind)] : []),
  ];
}

function fileAccessLog({ mesh: { mesh } }: PushContext, path: string): AccessLog {
  const logFormat =
    mesh.accessLogEncoding === "JSON"
      ? { jsonFormat: struct(jsonFormat(mesh.accessLogFormat)), jsonFormatOptions: {} }
      : { textFormatSource: { inlineString: textFormat(mesh.accessLogFormat) } };
  return {
    name: "envoy.access_loggers.file",
    typedConfig: any("envoy.extensions.access_loggers.file.v3.FileAccessLog", FileAccessLog, { path, logFormat }),
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

/** Cluster of the proxies' bootstrap. */
const LOG_SERVICE_CLUSTER = "envoy_accesslog_service";

/** What peers said of themselves, under the names of today's filters and of those that were WebAssembly. */
const PEER_STATES = [
  "upstream_peer",
  "downstream_peer",
  "wasm.upstream_peer",
  "wasm.upstream_peer_id",
  "wasm.downstream_peer",
  "wasm.downstream_peer_id",
];

const API_V3 = 2;

const LOG_NAMES: Readonly<Record<LoggedKind, string>> = {
  http: "http_envoy_accesslog",
  tcp: "tcp_envoy_accesslog",
  listener: "listener_envoy_accesslog",
};

function serviceAccessLog(kind: LoggedKind): AccessLog {
  const commonConfig = {
    logName: LOG_NAMES[kind],
    grpcService: { envoyGrpc: { clusterName: LOG_SERVICE_CLUSTER } },
    transportApiVersion: API_V3,
    filterStateObjectsToLog: PEER_STATES,
  };
  const grpc = "envoy.extensions.access_loggers.grpc.v3";
  return kind === "http"
    ? {
        name: "envoy.access_loggers.http_grpc",
        typedConfig: any(`${grpc}.HttpGrpcAccessLogConfig`, HttpGrpcAccessLogConfig, { commonConfig }),
      }
    : {
        name: "envoy.tcp_grpc_access_log",
        typedConfig: any(`${grpc}.TcpGrpcAccessLogConfig`, TcpGrpcAccessLogConfig, { commonConfig }),
      };
}
