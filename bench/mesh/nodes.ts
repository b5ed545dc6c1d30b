// The proxies of a mesh, as they introduce themselves. Pure.
import { type MeshShape, ROOT_NAMESPACE, servicesOf } from "./shape.ts";

export interface BenchNode {
  readonly id: string;
  readonly cluster: string;
  readonly namespace: string;
  readonly locality: { readonly region: string; readonly zone: string; readonly subZone: string };
  readonly metadata: Readonly<Record<string, unknown>>;
}

export type ProxyKind = "sidecar" | "gateway";

/** `count` proxies: sidecars of the first group's services in turn, or replicas of the ingress gateway. */
export function nodesOf(shape: MeshShape, kind: ProxyKind, count: number): readonly BenchNode[] {
  return kind === "gateway" ? gateways(count) : sidecars(shape, count);
}

function sidecars(shape: MeshShape, count: number): readonly BenchNode[] {
  const services = servicesOf({ groups: shape.groups.slice(0, 1) });
  return Array.from({ length: count }, (_, number) => {
    const service = services[number % services.length]!;
    const replica = Math.floor(number / services.length);
    const workload = service.endpoints[replica % service.endpoints.length]!;
    const [region = "", zone = "", subZone = ""] = workload.locality.split("/");
    return node({
      type: "sidecar",
      address: workload.address,
      name: replica < service.endpoints.length ? workload.name : `${workload.name}-${replica}`,
      namespace: service.namespace,
      app: service.name,
      labels: { app: service.name, version: workload.version },
      locality: { region, zone, subZone },
    });
  });
}

function gateways(count: number): readonly BenchNode[] {
  return Array.from({ length: count }, (_, number) =>
    node({
      type: "router",
      address: `10.250.${number >> 8}.${number & 255}`,
      name: `ingress-${number}`,
      namespace: ROOT_NAMESPACE,
      app: "ingress",
      labels: { istio: "ingressgateway" },
      locality: { region: "region-1", zone: "zone-0", subZone: "rack-0" },
    }),
  );
}

interface Instance {
  readonly type: "sidecar" | "router";
  readonly address: string;
  readonly name: string;
  readonly namespace: string;
  readonly app: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly locality: BenchNode["locality"];
}

function node({ type, address, name, namespace, app, labels, locality }: Instance): BenchNode {
  return {
    id: `${type}~${address}~${name}.${namespace}~${namespace}.svc.cluster.local`,
    cluster: `${app}.${namespace}`,
    namespace,
    locality,
    metadata: {
      NAME: name,
      NAMESPACE: namespace,
      CLUSTER_ID: "Kubernetes",
      ISTIO_VERSION: "1.27.0",
      INSTANCE_IPS: address,
      SERVICE_ACCOUNT: app,
      WORKLOAD_NAME: app,
      MESH_ID: "cluster.local",
      INTERCEPTION_MODE: "REDIRECT",
      LABELS: labels,
    },
  };
}
