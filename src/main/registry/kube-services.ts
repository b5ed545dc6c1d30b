// Kubernetes Services and EndpointSlices as services and endpoints. Main thread, pure.
import type {
  KubeEndpoint,
  KubeEndpointSlice,
  KubePod,
  KubeService,
  KubeServicePort,
} from "../../shared/model/kube.ts";
import {
  type EndpointRecord,
  type Protocol,
  parseProtocol,
  type ServicePort,
  type ServiceRecord,
} from "../../shared/model/service.ts";
import { resolveExportTo } from "./service-entries.ts";
import { endpointOfWorkload, nodeLocality, type Workload, type WorkloadContext, workloadOfPod } from "./workloads.ts";

/** Ports whose protocol lets the server speak first, so that nothing can be detected (Istio's well-known ports). */
const SERVER_FIRST_PORTS: ReadonlySet<number> = new Set([25, 3306, 27017]);

/** `name.namespace.svc.cluster.local` */
export function kubeHostname(name: string, namespace: string, domainSuffix: string): string {
  return `${name}.${namespace}.svc.${domainSuffix}`;
}

/**
 * The protocol of a Service's port: appProtocol, else the prefix of its name
 * (https://istio.io/latest/docs/ops/configuration/traffic-management/protocol-selection/).
 */
export function kubePortProtocol(port: KubeServicePort): Protocol {
  if (port.protocol === "UDP") return "UDP";
  const app = port.appProtocol ?? "";
  if (app !== "") {
    if (app === "kubernetes.io/h2c") return "HTTP2";
    if (app === "kubernetes.io/ws") return "HTTP";
    if (app === "kubernetes.io/wss") return "HTTPS";
    return parseProtocol(app);
  }
  if (port.name === "" && SERVER_FIRST_PORTS.has(port.port)) return "TCP";
  const lower = port.name.toLowerCase();
  if (lower.startsWith("grpc-web")) return "GRPC-Web";
  const prefix = lower.split("-")[0] ?? "";
  const named = parseProtocol(prefix);
  if (named === "Unsupported" && SERVER_FIRST_PORTS.has(port.port)) return "TCP";
  return named;
}

/** The service of a Service object. */
export function serviceOfKube(
  service: KubeService,
  options: { readonly domainSuffix: string; readonly defaultExportTo: readonly string[] },
): ServiceRecord {
  const { meta } = service;
  const headless = service.clusterIPs.length === 0 || service.clusterIPs[0] === "None" || service.clusterIPs[0] === "";
  const external = service.type === "ExternalName";
  const ports: ServicePort[] = service.ports.map((p) => ({
    name: p.name,
    port: p.port,
    protocol: kubePortProtocol(p),
  }));
  const exportAnnotation = meta.annotations["networking.istio.io/exportTo"];
  const exportTo = exportAnnotation ? exportAnnotation.split(",").map((s) => s.trim()) : undefined;
  return {
    hostname: kubeHostname(meta.name, meta.namespace, options.domainSuffix),
    namespace: meta.namespace,
    name: meta.name,
    registry: "Kubernetes",
    objectName: meta.name,
    creationTimestamp: meta.creationTimestamp,
    resolution: external ? "alias" : headless ? "passthrough" : "static",
    meshExternal: external,
    addresses: headless || external ? [] : service.clusterIPs,
    autoAllocatedIpv4: "",
    autoAllocatedIpv6: "",
    ports,
    labels: meta.labels,
    exportTo: resolveExportTo(exportTo, meta.namespace, options.defaultExportTo),
    selector: external ? null : service.selector,
    subjectAltNames: [],
    externalName: service.externalName,
    trafficDistribution:
      service.trafficDistribution || (meta.annotations["networking.istio.io/traffic-distribution"] ?? ""),
    nodeLocal: service.internalTrafficPolicy === "Local",
    publishNotReady: service.publishNotReadyAddresses,
  };
}

/** What endpoint conversion looks up. */
export interface KubeEndpointContext extends WorkloadContext {
  readonly clusterId: string;
  pod(namespace: string, name: string): KubePod | undefined;
}

/** The endpoints of a Service, from its slices and, where its selector chooses them, WorkloadEntries. */
export function endpointsOfKube(
  service: KubeService,
  slices: readonly KubeEndpointSlice[],
  selectedEntries: readonly Workload[],
  ctx: KubeEndpointContext,
): EndpointRecord[] {
  const out: EndpointRecord[] = [];
  const seen = new Set<string>();
  for (const slice of slices) {
    if (slice.addressType === "FQDN") continue;
    for (const endpoint of slice.endpoints) {
      const health = endpointHealth(endpoint, service.publishNotReadyAddresses);
      if (!health) continue;
      for (const address of endpoint.addresses) {
        for (const port of slice.ports) {
          const id = `${address}/${port.name}/${port.port}`;
          if (seen.has(id)) continue;
          seen.add(id);
          out.push(sliceEndpoint(slice, endpoint, address, port, health, ctx));
        }
      }
    }
  }
  for (const workload of selectedEntries) {
    for (const port of service.ports) out.push(entryEndpoint(workload, port, ctx.clusterId));
  }
  return out;
}

function endpointHealth(endpoint: KubeEndpoint, publishNotReady: boolean): EndpointRecord["health"] | undefined {
  if (endpoint.ready || publishNotReady) return "HEALTHY";
  if (endpoint.terminating) return endpoint.serving ? "DRAINING" : "TERMINATING";
  return "UNHEALTHY";
}

function sliceEndpoint(
  slice: KubeEndpointSlice,
  endpoint: KubeEndpoint,
  address: string,
  port: { readonly name: string; readonly port: number },
  health: EndpointRecord["health"],
  ctx: KubeEndpointContext,
): EndpointRecord {
  const namespace = slice.meta.namespace;
  const pod = endpoint.podName ? ctx.pod(namespace, endpoint.podName) : undefined;
  const workload = pod && workloadOfPod(pod, ctx);
  const draining = workload?.health === "DRAINING";
  return {
    addresses: [address],
    port: port.port,
    servicePortName: port.name,
    labels: workload?.labels ?? {},
    serviceAccount: workload?.serviceAccount ?? "",
    network: workload?.network ?? "",
    clusterId: ctx.clusterId,
    locality: workload?.locality || nodeLocality(ctx.node(endpoint.nodeName)),
    weight: 0,
    tlsMode: workload?.tlsMode ?? "disabled",
    workloadName: workload?.name ?? "",
    namespace,
    health: draining ? "DRAINING" : health,
    hostname: endpoint.hostname,
    subdomain: endpoint.hostname ? slice.serviceName : "",
    nodeName: endpoint.nodeName || (workload?.nodeName ?? ""),
  };
}

function entryEndpoint(workload: Workload, port: KubeServicePort, clusterId: string): EndpointRecord {
  const target = typeof port.targetPort === "number" ? port.targetPort : workload.ports[port.targetPort];
  const own = workload.ports[port.name] ?? target ?? port.port;
  return endpointOfWorkload(workload, port.name, own, clusterId);
}
