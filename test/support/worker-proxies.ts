// Random proxies and mesh settings, and the names that proxies ask for in the meshes of worker-arbitraries.ts.
import fc from "fast-check";
import type { MeshSettings } from "../../src/shared/model/mesh.ts";
import type { XdsType } from "../../src/shared/xds-types.ts";
import { EXTENSION } from "./patch-arbitraries.ts";
import { HOSTS, labels, locality, NAMESPACES } from "./random-documents.ts";
import { meshSettings, type ProxySpec } from "./worker-mesh.ts";

const IMAGE = fc.constantFrom(
  {},
  { DNS_CAPTURE: "true", DNS_AUTO_ALLOCATE: "true" },
  { INTERCEPTION_MODE: "TPROXY" },
  { INTERCEPTION_MODE: "NONE" },
  { INSTANCE_IPS: "10.0.0.1,2001:db8::1" },
  { TLS_CLIENT_CERT_CHAIN: "/c.pem", TLS_CLIENT_KEY: "/k.pem", TLS_CLIENT_ROOT_CERT: "/r.pem" },
  { TLS_SERVER_CERT_CHAIN: "/c.pem", TLS_SERVER_KEY: "/k.pem", TLS_SERVER_ROOT_CERT: "/r.pem" },
  { CLUSTER_ID: "c2", MESH_ID: "m" },
  { HTTP10: "1", IDLE_TIMEOUT: "30s", ISTIO_VERSION: "1.20.0" },
  { WORKLOAD_NAME: "w", OWNER: "o", PROXY_CONFIG: { concurrency: 2 } },
  { INBOUND_LISTENER_EXACT_BALANCE: "true", OUTBOUND_LISTENER_EXACT_BALANCE: "true" },
  { ENABLE_HBONE: "true", IDLE_TIMEOUT: "1m" },
  { UNPRIVILEGED_POD: "true", REQUESTED_NETWORK_VIEW: "n1" },
  { ENVOY_STATUS_PORT: "80", ENVOY_PROMETHEUS_PORT: "9000" },
  { HTTP_PROXY_PORT: "15080", STATIC_LABELS: { app: "a" } },
  { GENERATOR: "grpc" },
  { GENERATOR: "grpc", DNS_CAPTURE: "true" },
  { PROXY_CONFIG: { proxyHeaders: { preserveHttp1HeaderCase: true, attemptCount: { disabled: true } } } },
);

/** Any proxy, also ones in namespaces that have nothing of their own. */
export const proxySpec: fc.Arbitrary<ProxySpec> = fc
  .record({
    type: fc.constantFrom("sidecar", "sidecar", "sidecar", "router"),
    ip: fc.constantFrom("10.0.0.1", "10.0.0.2", "10.0.0.3", "2001:db8::2"),
    namespace: fc.constantFrom(...NAMESPACES, "empty"),
    labels: fc.oneof(labels, fc.constant({ istio: "gateway" }), fc.constant({})),
    locality,
    istio: fc.boolean(),
    network: fc.constantFrom({}, { NETWORK: "n1" }),
    images: fc.subarray([0, 1], { maxLength: 2 }),
    a: IMAGE,
    b: IMAGE,
  })
  .map(({ a, b, images, network, ...spec }) => ({
    ...spec,
    type: spec.type as "sidecar" | "router",
    metadata: { ...network, ...(images.includes(0) ? a : {}), ...(images.includes(1) ? b : {}) },
  }));

/** Any Envoy. */
export const envoySpec: fc.Arbitrary<ProxySpec> = proxySpec.filter(({ metadata }) => metadata?.GENERATOR !== "grpc");

/** MeshNetworks: most meshes have one network. */
const networks: fc.Arbitrary<MeshSettings["networks"]> = fc.constantFrom<MeshSettings["networks"]>(
  {},
  {},
  { networks: { n1: { gateways: [{ address: "203.0.113.1", port: 15_443 }] } } },
  {
    networks: {
      n1: { gateways: [{ address: "203.0.113.1", port: 15_443 }] },
      n2: { gateways: ["203.0.113.2", "203.0.113.3"].map((address) => ({ address, port: 15_443 })) },
    },
  },
);

/** What sidecars and routers may ask for by name in these meshes. */
const EDS_NAMES: readonly string[] = HOSTS.flatMap((h) =>
  [80, 443, 9000, 7000].flatMap((p) =>
    ["", "v1", "v2"].flatMap((subset) => [`outbound|${p}|${subset}|${h}`, `outbound_.${p}_.${subset}_.${h}`]),
  ),
);
const RDS_NAMES: readonly string[] = [
  ...["80", "443", "7000", "9000", "http_proxy", "http.80", "https.443.https.one.default"],
  ...HOSTS.flatMap((h) => [`${h}:80`, `${h}:7000`]),
];

/** What gRPC's own clients and servers may ask for by name. */
const GRPC_NAMES = {
  CDS: EDS_NAMES.filter((name) => name.includes("|")),
  LDS: [
    ...["a:80", "a.default:80", "[2001:db8::1]:80", "nobody:1"],
    ...HOSTS.flatMap((h) => [80, 7000, 9000].map((port) => `${h}:${port}`)),
    ...[80, 8080, 9000].map((port) => `xds.istio.io/grpc/lds/inbound/0.0.0.0:${port}`),
  ],
  RDS: HOSTS.flatMap((h) => [80, 7000, 9000].map((port) => `outbound|${port}||${h}`)),
} as const;

/** What a proxy may ask for: types, with names where they are asked for by name. */
export function subscriptions({ metadata }: ProxySpec): readonly (readonly [XdsType, readonly string[] | null])[] {
  if (metadata?.GENERATOR === "grpc") {
    return [
      ["CDS", GRPC_NAMES.CDS],
      ["EDS", GRPC_NAMES.CDS],
      ["LDS", GRPC_NAMES.LDS],
      ["RDS", GRPC_NAMES.RDS],
    ];
  }
  return [
    ["CDS", null],
    ["EDS", EDS_NAMES],
    ["LDS", null],
    ["RDS", RDS_NAMES],
    ["NDS", null],
    ["ECDS", [EXTENSION, "extensions.istio.io/trafficextension/default.one"]],
  ];
}

/** Providers of telemetry, whose services come and go. */
const TELEMETRY = `
extensionProviders:
- {name: als, envoyTcpAls: {service: a.example.com, port: 9000}}
- {name: zipkin, zipkin: {service: b.example.com, port: 80}}
- name: otel
  opentelemetry: {service: b.example.com, port: 80, serviceAttributeEnrichment: OTEL_SEMANTIC_CONVENTIONS}`;

/** MeshConfigs that change what is generated. */
const meshConfig: fc.Arbitrary<string> = fc.constantFrom(
  "",
  "",
  "accessLogFile: /dev/stdout",
  "outboundTrafficPolicy: {mode: REGISTRY_ONLY}",
  "outboundTrafficPolicy: {mode: ALLOW_ANY_DYNAMIC_DNS}",
  "outboundClusterStatName: '%SERVICE%_%SERVICE_PORT_NAME%_%SUBSET_NAME%'",
  "serviceSettings: [{settings: {clusterLocal: true}, hosts: ['*']}]",
  "serviceEntryVisibility: {applyToSidecars: true, defaultVisibility: NAMESPACE}",
  "enableEnvoyAccessLogService: true",
  "enableAutoMtls: false",
  "localityLbSetting: {failoverPriority: [version]}",
  "defaultServiceExportTo: ['.']",
  "defaultDestinationRuleExportTo: ['.']",
  "defaultVirtualServiceExportTo: ['.']",
  "rootNamespace: other",
  "defaultHttpRetryPolicy: {attempts: 0}",
  "extensionProviders: [{name: authz, envoyExtAuthzHttp: {service: b.example.com, port: 80}}]",
  TELEMETRY,
  `${TELEMETRY}\ndefaultProviders: {metrics: [prometheus], accessLogging: [als], tracing: [otel]}`,
);

/** Settings of a mesh. */
export const settings: fc.Arbitrary<MeshSettings> = fc
  .tuple(meshConfig, networks)
  .map(([config, given]) => ({ ...meshSettings(config), networks: given }));
