// The ways from one network into another: gateways of MeshNetworks, and Kubernetes services that are labelled as such. Main thread, pure.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#Network
import { isIP } from "node:net";
import type { Mesh_MeshNetworks } from "../../shared/gen/istio.js";
import type { KubeService } from "../../shared/model/kube.ts";
import type { NetworkGateway } from "../../shared/model/mesh.ts";
import { kubeHostname } from "./kube-services.ts";
import { NETWORK_LABEL } from "./workloads.ts";

/** Label of a service with the port at which its gateway takes traffic of other networks, where that isn't the usual one. */
const PORT_LABEL = "networking.istio.io/gatewayPort";
const DEFAULT_PORT = 15_443;

/** What deciding about services takes. */
export interface NetworkGatewayContext {
  readonly networks: Mesh_MeshNetworks;
  readonly clusterId: string;
  readonly domainSuffix: string;
}

/** Addresses of names that DNS was asked for. */
export type ResolvedNames = ReadonlyMap<string, readonly string[]>;

/** The gateways that are known now, and the names on which others depend. */
export interface KnownGateways {
  /** Each once, in a fixed order. */
  readonly gateways: NetworkGateway[];
  /** Of MeshNetworks and of load balancers, sorted. */
  readonly names: string[];
}

/** True where a service may be a gateway between networks. */
export function mayBeNetworkGateway(service: KubeService, ctx: NetworkGatewayContext): boolean {
  return service.meta.labels[NETWORK_LABEL] !== undefined || namedIn(service, ctx).length > 0;
}

/** All gateways. One with a name stands for as many as it has addresses: proxies are told of addresses alone. */
export function networkGateways(
  services: Iterable<KubeService>,
  ctx: NetworkGatewayContext,
  resolved: ResolvedNames,
): KnownGateways {
  const out = new Map<string, NetworkGateway>();
  const names = new Set<string>();
  const add = (gateway: NetworkGateway): void => {
    const { network, cluster, address, port } = gateway;
    if (address === "" || port === 0) return;
    if (isIP(address) === 0) {
      names.add(address);
      for (const one of resolved.get(address) ?? []) add({ ...gateway, address: one });
      return;
    }
    out.set([network, address, port, cluster].join(" "), gateway);
  };
  for (const [network, { gateways }] of Object.entries(ctx.networks.networks ?? {})) {
    for (const { address = "", port = 0 } of gateways ?? []) add({ network, cluster: "", address, port });
  }
  for (const service of services) {
    const addresses = [...service.loadBalancerAddresses, ...service.externalIPs];
    for (const { network, port } of entriesOf(service, ctx)) {
      for (const address of addresses) add({ network, cluster: ctx.clusterId, address, port });
    }
  }
  return { gateways: [...out.keys()].sort().map((key) => out.get(key)!), names: [...names].sort() };
}

interface Entry {
  readonly network: string;
  readonly port: number;
}

/** A service's own label goes before what MeshNetworks say about it. */
function entriesOf(service: KubeService, ctx: NetworkGatewayContext): Entry[] {
  const network = service.meta.labels[NETWORK_LABEL];
  if (!network) return namedIn(service, ctx);
  return [{ network, port: Number(service.meta.labels[PORT_LABEL]) || DEFAULT_PORT }];
}

function namedIn({ meta }: KubeService, { networks, domainSuffix }: NetworkGatewayContext): Entry[] {
  const hostname = kubeHostname(meta.name, meta.namespace, domainSuffix);
  return Object.entries(networks.networks ?? {}).flatMap(([network, { gateways }]) =>
    (gateways ?? [])
      .filter((gateway) => gateway.registryServiceName === hostname)
      .map(({ port = 0 }) => ({ network, port })),
  );
}
