// The tracer of a provider: what collects the spans of a proxy. Worker threads, pure.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig-ExtensionProvider-ZipkinTracingProvider
import { envoy } from "../../../shared/gen/envoy.js";
import type { Mesh_MeshConfig_ExtensionProvider_ZipkinTracingProvider as ZipkinProvider } from "../../../shared/gen/istio.js";
import type { ProxyView } from "../../../shared/model/view.ts";
import type { PushContext } from "../../context/push-context.ts";
import { any, durationMs, parseDuration } from "../../encode/values.ts";
import { findProviderService, type ProviderService } from "../../scope/provider-service.ts";
import { openTelemetryTracer } from "./otel-tracer.ts";
import { headerOptions } from "./provider-http.ts";
import type { Provider } from "./providers.ts";
import { isAtLeast } from "./proxy-version.ts";

type Http = envoy.config.trace.v3.Tracing.IHttp;

const { ZipkinConfig, DatadogConfig, SkyWalkingConfig } = envoy.config.trace.v3;

/** What of a connection manager's tracing the provider decides. */
export interface Tracer {
  readonly provider: Http;
  /** Longest tag of a path, in bytes; 0 where the provider doesn't say. */
  readonly maxTagLength: number;
  /** True where each proxy makes a span for the request that it sends, too. */
  readonly spawnsUpstreamSpan: boolean;
  /** True where the tracer samples by itself, and so must be shown every request. */
  readonly samples: boolean;
}

const HTTP_JSON = 1;
const USE_B3_WITH_W3C_PROPAGATION = 1;

/** The path of a collector where the provider gives none. */
const ZIPKIN_PATH = "/api/v2/spans";
const ZIPKIN_TIMEOUT_MS = 5000;

/** The tracer of a provider for a proxy, or why there is none. */
export function tracerOf(ctx: PushContext, view: ProxyView, provider: Provider): Tracer | { readonly problem: string } {
  const spawnsUpstreamSpan = view.type === "router" && ctx.mesh.features.spawnUpstreamSpanForGateway;
  const { zipkin, datadog, skywalking, opentelemetry } = provider;
  const config = zipkin ?? datadog ?? skywalking ?? opentelemetry;
  if (!config) return { problem: "a provider of this kind takes no traces" };
  const service = findProviderService(ctx, config.service ?? "", config.port ?? 0);
  if ("problem" in service) return service;
  const { maxTagLength = 0 } = zipkin ?? datadog ?? opentelemetry ?? {};
  const common = { maxTagLength, spawnsUpstreamSpan, samples: false };
  if (zipkin) return { ...common, provider: zipkinTracer(ctx, zipkin, service, view) };
  if (datadog) return { ...common, provider: datadogTracer(service, view) };
  if (skywalking) return { ...common, spawnsUpstreamSpan: true, provider: skywalkingTracer(service) };
  const otel = openTelemetryTracer(ctx, opentelemetry!, service, view);
  return "problem" in otel ? otel : { ...common, ...otel };
}

function zipkinTracer(
  ctx: PushContext,
  config: ZipkinProvider,
  { cluster, hostname }: ProviderService,
  view: ProxyView,
): Http {
  const path = config.path || ZIPKIN_PATH;
  const out: envoy.config.trace.v3.IZipkinConfig = {
    collectorEndpointVersion: HTTP_JSON,
    sharedSpanContext: { value: false },
    ...(config.enable64bitTraceId ? {} : { traceId_128bit: true }),
  };
  if (isAtLeast(view, 1, 29)) {
    const timeout = parseDuration(config.timeout) ?? durationMs(ZIPKIN_TIMEOUT_MS);
    const headers = headerOptions(ctx, config.headers);
    out.collectorService = {
      httpUri: { uri: `http://${hostname}${path}`, cluster, timeout },
      ...(headers.length > 0 ? { requestHeadersToAdd: headers } : {}),
    };
  } else {
    // Older ones know neither a time limit nor headers.
    Object.assign(out, { collectorCluster: cluster, collectorEndpoint: path, collectorHostname: hostname });
  }
  if (config.traceContextOption === "USE_B3_WITH_W3C_PROPAGATION" && isAtLeast(view, 1, 28)) {
    out.traceContextOption = USE_B3_WITH_W3C_PROPAGATION;
  }
  return { name: "envoy.tracers.zipkin", typedConfig: any("envoy.config.trace.v3.ZipkinConfig", ZipkinConfig, out) };
}

function datadogTracer({ cluster, hostname }: ProviderService, view: ProxyView): Http {
  const config = { collectorCluster: cluster, serviceName: view.metadata.serviceCluster, collectorHostname: hostname };
  return {
    name: "envoy.tracers.datadog",
    typedConfig: any("envoy.config.trace.v3.DatadogConfig", DatadogConfig, config),
  };
}

/** Istio sends proxies no access token, though a provider may have one. */
function skywalkingTracer({ cluster, hostname }: ProviderService): Http {
  const config = { grpcService: { envoyGrpc: { clusterName: cluster, authority: hostname } } };
  const typedConfig = any("envoy.config.trace.v3.SkyWalkingConfig", SkyWalkingConfig, config);
  return { name: "envoy.tracers.skywalking", typedConfig };
}
