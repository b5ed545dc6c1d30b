// What a mesh has where MeshConfig says nothing: istiod's defaults. Main thread.
import type { Mesh_MeshConfig, Mesh_ProxyConfig } from "../../shared/gen/istio.js";

/** A proxy's own settings by default. */
export function defaultProxyConfig(): Mesh_ProxyConfig {
  return {
    configPath: "./etc/istio/proxy",
    binaryPath: "/usr/local/bin/envoy",
    serviceCluster: "istio-proxy",
    drainDuration: "45s",
    terminationDrainDuration: "5s",
    proxyAdminPort: 15000,
    controlPlaneAuthPolicy: "MUTUAL_TLS",
    discoveryAddress: "istiod.istio-system.svc:15012",
    statNameLength: 189,
    statusPort: 15020,
  };
}

/** The mesh's settings by default. */
export function defaultMeshConfig(): Mesh_MeshConfig {
  return {
    proxyListenPort: 15001,
    proxyInboundListenPort: 15006,
    connectTimeout: "10s",
    protocolDetectionTimeout: "0s",
    ingressClass: "istio",
    ingressService: "istio-ingressgateway",
    ingressControllerMode: "STRICT",
    enableTracing: true,
    accessLogFile: "",
    accessLogFormat: "",
    accessLogEncoding: "TEXT",
    enableEnvoyAccessLogService: false,
    defaultConfig: defaultProxyConfig(),
    outboundTrafficPolicy: { mode: "ALLOW_ANY" },
    inboundTrafficPolicy: { mode: "PASSTHROUGH" },
    enableAutoMtls: true,
    trustDomain: "cluster.local",
    trustDomainAliases: [],
    defaultServiceExportTo: ["*"],
    defaultVirtualServiceExportTo: ["*"],
    defaultDestinationRuleExportTo: ["*"],
    rootNamespace: "istio-system",
    localityLbSetting: { enabled: true },
    dnsRefreshRate: "60s",
    certificates: [],
    serviceSettings: [],
    enablePrometheusMerge: true,
    defaultProviders: {},
    extensionProviders: [
      { name: "prometheus", prometheus: {} },
      { name: "stackdriver", stackdriver: {} },
      { name: "envoy", envoyFileAccessLog: { path: "/dev/stdout" } },
    ],
  };
}
