// Endpoints on other networks: their networks' gateways stand in for them. Worker threads.
// https://istio.io/latest/docs/ops/deployment/deployment-models/#multiple-networks
import type { NetworkGateway } from "../../shared/model/mesh.ts";
import type { EndpointRecord } from "../../shared/model/service.ts";
import type { PushContext } from "../context/push-context.ts";
import type { LocalityGroup } from "./cluster-endpoints.ts";
import { type GatewayEndpoint, type LbEndpointOptions, speaksMtls } from "./lb-endpoint.ts";

/** Weights of a protobuf message end here. */
const MAX_WEIGHT = 4_294_967_295;

/** How other networks are reached. */
export interface Networks {
  /** In a fixed order. */
  readonly gateways: ReadonlyMap<string, readonly NetworkGateway[]>;
  /** What weights are multiplied by, so that those of endpoints divide evenly among the gateways of any network. */
  readonly scale: number;
}

/** The networks of the mesh, or undefined where no network has a gateway: then everything is reached directly. */
export function networksOf(ctx: PushContext): Networks | undefined {
  return ctx.derive("networks", ["mesh"], () => {
    const gateways = new Map<string, NetworkGateway[]>();
    for (const gateway of ctx.mesh.networkGateways) {
      const list = gateways.get(gateway.network);
      if (list) list.push(gateway);
      else gateways.set(gateway.network, [gateway]);
    }
    if (gateways.size === 0) return undefined;
    const counts = [...gateways.values()].flatMap((list) => {
      const clusters = new Set(list.map((g) => g.cluster).filter((cluster) => cluster !== ""));
      return [list.length, ...[...clusters].map((cluster) => list.filter((g) => g.cluster === cluster).length)];
    });
    return { gateways, scale: counts.reduce(leastCommonMultiple, 1) };
  });
}

function leastCommonMultiple(a: number, b: number): number {
  let [x, y] = [a, b];
  while (y !== 0) [x, y] = [y, x % y];
  return (a / x) * b;
}

/**
 * The groups as a client in `network` reaches them. Only mesh mTLS gets through a gateway, which goes by its SNI: endpoints
 * that don't speak it are left out. Localities stay, even without endpoints.
 */
export function acrossNetworks(
  groups: readonly LocalityGroup[],
  networks: Networks,
  network: string,
  options: LbEndpointOptions,
): LocalityGroup[] {
  return groups.map(({ locality, records }) => {
    const reached: EndpointRecord[] = [];
    const weights = new Map<NetworkGateway, number>();
    for (const ep of records) {
      const weight = Math.min(MAX_WEIGHT, (ep.weight || 1) * networks.scale);
      const gateways = ep.network === network ? [] : gatewaysTo(ep, networks);
      if (gateways.length === 0) {
        if (ep.addresses.length > 0) reached.push(weight === ep.weight ? ep : { ...ep, weight });
      } else if (speaksMtls(ep, options)) {
        const share = Math.floor(weight / gateways.length);
        for (const gateway of gateways) weights.set(gateway, Math.min(MAX_WEIGHT, (weights.get(gateway) ?? 0) + share));
      }
    }
    for (const [gateway, weight] of weights) reached.push(gatewayEndpoint(gateway, weight));
    return { locality, records: reached };
  });
}

/** Those of the endpoint's own cluster, else all of its network. */
function gatewaysTo(ep: EndpointRecord, { gateways }: Networks): readonly NetworkGateway[] {
  const all = gateways.get(ep.network) ?? [];
  const near = all.filter((g) => g.cluster !== "" && g.cluster === ep.clusterId);
  return near.length > 0 ? near : all;
}

/** Of what is behind a gateway nothing is known but that it speaks mesh mTLS. */
function gatewayEndpoint({ network, cluster, address, port }: NetworkGateway, weight: number): GatewayEndpoint {
  return {
    gateway: true,
    addresses: [address],
    port,
    servicePortName: "",
    labels: {},
    serviceAccount: "",
    network,
    clusterId: cluster,
    locality: "",
    weight,
    tlsMode: "istio",
    workloadName: "",
    namespace: "",
    health: "HEALTHY",
    hostname: "",
    subdomain: "",
    nodeName: "",
  };
}
