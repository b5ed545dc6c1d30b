// Objects and registries for tests, without files.
import { parseFeatures } from "../../src/main/config/features.ts";
import { defaultMeshSettings } from "../../src/main/config/mesh-settings.ts";
import { Registry } from "../../src/main/registry/registry.ts";
import type { ConfigObject, IstioKind, ObjectMeta } from "../../src/shared/model/config.ts";
import type { KubeEndpoint, KubeEndpointSlice, KubeNode, KubePod, KubeService } from "../../src/shared/model/kube.ts";
import type { MeshSettings } from "../../src/shared/model/mesh.ts";

/** Settings of a mesh that nobody configured. */
export function testMesh(env: Readonly<Record<string, string>> = {}): MeshSettings {
  return defaultMeshSettings({
    features: parseFeatures(env).features,
    environment: {},
    podNamespace: "istio-system",
    domainSuffix: "cluster.local",
    clusterId: "Kubernetes",
  });
}

export function testRegistry(): Registry {
  return new Registry(testMesh());
}

export function meta(name: string, more: Partial<ObjectMeta> = {}): ObjectMeta {
  return {
    namespace: "default",
    name,
    labels: {},
    annotations: {},
    creationTimestamp: 0,
    resourceVersion: "",
    ...more,
  };
}

/** One of Istio's objects. */
export function config(kind: IstioKind, name: string, spec: object, more: Partial<ObjectMeta> = {}): ConfigObject {
  return {
    kind,
    apiVersion: "networking.istio.io/v1",
    meta: meta(name, more),
    spec,
    origin: { source: "test" },
  };
}

/** `NAME.example.com:80`, in the mesh, with these endpoints. */
export function serviceEntry(name: string, addresses: readonly string[]): ConfigObject {
  return config("ServiceEntry", name, {
    hosts: [`${name}.example.com`],
    location: "MESH_INTERNAL",
    resolution: "STATIC",
    ports: [{ number: 80, name: "http", protocol: "HTTP" }],
    endpoints: addresses.map((address) => ({ address })),
  });
}

/** A WorkloadEntry with labels that selectors may choose. */
export function workloadEntry(
  name: string,
  address: string,
  labels: Readonly<Record<string, string>>,
  more: object = {},
): ConfigObject {
  return config("WorkloadEntry", name, { address, labels, ...more });
}

const ORIGIN = { source: "test" };

/** A ClusterIP service of port 80 to the named port `web` of pods labelled `app: NAME`. */
export function kubeService(name: string, more: Partial<KubeService> = {}): KubeService {
  return {
    kind: "Service",
    meta: meta(name),
    origin: ORIGIN,
    type: "ClusterIP",
    clusterIPs: ["10.96.0.1"],
    externalName: "",
    externalIPs: [],
    loadBalancerAddresses: [],
    selector: { app: name },
    ports: [{ name: "http-web", protocol: "TCP", port: 80, targetPort: "web", nodePort: 0 }],
    publishNotReadyAddresses: false,
    trafficDistribution: "",
    internalTrafficPolicy: "Cluster",
    ...more,
  };
}

export function kubeEndpoint(address: string, more: Partial<KubeEndpoint> = {}): KubeEndpoint {
  return {
    addresses: [address],
    ready: true,
    serving: true,
    terminating: false,
    podName: "",
    nodeName: "",
    zone: "",
    hostname: "",
    ...more,
  };
}

export function kubeSlice(
  name: string,
  serviceName: string,
  endpoints: readonly KubeEndpoint[],
  more: Partial<KubeEndpointSlice> = {},
): KubeEndpointSlice {
  return {
    kind: "EndpointSlice",
    meta: meta(name),
    origin: ORIGIN,
    serviceName,
    addressType: "IPv4",
    ports: [{ name: "http-web", port: 8080, protocol: "TCP" }],
    endpoints,
    ...more,
  };
}

export function kubePod(
  name: string,
  ip: string,
  more: Partial<KubePod> & { labels?: Record<string, string> } = {},
): KubePod {
  const { labels = {}, ...rest } = more;
  return {
    kind: "Pod",
    meta: meta(name, { labels }),
    origin: ORIGIN,
    phase: "Running",
    ready: true,
    ips: [ip],
    nodeName: "",
    serviceAccount: "default",
    hostNetwork: false,
    deleting: false,
    namedPorts: [{ name: "web", port: 8080, protocol: "TCP" }],
    workloadName: name,
    workloadKind: "Deployment",
    ...rest,
  };
}

export function kubeNode(name: string, labels: Readonly<Record<string, string>>): KubeNode {
  return { kind: "Node", meta: meta(name, { namespace: "", labels }), origin: ORIGIN, addresses: [] };
}
