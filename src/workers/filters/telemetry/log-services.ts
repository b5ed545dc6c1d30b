// Access logs that are sent to a service over gRPC. Worker threads, pure.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig-ExtensionProvider-EnvoyHttpGrpcV3LogProvider
import { envoy } from "../../../shared/gen/envoy.js";
import type {
  Mesh_MeshConfig_ExtensionProvider_EnvoyHttpGrpcV3LogProvider as HttpProvider,
  Mesh_MeshConfig_ExtensionProvider_EnvoyOpenTelemetryLogProvider as OtelProvider,
  Mesh_MeshConfig_ExtensionProvider_EnvoyTcpGrpcV3LogProvider as TcpProvider,
} from "../../../shared/gen/istio.js";
import { any } from "../../encode/values.ts";
import type { ProviderService } from "../../scope/provider-service.ts";
import { formatters, TEXT_FORMAT } from "./log-format.ts";

export type AccessLog = envoy.config.accesslog.v3.IAccessLog;
type Common = envoy.extensions.access_loggers.grpc.v3.ICommonGrpcAccessLogConfig;

const { HttpGrpcAccessLogConfig, TcpGrpcAccessLogConfig } = envoy.extensions.access_loggers.grpc.v3;
const { OpenTelemetryAccessLogConfig } = envoy.extensions.access_loggers.open_telemetry.v3;

/** Where connections are logged: those of a TCP proxy, requests, or what no filter chain of a listener took. */
export type LoggedKind = "tcp" | "http" | "listener";

/** What peers said of themselves. */
const PEER_STATES = ["upstream_peer", "downstream_peer"];

/** The same, and the names of the days when Istio's filters were WebAssembly. */
const ALL_PEER_STATES = [
  ...PEER_STATES,
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

/** Cluster of the proxies' bootstrap. */
const BOOTSTRAP_SERVICE: Target = { cluster: "envoy_accesslog_service" };

interface Target {
  readonly cluster: string;
  readonly hostname?: string;
}

function common(logName: string, { cluster, hostname }: Target, states: readonly string[]): Common {
  return {
    logName,
    grpcService: { envoyGrpc: { clusterName: cluster, ...(hostname ? { authority: hostname } : {}) } },
    transportApiVersion: API_V3,
    filterStateObjectsToLog: [...states],
  };
}

const GRPC = "envoy.extensions.access_loggers.grpc.v3";

function httpLog(config: envoy.extensions.access_loggers.grpc.v3.IHttpGrpcAccessLogConfig): AccessLog {
  const typedConfig = any(`${GRPC}.HttpGrpcAccessLogConfig`, HttpGrpcAccessLogConfig, config);
  return { name: "envoy.access_loggers.http_grpc", typedConfig };
}

function tcpLog(commonConfig: Common): AccessLog {
  const typedConfig = any(`${GRPC}.TcpGrpcAccessLogConfig`, TcpGrpcAccessLogConfig, { commonConfig });
  return { name: "envoy.tcp_grpc_access_log", typedConfig };
}

/** To the service that the proxies' bootstrap names. */
export function bootstrapServiceLog(kind: LoggedKind): AccessLog {
  const commonConfig = common(LOG_NAMES[kind], BOOTSTRAP_SERVICE, ALL_PEER_STATES);
  return kind === "http" ? httpLog({ commonConfig }) : tcpLog(commonConfig);
}

function statesOf({ filterStateObjectsToLog: own }: TcpProvider): readonly string[] {
  return own?.length ? own : PEER_STATES;
}

/** To a provider that takes requests. It is sent what TCP proxies log, too. */
export function httpServiceLog(provider: HttpProvider, service: ProviderService): AccessLog {
  return httpLog({
    commonConfig: common(provider.logName || LOG_NAMES.http, service, statesOf(provider)),
    additionalRequestHeadersToLog: [...(provider.additionalRequestHeadersToLog ?? [])],
    additionalResponseHeadersToLog: [...(provider.additionalResponseHeadersToLog ?? [])],
    additionalResponseTrailersToLog: [...(provider.additionalResponseTrailersToLog ?? [])],
  });
}

/** To a provider that takes connections. */
export function tcpServiceLog(provider: TcpProvider, service: ProviderService): AccessLog {
  return tcpLog(common(provider.logName || LOG_NAMES.tcp, service, statesOf(provider)));
}

/** To an OpenTelemetry collector: text as the body, labels as attributes. */
export function otelLog({ logName, logFormat }: OtelProvider, service: ProviderService): AccessLog {
  const text = logFormat?.text || TEXT_FORMAT;
  const labels = logFormat?.labels ?? {};
  const values = Object.keys(labels)
    .sort()
    .map((key) => ({ key, value: { stringValue: typeof labels[key] === "string" ? labels[key] : "" } }));
  const config: envoy.extensions.access_loggers.open_telemetry.v3.IOpenTelemetryAccessLogConfig = {
    commonConfig: common(logName || "otel_envoy_accesslog", service, ALL_PEER_STATES),
    disableBuiltinLabels: true,
    body: { stringValue: text },
    ...(values.length > 0 ? { attributes: { values } } : {}),
    formatters: formatters(text, labels),
  };
  const type = "envoy.extensions.access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig";
  return { name: "envoy.access_loggers.open_telemetry", typedConfig: any(type, OpenTelemetryAccessLogConfig, config) };
}
