// The shape of a synthetic mesh, and what follows from it: names and addresses. Deterministic and pure.

/** Services of one kind: `services` of them, spread in turn over `namespaces` namespaces named PREFIX-0, PREFIX-1 … */
export interface ServiceGroup {
  readonly prefix: string;
  readonly namespaces: number;
  readonly services: number;
  readonly endpoints: number;
  /** Endpoints of the group's first service, where it is to have more. */
  readonly firstEndpoints?: number;
  /** Sidecars in these namespaces import their own namespace only. */
  readonly ownNamespaceOnly?: boolean;
}

export interface MeshShape {
  readonly groups: readonly ServiceGroup[];
  /** Hosts of the ingress gateway, each with a VirtualService of its own. */
  readonly gatewayHosts?: number;
}

export interface Service {
  /** In the whole mesh. */
  readonly index: number;
  readonly name: string;
  readonly namespace: string;
  readonly host: string;
  readonly address: string;
  readonly endpoints: readonly Workload[];
  readonly group: ServiceGroup;
}

export interface Workload {
  readonly name: string;
  readonly address: string;
  readonly version: string;
  readonly locality: string;
}

/** Istio's namespace for what concerns the whole mesh. */
export const ROOT_NAMESPACE = "istio-system";

/** All services of a mesh, group by group. */
export function servicesOf(shape: MeshShape): readonly Service[] {
  const services: Service[] = [];
  let workloads = 0;
  for (const group of shape.groups) {
    for (let inGroup = 0; inGroup < group.services; inGroup++) {
      const index = services.length;
      const count = inGroup === 0 ? (group.firstEndpoints ?? group.endpoints) : group.endpoints;
      const base = { index, inGroup, group, firstWorkload: workloads, count };
      services.push(serviceAt(base));
      workloads += count;
    }
  }
  return services;
}

/** A service that is not in the mesh yet, for scenarios that add one to the first group's first namespace. */
export function addedService(shape: MeshShape, serial: number): Service {
  const group = shape.groups[0]!;
  const index = totalServices(shape) + serial;
  const service = serviceAt({ index, inGroup: 0, group, firstWorkload: 0, count: 1 });
  const name = `added-${serial}`;
  const host = `${name}.${service.namespace}.svc.cluster.local`;
  const endpoints = [{ ...service.endpoints[0]!, name: `${name}-0`, address: markedAddress(serial) }];
  return { ...service, name, host, endpoints };
}

export function totalServices(shape: MeshShape): number {
  return shape.groups.reduce((sum, group) => sum + group.services, 0);
}

interface Place {
  readonly index: number;
  readonly inGroup: number;
  readonly group: ServiceGroup;
  readonly firstWorkload: number;
  readonly count: number;
}

function serviceAt({ index, inGroup, group, firstWorkload, count }: Place): Service {
  const name = `svc-${index}`;
  const namespace = `${group.prefix}-${inGroup % group.namespaces}`;
  return {
    ...{ index, name, namespace, group },
    host: `${name}.${namespace}.svc.cluster.local`,
    address: `240.240.${(index + 2) >> 8}.${(index + 2) & 255}`,
    endpoints: Array.from({ length: count }, (_, endpoint) => ({
      name: `${name}-${endpoint}`,
      address: workloadAddress(firstWorkload + endpoint),
      version: `v${(endpoint % 2) + 1}`,
      locality: `region-1/zone-${(index + endpoint) % 3}/rack-0`,
    })),
  };
}

function workloadAddress(number: number): string {
  const value = number + 257;
  return `10.${(value >> 16) & 255}.${(value >> 8) & 255}.${value & 255}`;
}

/** Serials that an address can carry. */
const MAX_SERIAL = 1 << 22;

/** The address that carries the number of a change to the proxies, of 100.64.0.0/10, where no workload has one. */
export function markedAddress(serial: number): string {
  if (serial < 0 || serial >= MAX_SERIAL) throw new Error(`no address for change ${serial}`);
  return `100.${64 + (serial >> 16)}.${(serial >> 8) & 255}.${serial & 255}`;
}
