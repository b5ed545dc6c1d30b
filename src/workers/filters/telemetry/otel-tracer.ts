// The tracer that exports over OpenTelemetry's protocol. Worker threads, pure.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig-ExtensionProvider-OpenTelemetryTracingProvider
import { envoy } from "../../../shared/gen/envoy.js";
import type {
  Mesh_MeshConfig_ExtensionProvider_OpenTelemetryTracingProvider as Provider,
  Mesh_MeshConfig_ExtensionProvider_OpenTelemetryTracingProvider_DynatraceSampler as Sampler,
} from "../../../shared/gen/istio.js";
import type { ProxyView } from "../../../shared/model/view.ts";
import type { PushContext } from "../../context/push-context.ts";
import { any, parseDuration } from "../../encode/values.ts";
import { findProviderService, type ProviderService } from "../../scope/provider-service.ts";
import { headerValues, httpService } from "./provider-http.ts";

type Config = envoy.config.trace.v3.IOpenTelemetryConfig;
type Extension = envoy.config.core.v3.ITypedExtensionConfig;
type Problem = { readonly problem: string };

/** A tracer, and whether it samples by itself. */
export interface OpenTelemetryTracer {
  readonly provider: envoy.config.trace.v3.Tracing.IHttp;
  readonly samples: boolean;
}

const { OpenTelemetryConfig } = envoy.config.trace.v3;
const { DynatraceResourceDetectorConfig, EnvironmentResourceDetectorConfig } =
  envoy.extensions.tracers.opentelemetry.resource_detectors.v3;
const { DynatraceSamplerConfig } = envoy.extensions.tracers.opentelemetry.samplers.v3;

const DETECTORS = "opentelemetry.resource_detectors";
const SAMPLER_PATH = "api/v2/samplingConfiguration";

/** The tracer of a provider whose service was found, or why there is none. */
export function openTelemetryTracer(
  ctx: PushContext,
  provider: Provider,
  service: ProviderService,
  view: ProxyView,
): OpenTelemetryTracer | Problem {
  const semantic = provider.serviceAttributeEnrichment === "OTEL_SEMANTIC_CONVENTIONS";
  const config: Config = {
    serviceName: (semantic && view.metadata.otelService) || view.metadata.serviceCluster,
    ...exporter(ctx, provider, service),
  };
  const detectors = resourceDetectors(provider, semantic);
  if (detectors.length > 0) config.resourceDetectors = detectors;
  const { dynatraceSampler } = provider;
  if (dynatraceSampler) {
    const sampler = samplerOf(ctx, dynatraceSampler, provider, service);
    if ("problem" in sampler) return sampler;
    config.sampler = sampler;
  }
  const typedConfig = any("envoy.config.trace.v3.OpenTelemetryConfig", OpenTelemetryConfig, config);
  return { provider: { name: "envoy.tracers.opentelemetry", typedConfig }, samples: dynatraceSampler !== undefined };
}

/** Over HTTP where the provider says so, else over gRPC. */
function exporter(ctx: PushContext, { http, grpc }: Provider, service: ProviderService): Config {
  if (http) return { httpService: httpService(ctx, service, http) };
  const timeout = parseDuration(grpc?.timeout);
  return {
    grpcService: {
      envoyGrpc: { clusterName: service.cluster, authority: service.hostname },
      ...(timeout ? { timeout } : {}),
      initialMetadata: headerValues(ctx, grpc?.initialMetadata),
    },
  };
}

/** What finds out the resource that spans are about. The semantic conventions need what stands in the environment. */
function resourceDetectors({ resourceDetectors: wanted }: Provider, semantic: boolean): Extension[] {
  const type = `envoy.extensions.tracers.${DETECTORS}.v3`;
  const out: Extension[] = [];
  if (wanted?.environment || semantic) {
    const typedConfig = any(`${type}.EnvironmentResourceDetectorConfig`, EnvironmentResourceDetectorConfig, {});
    out.push({ name: `envoy.tracers.${DETECTORS}.environment`, typedConfig });
  }
  if (wanted?.dynatrace) {
    const typedConfig = any(`${type}.DynatraceResourceDetectorConfig`, DynatraceResourceDetectorConfig, {});
    out.push({ name: `envoy.tracers.${DETECTORS}.dynatrace`, typedConfig });
  }
  return out;
}

/** Asks Dynatrace how much to sample: at a service of its own, or where spans are exported to. */
function samplerOf(
  ctx: PushContext,
  sampler: Sampler,
  { http }: Provider,
  service: ProviderService,
): Extension | Problem {
  const { httpService: own, tenant = "", clusterId = 0, rootSpansPerMinute = 0 } = sampler;
  let at = service;
  if (own) {
    const found = findProviderService(ctx, own.service ?? "", own.port ?? 0);
    if ("problem" in found) return { problem: `dynatraceSampler: ${found.problem}` };
    at = found;
  } else if (!http) {
    return { problem: "dynatraceSampler: neither it nor the provider has settings for HTTP" };
  }
  const asked = own ? (own.http ?? {}) : { ...http, path: SAMPLER_PATH };
  const config = { tenant, clusterId, rootSpansPerMinute, httpService: httpService(ctx, at, asked) };
  const type = "envoy.extensions.tracers.opentelemetry.samplers.v3.DynatraceSamplerConfig";
  return {
    name: "envoy.tracers.opentelemetry.samplers.dynatrace",
    typedConfig: any(type, DynatraceSamplerConfig, config),
  };
}
