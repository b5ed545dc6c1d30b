// ServiceEntries as services and endpoints. Main thread, pure.
// Fields: https://istio.io/latest/docs/reference/config/networking/service-entry/
import type { Networking_ServiceEntry, Networking_ServicePort } from "../../shared/gen/istio.js";
import type { ConfigObject } from "../../shared/model/config.ts";
import { type EndpointRecord, parseProtocol, type Resolution, type ServiceRecord } from "../../shared/model/service.ts";
import { canonicalName, canonicalRevision } from "../../shared/names/canonical.ts";
import { isWildcard } from "../../shared/names/hostname.ts";
import { limitExportTo, type Visibility } from "./entry-visibility.ts";
import { endpointOfWorkload, inlineWorkload, type Workload, type WorkloadContext } from "./workloads.ts";

export type ServiceEntryObject = ConfigObject<Networking_ServiceEntry>;

const RESOLUTIONS: Readonly<Record<string, Resolution>> = {
  NONE: "passthrough",
  STATIC: "static",
  DNS: "dns",
  DNS_ROUND_ROBIN: "dnsRoundRobin",
  DYNAMIC_DNS: "dynamicDns",
};

/** The namespaces of an exportTo list, "." resolved; what the mesh says where the list is empty. */
export function resolveExportTo(
  exportTo: readonly string[] | undefined,
  namespace: string,
  meshDefault: readonly string[],
): string[] {
  const list = exportTo && exportTo.length > 0 ? exportTo : meshDefault.length > 0 ? meshDefault : ["*"];
  return [...new Set(list.map((ns) => (ns === "." ? namespace : ns)))].sort();
}

/** One service for each host of the entry. */
export function servicesOfEntry(
  config: ServiceEntryObject,
  options: {
    readonly defaultExportTo: readonly string[];
    /** How far it may be seen at most. */
    readonly visibility: Visibility;
    readonly ipAutoAllocate: boolean;
  },
): ServiceRecord[] {
  const { meta, spec } = config;
  const resolution = RESOLUTIONS[spec.resolution ?? "NONE"] ?? "passthrough";
  const asked = resolveExportTo(spec.exportTo, meta.namespace, options.defaultExportTo);
  const exportTo = limitExportTo(asked, meta.namespace, options.visibility);
  const addresses = (spec.addresses ?? []).map(trimHostMask);
  return (spec.hosts ?? []).map((hostname) => {
    const allocated = allocatedAddresses(config, hostname);
    return {
      hostname,
      namespace: meta.namespace,
      name: hostname,
      registry: "External",
      objectName: meta.name,
      creationTimestamp: meta.creationTimestamp,
      resolution,
      meshExternal: (spec.location ?? "MESH_EXTERNAL") === "MESH_EXTERNAL",
      addresses,
      autoAllocatedIpv4: options.ipAutoAllocate ? allocated.ipv4 : "",
      autoAllocatedIpv6: options.ipAutoAllocate ? allocated.ipv6 : "",
      ports: (spec.ports ?? []).map((p) => ({
        name: p.name ?? "",
        port: p.number ?? 0,
        protocol: parseProtocol(p.protocol ?? ""),
        ...(p.targetPort && p.targetPort !== p.number ? { targetPort: p.targetPort } : {}),
      })),
      labels: meta.labels,
      exportTo,
      selector: spec.workloadSelector?.labels ?? null,
      subjectAltNames: spec.subjectAltNames ?? [],
      externalName: "",
      trafficDistribution:
        meta.annotations["networking.istio.io/traffic-distribution"] ??
        meta.annotations["networking.istio.io/trafficDistribution"] ??
        "",
      nodeLocal: false,
      publishNotReady: false,
    };
  });
}

/** The endpoints behind one host of an entry. `selected` are the workloads that its selector chooses. */
export function endpointsOfEntry(
  config: ServiceEntryObject,
  hostname: string,
  selected: readonly Workload[],
  ctx: WorkloadContext & { readonly clusterId: string; readonly labelCanonical: boolean },
): EndpointRecord[] {
  const { meta, spec } = config;
  const ports = spec.ports ?? [];
  const resolution = RESOLUTIONS[spec.resolution ?? "NONE"];
  let once: EndpointRecord[];
  if (spec.workloadSelector) {
    once = selected.flatMap((w) => ports.map((port) => endpointOf(w, port, ctx.clusterId)));
  } else if ((spec.endpoints ?? []).length > 0) {
    once = (spec.endpoints ?? []).flatMap((entry, i) => {
      const workload = inlineWorkload(entry, meta, i, ctx);
      return ports.map((port) => endpointOf(workload, port, ctx.clusterId));
    });
  } else if (resolution === "dns" || resolution === "dnsRoundRobin") {
    once = isWildcard(hostname) ? [] : ports.map((port) => hostItself(hostname, port, config, ctx.clusterId));
  } else {
    once = [];
  }
  if (ctx.labelCanonical && (spec.location ?? "MESH_EXTERNAL") === "MESH_EXTERNAL") {
    const canonical = canonicalLabels(config);
    once = once.map((ep) => ({ ...ep, labels: { ...canonical, ...ep.labels } }));
  }
  // Istio has one service for each address of an entry, and the endpoints of each of them behind the host.
  const copies = Math.max(1, (spec.addresses ?? []).length);
  return copies === 1 ? once : Array.from({ length: copies }, () => once).flat();
}

function endpointOf(workload: Workload, port: Networking_ServicePort, clusterId: string): EndpointRecord {
  const name = port.name ?? "";
  const isSocket = workload.addresses[0]?.startsWith("unix://") ?? false;
  const own = isSocket ? 0 : (workload.ports[name] ?? (port.targetPort || (port.number ?? 0)));
  return endpointOfWorkload(workload, name, own, clusterId);
}

/** A DNS entry without endpoints resolves its own host. */
function hostItself(
  hostname: string,
  port: Networking_ServicePort,
  config: ServiceEntryObject,
  clusterId: string,
): EndpointRecord {
  return {
    addresses: [hostname],
    port: port.targetPort || (port.number ?? 0),
    servicePortName: port.name ?? "",
    labels: {},
    serviceAccount: "",
    network: "",
    clusterId,
    locality: "",
    weight: 0,
    tlsMode: "disabled",
    workloadName: config.meta.labels["service.istio.io/workload-name"] ?? config.meta.name,
    namespace: config.meta.namespace,
    health: "HEALTHY",
    hostname: "",
    subdomain: "",
    nodeName: "",
  };
}

/** Labels by which telemetry groups the endpoints of an external service: those of the entry, else its name. */
function canonicalLabels({ meta }: ServiceEntryObject): Record<string, string> {
  const revision = canonicalRevision(meta.labels);
  return {
    "service.istio.io/canonical-name": canonicalName(meta.labels, meta.name),
    ...(revision ? { "service.istio.io/canonical-revision": revision } : {}),
  };
}

/** A block of a single address is that address. */
function trimHostMask(address: string): string {
  const [ip = "", bits] = address.split("/");
  const full = ip.includes(":") ? "128" : "32";
  return bits === full ? ip : address;
}

/** What the allocator has written into the entry's status for a host. */
function allocatedAddresses(config: ServiceEntryObject, hostname: string): { ipv4: string; ipv6: string } {
  if (config.meta.labels["networking.istio.io/enable-autoallocate-ip"] === "false") return { ipv4: "", ipv6: "" };
  const status = config.status as { addresses?: readonly { value?: string; host?: string }[] } | undefined;
  let ipv4 = "";
  let ipv6 = "";
  for (const { value = "", host = "" } of status?.addresses ?? []) {
    if (host !== "" && host !== hostname) continue;
    if (value.includes(":")) ipv6 ||= value;
    else ipv4 ||= value;
  }
  return { ipv4, ipv6 };
}
