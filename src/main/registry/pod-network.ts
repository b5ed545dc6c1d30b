// The network of a pod that doesn't name one itself. Main thread, pure.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#Network-NetworkEndpoints
import { BlockList, isIPv6 } from "node:net";
import type { Mesh_MeshNetworks } from "../../shared/gen/istio.js";

/** Gives the network of an address: "" where nothing tells. */
export type PodNetworks = (address: string) => string;

/**
 * By the network that the control plane's own namespace is labelled with, else by MeshNetworks: the ranges of addresses, then
 * the registry that all pods are from.
 */
export function podNetworks(networks: Mesh_MeshNetworks, clusterId: string, ownNetwork: string): PodNetworks {
  if (ownNetwork !== "") return () => ownNetwork;
  const ranges: { readonly network: string; readonly list: BlockList }[] = [];
  let registry = "";
  for (const [network, { endpoints }] of Object.entries(networks.networks ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))) {
    for (const { fromCidr, fromRegistry } of endpoints ?? []) {
      if (fromRegistry === clusterId) registry ||= network;
      if (fromCidr) ranges.push({ network, list: rangeOf(fromCidr) });
    }
  }
  if (ranges.length === 0) return () => registry;
  return (address) => {
    const family = isIPv6(address) ? "ipv6" : "ipv4";
    return ranges.find(({ list }) => list.check(address, family))?.network ?? registry;
  };
}

function rangeOf(cidr: string): BlockList {
  const list = new BlockList();
  const [address = "", bits] = cidr.split("/");
  const family = isIPv6(address) ? "ipv6" : "ipv4";
  list.addSubnet(address, bits === undefined ? (family === "ipv6" ? 128 : 32) : Number(bits), family);
  return list;
}
