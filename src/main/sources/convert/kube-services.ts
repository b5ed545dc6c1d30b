// Kubernetes services and their endpoints as records. Main thread.
import type { ObjectMeta, Origin } from "../../../shared/model/config.ts";
import type { KubeEndpoint, KubeEndpointSlice, KubeService, KubeServicePort } from "../../../shared/model/kube.ts";
import { child, children, choice, flag, port, type RawObject, text, textMap, texts } from "./raw-fields.ts";

export function convertService(raw: RawObject, meta: ObjectMeta, origin: Origin): KubeService {
  const spec = child(raw, "spec");
  const clusterIP = text(spec, "clusterIP");
  const clusterIPs = texts(spec, "clusterIPs");
  const ingress = children(child(child(raw, "status"), "loadBalancer"), "ingress");
  return {
    kind: "Service",
    meta,
    origin,
    type: choice(spec, "type", ["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"]),
    clusterIPs: clusterIPs.length > 0 || clusterIP === "" ? clusterIPs : [clusterIP],
    externalName: text(spec, "externalName"),
    externalIPs: texts(spec, "externalIPs"),
    loadBalancerAddresses: ingress.map((i) => text(i, "ip") || text(i, "hostname")).filter((a) => a !== ""),
    selector: nonEmpty(textMap(spec, "selector")),
    ports: children(spec, "ports").map(servicePort),
    publishNotReadyAddresses: flag(spec, "publishNotReadyAddresses") ?? false,
    trafficDistribution: text(spec, "trafficDistribution"),
    internalTrafficPolicy: text(spec, "internalTrafficPolicy"),
  };
}

function nonEmpty(selector: Record<string, string> | null): Record<string, string> | null {
  return selector && Object.keys(selector).length > 0 ? selector : null;
}

function servicePort(raw: RawObject): KubeServicePort {
  const number = port(raw, "port");
  if (number === 0) raw.errors.push({ field: `${raw.path}.port`, reason: "is required" });
  const target = raw.value.targetPort;
  const appProtocol = text(raw, "appProtocol");
  return {
    name: text(raw, "name"),
    protocol: choice(raw, "protocol", ["TCP", "UDP", "SCTP"]),
    ...(appProtocol === "" ? {} : { appProtocol }),
    port: number,
    targetPort: (typeof target === "string" ? text(raw, "targetPort") : port(raw, "targetPort")) || number,
    nodePort: port(raw, "nodePort"),
  };
}

/** Names the service that a slice belongs to. */
const SERVICE_NAME_LABEL = "kubernetes.io/service-name";

export function convertEndpointSlice(raw: RawObject, meta: ObjectMeta, origin: Origin): KubeEndpointSlice {
  return {
    kind: "EndpointSlice",
    meta,
    origin,
    serviceName: meta.labels[SERVICE_NAME_LABEL] ?? "",
    addressType: choice(raw, "addressType", ["IPv4", "IPv6", "FQDN"]),
    ports: endpointPorts(raw),
    endpoints: children(raw, "endpoints").map((endpoint) => {
      const conditions = child(endpoint, "conditions");
      // Not known counts as ready, and as serving when ready.
      const ready = flag(conditions, "ready") ?? true;
      return {
        addresses: texts(endpoint, "addresses"),
        ready,
        serving: flag(conditions, "serving") ?? ready,
        terminating: flag(conditions, "terminating") ?? false,
        podName: targetPod(endpoint),
        nodeName: text(endpoint, "nodeName"),
        zone: text(endpoint, "zone"),
        hostname: text(endpoint, "hostname"),
      };
    }),
  };
}

/** Ports without a number stand for all ports, which no service of a mesh can use. */
function endpointPorts(raw: RawObject): KubeEndpointSlice["ports"] {
  return children(raw, "ports")
    .map((p) => ({ name: text(p, "name"), port: port(p, "port"), protocol: text(p, "protocol", "TCP") }))
    .filter((p) => p.port !== 0);
}

function targetPod(endpoint: RawObject): string {
  const target = child(endpoint, "targetRef");
  return text(target, "kind") === "Pod" ? text(target, "name") : "";
}

/**
 * Endpoints as slices: one for each subset and IP family. The first has the name of the service; further ones add a
 * number after `~`, which no name in Kubernetes has.
 */
export function convertEndpoints(raw: RawObject, meta: ObjectMeta, origin: Origin): KubeEndpointSlice[] {
  const slices: KubeEndpointSlice[] = [];
  for (const subset of children(raw, "subsets")) {
    const all = [
      ...children(subset, "addresses").map((address) => subsetEndpoint(address, true)),
      ...children(subset, "notReadyAddresses").map((address) => subsetEndpoint(address, false)),
    ];
    const ports = endpointPorts(subset);
    for (const addressType of ["IPv4", "IPv6"] as const) {
      const endpoints = all.filter((e) => e.addresses.some((a) => a.includes(":")) === (addressType === "IPv6"));
      if (endpoints.length === 0) continue;
      const name = slices.length === 0 ? meta.name : `${meta.name}~${slices.length}`;
      slices.push({
        kind: "EndpointSlice",
        meta: { ...meta, name },
        origin,
        serviceName: meta.name,
        addressType,
        ports,
        endpoints,
      });
    }
  }
  return slices;
}

function subsetEndpoint(raw: RawObject, ready: boolean): KubeEndpoint {
  return {
    addresses: [text(raw, "ip")],
    ready,
    serving: ready,
    terminating: false,
    podName: targetPod(raw),
    nodeName: text(raw, "nodeName"),
    zone: "",
    hostname: text(raw, "hostname"),
  };
}
