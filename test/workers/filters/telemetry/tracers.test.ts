// The tracer of each kind of provider.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig-ExtensionProvider-ZipkinTracingProvider
import assert from "node:assert/strict";
import { test } from "node:test";
import { WORKLOAD } from "../../../support/inbound-filters.ts";
import { COLLECTOR, observed, observedAt, untyped } from "../../../support/telemetry.ts";
import type { Json } from "../../../support/worker-json.ts";
import type { ProxySpec } from "../../../support/worker-mesh.ts";

const SERVICE = { service: `observability/${COLLECTOR}`, port: 80 };
const CLUSTER = `outbound|80||${COLLECTOR}`;
const GRPC = { grpcService: { envoyGrpc: { clusterName: CLUSTER, authority: COLLECTOR } } };
const COMMON = { collectorEndpointVersion: "HTTP_JSON", sharedSpanContext: false };

function at(path: string, more: object = {}): object {
  return { httpUri: { uri: `http://${COLLECTOR}${path}`, cluster: CLUSTER, timeout: "5s", ...more } };
}

function header(key: string, value: string): object {
  return { appendAction: "OVERWRITE_IF_EXISTS_OR_ADD", header: { key, value } };
}

/** The collector over HTTP, with the first of `HEADERS`. */
function collector(path: string): object {
  return {
    httpUri: { uri: `${COLLECTOR}${path}`, cluster: CLUSTER, timeout: "2s" },
    requestHeadersToAdd: [header("a", "1")],
  };
}

const version = (ISTIO_VERSION: string): ProxySpec => ({ ...WORKLOAD, metadata: { ISTIO_VERSION } });

/** A variable of the control plane's environment, as `TOKEN` in headers. */
const ENV = { TOKEN: "secret" };
const HEADERS = [
  { name: "a", value: "1" },
  { name: "b", envName: "TOKEN" },
  { name: "c", envName: "UNSET" },
];

interface Case {
  readonly name: string;
  readonly provider: object;
  readonly proxy?: ProxySpec;
  readonly tracer: string;
  readonly config: object;
}

const detectors = (...kinds: string[]): object => ({
  resourceDetectors: kinds.map((kind) => ({
    name: `envoy.tracers.opentelemetry.resource_detectors.${kind.toLowerCase()}`,
    typedConfig: {
      "@type": `type.googleapis.com/envoy.extensions.tracers.opentelemetry.resource_detectors.v3.${kind}ResourceDetectorConfig`,
    },
  })),
});

const dynatrace = (httpService: object, more: object = {}): object => ({
  sampler: {
    name: "envoy.tracers.opentelemetry.samplers.dynatrace",
    typedConfig: {
      "@type": "type.googleapis.com/envoy.extensions.tracers.opentelemetry.samplers.v3.DynatraceSamplerConfig",
      tenant: "t",
      clusterId: 7,
      httpService,
      ...more,
    },
  },
});

const CASES: readonly Case[] = [
  {
    name: "Zipkin",
    provider: { zipkin: SERVICE },
    tracer: "zipkin",
    config: { ...COMMON, traceId128bit: true, collectorService: at("/api/v2/spans") },
  },
  {
    name: "Zipkin with everything",
    provider: {
      zipkin: {
        ...SERVICE,
        enable64bitTraceId: true,
        path: "/spans",
        timeout: "3s",
        traceContextOption: "USE_B3_WITH_W3C_PROPAGATION",
        headers: HEADERS,
      },
    },
    tracer: "zipkin",
    config: {
      ...COMMON,
      traceContextOption: "USE_B3_WITH_W3C_PROPAGATION",
      collectorService: {
        ...at("/spans", { timeout: "3s" }),
        requestHeadersToAdd: [
          header("a", "1"),
          header("b", "secret"),
          { appendAction: "OVERWRITE_IF_EXISTS_OR_ADD", header: { key: "c" } },
        ],
      },
    },
  },
  {
    name: "Zipkin for a proxy of 1.28, without what it doesn't know",
    provider: {
      zipkin: { ...SERVICE, timeout: "3s", traceContextOption: "USE_B3_WITH_W3C_PROPAGATION", headers: HEADERS },
    },
    proxy: version("1.28.2"),
    tracer: "zipkin",
    config: {
      ...COMMON,
      traceId128bit: true,
      traceContextOption: "USE_B3_WITH_W3C_PROPAGATION",
      collectorCluster: CLUSTER,
      collectorEndpoint: "/api/v2/spans",
      collectorHostname: COLLECTOR,
    },
  },
  {
    name: "Zipkin for a proxy of 1.27, with B3 alone",
    provider: { zipkin: { ...SERVICE, traceContextOption: "USE_B3_WITH_W3C_PROPAGATION" } },
    proxy: version("1.27.0"),
    tracer: "zipkin",
    config: {
      ...COMMON,
      traceId128bit: true,
      collectorCluster: CLUSTER,
      collectorEndpoint: "/api/v2/spans",
      collectorHostname: COLLECTOR,
    },
  },
  {
    name: "a version that can't be read counts as the newest",
    provider: { zipkin: SERVICE },
    proxy: version("main"),
    tracer: "zipkin",
    config: { ...COMMON, traceId128bit: true, collectorService: at("/api/v2/spans") },
  },
  {
    name: "Datadog",
    provider: { datadog: SERVICE },
    tracer: "datadog",
    config: { collectorCluster: CLUSTER, collectorHostname: COLLECTOR, serviceName: "proxy" },
  },
  {
    name: "SkyWalking",
    provider: { skywalking: { ...SERVICE, accessToken: "t" } },
    tracer: "skywalking",
    config: GRPC,
  },
  {
    name: "OpenTelemetry",
    provider: { opentelemetry: SERVICE },
    tracer: "opentelemetry",
    config: { ...GRPC, serviceName: "proxy" },
  },
  {
    name: "OpenTelemetry over gRPC with everything",
    provider: {
      opentelemetry: {
        ...SERVICE,
        grpc: { timeout: "2s", initialMetadata: HEADERS },
        resourceDetectors: { environment: {}, dynatrace: {} },
      },
    },
    tracer: "opentelemetry",
    config: {
      serviceName: "proxy",
      grpcService: {
        ...GRPC.grpcService,
        timeout: "2s",
        initialMetadata: [{ key: "a", value: "1" }, { key: "b", value: "secret" }, { key: "c" }],
      },
      ...detectors("Environment", "Dynatrace"),
    },
  },
  {
    name: "OpenTelemetry over HTTP",
    provider: {
      opentelemetry: { ...SERVICE, http: { path: "//v1/./x/../traces", timeout: "2s", headers: HEADERS.slice(0, 1) } },
    },
    tracer: "opentelemetry",
    config: {
      serviceName: "proxy",
      httpService: collector("/v1/traces"),
    },
  },
  {
    name: "OpenTelemetry's names of services",
    provider: { opentelemetry: { ...SERVICE, serviceAttributeEnrichment: "OTEL_SEMANTIC_CONVENTIONS" } },
    proxy: { ...WORKLOAD, metadata: { WORKLOAD_NAME: "w" } },
    tracer: "opentelemetry",
    config: { ...GRPC, serviceName: "w", ...detectors("Environment") },
  },
  {
    name: "Dynatrace samples, where spans go to",
    provider: {
      opentelemetry: {
        ...SERVICE,
        http: { path: "/v1/traces", timeout: "2s", headers: HEADERS.slice(0, 1) },
        dynatraceSampler: { tenant: "t", clusterId: 7, rootSpansPerMinute: 9 },
      },
    },
    tracer: "opentelemetry",
    config: {
      serviceName: "proxy",
      httpService: collector("/v1/traces"),
      ...dynatrace(collector("/api/v2/samplingConfiguration"), { rootSpansPerMinute: 9 }),
    },
  },
  {
    name: "Dynatrace samples, at a service of its own",
    provider: {
      opentelemetry: {
        ...SERVICE,
        dynatraceSampler: {
          tenant: "t",
          clusterId: 7,
          httpService: { service: "called.example.com", port: 9000, http: { path: "/s/", timeout: "1s" } },
        },
      },
    },
    tracer: "opentelemetry",
    config: {
      ...GRPC,
      serviceName: "proxy",
      ...dynatrace({
        httpUri: { uri: "called.example.com/s/", cluster: "outbound|9000||called.example.com", timeout: "1s" },
      }),
    },
  },
];

for (const { name, provider, proxy, tracer, config } of CASES) {
  test(name, () => {
    const settings = { extensionProviders: [{ name: "p", ...provider }], defaultProviders: { tracing: ["p"] } };
    const { tracing } = observedAt(observed([], settings, ENV), "http out", proxy);
    const { name: tracerName, typedConfig } = tracing!.provider as { name: string; typedConfig: Json };
    assert.equal(tracerName, `envoy.tracers.${tracer}`);
    assert.deepEqual(untyped(typedConfig), config);
    // A tracer that samples by itself is shown all requests.
    const sampling = "sampler" in config ? 100 : 1;
    assert.deepEqual(tracing!.randomSampling, { value: sampling });
  });
}
