// Services and endpoints as istiod's debug endpoints show them. Main thread, pure.
import {
  type EndpointRecord,
  type Resolution,
  type ServiceRecord,
  UNSPECIFIED_ADDRESS,
} from "../../shared/model/service.ts";
import type { Registry } from "../registry/registry.ts";

/** The numbers of istiod's model.Resolution. */
const RESOLUTION: Readonly<Record<Resolution, number>> = {
  static: 0,
  dns: 1,
  passthrough: 2,
  dnsRoundRobin: 3,
  alias: 4,
  dynamicDns: 5,
};

/** `/debug/registryz`: all services, as istiod's model.Service in JSON. */
export function registryView(registry: Registry): unknown[] {
  return [...registry.services.all()].map((service) => serviceView(service, registry.mesh.clusterId));
}

function serviceView(service: ServiceRecord, clusterId: string): unknown {
  return {
    Attributes: {
      ServiceRegistry: service.registry,
      Name: service.name,
      Namespace: service.namespace,
      Labels: service.labels,
      ExportTo: Object.fromEntries(service.exportTo.map((to) => [to, {}])),
      LabelSelectors: service.selector,
      Aliases: null,
      ClusterExternalAddresses: null,
      ClusterExternalPorts: null,
      ...(service.externalName ? { K8sAttributes: { ExternalName: service.externalName } } : {}),
    },
    ports: service.ports.map((port) => ({ name: port.name, port: port.port, protocol: port.protocol })),
    ...(service.subjectAltNames.length > 0 ? { serviceAccounts: service.subjectAltNames } : {}),
    creationTime: new Date(service.creationTimestamp).toISOString(),
    hostname: service.hostname,
    clusterVIPs: { Addresses: service.addresses.length > 0 ? { [clusterId]: service.addresses } : null },
    defaultAddress: service.addresses[0] ?? UNSPECIFIED_ADDRESS,
    ...(service.autoAllocatedIpv4 ? { autoAllocatedIPv4Address: service.autoAllocatedIpv4 } : {}),
    ...(service.autoAllocatedIpv6 ? { autoAllocatedIPv6Address: service.autoAllocatedIpv6 } : {}),
    Resolution: RESOLUTION[service.resolution],
    MeshExternal: service.meshExternal,
    resourceVersion: "",
  };
}

/** `/debug/endpointShardz`: host to namespace to its endpoints by shard. */
export function endpointShardsView(registry: Registry): Record<string, Record<string, unknown>> {
  const out: Record<string, Record<string, unknown>> = {};
  for (const service of registry.services.all()) {
    const endpoints = registry.services.endpointsOf(service);
    if (endpoints.length === 0) continue;
    out[service.hostname] ??= {};
    out[service.hostname]![service.namespace] = {
      Shards: { [`${service.registry}/${registry.mesh.clusterId}`]: endpoints.map(endpointView) },
      ServiceAccounts: Object.fromEntries(
        endpoints.filter((e) => e.serviceAccount !== "").map((e) => [e.serviceAccount, {}]),
      ),
    };
  }
  return out;
}

function endpointView(endpoint: EndpointRecord): unknown {
  return {
    Labels: endpoint.labels,
    Addresses: endpoint.addresses,
    ServicePortName: endpoint.servicePortName,
    ServiceAccount: endpoint.serviceAccount,
    Network: endpoint.network,
    Locality: { Label: endpoint.locality, ClusterID: endpoint.clusterId },
    EndpointPort: endpoint.port,
    LbWeight: endpoint.weight,
    TLSMode: endpoint.tlsMode,
    Namespace: endpoint.namespace,
    WorkloadName: endpoint.workloadName,
    HostName: endpoint.hostname,
    SubDomain: endpoint.subdomain,
    HealthStatus: endpoint.health,
    NodeName: endpoint.nodeName,
  };
}
