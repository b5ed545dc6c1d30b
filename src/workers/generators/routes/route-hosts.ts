// The virtual hosts of route configurations, carried over from one snapshot to the next: most changes are of one host's routes,
// and neither names nor the other hosts' bytes are worked out again for it. Worker threads.
import { LRUCache } from "lru-cache";
import type { MeshSettings } from "../../../shared/model/mesh.ts";
import { type Cuts, type HostSlice, itemsInSlice } from "../../../shared/names/host-slice.ts";
import { routeSliceOf } from "../../../shared/names/route-slice.ts";
import { type HostRoutes, sameHosts } from "./host-routes.ts";
import type { NamedHost, NamedHosts } from "./named-hosts.ts";

/** The virtual hosts at one port, in order, as proxies of all namespaces that see the same have them. */
export interface RouteHosts extends NamedHosts {
  readonly sources: readonly HostRoutes[];
  /** Of each host, once it was serialized under its own domains. */
  readonly bytes: (Uint8Array | undefined)[];
  /** Places of hosts by slice. */
  readonly slices: Cuts<number>;
}

interface Kept {
  readonly mesh: MeshSettings;
  readonly list: RouteHosts;
}

/** Hosts in all lists that a worker keeps: some 500 bytes each. */
const MAX_HOSTS = 400_000;

const kept = new LRUCache<string, Kept>({
  maxSize: MAX_HOSTS,
  sizeCalculation: ({ list }) => list.hosts.length + 1,
});

/** The virtual hosts of `sources`. `key` names who asks and for what; `name` finds names and domains for all of them. */
export function routeHosts(
  key: string,
  mesh: MeshSettings,
  sources: readonly HostRoutes[],
  name: (sources: readonly HostRoutes[]) => NamedHosts,
): RouteHosts {
  const known = kept.get(key);
  const before = known?.mesh === mesh ? known.list : undefined;
  if (before?.sources === sources) return before;
  const list = (before && following(before, sources)) ?? fresh(sources, name(sources));
  kept.set(key, { mesh, list });
  return list;
}

function fresh(sources: readonly HostRoutes[], named: NamedHosts): RouteHosts {
  const bytes = new Array<undefined>(named.hosts.length).fill(undefined);
  return { ...named, sources, bytes, slices: new Map() };
}

/** The list with other routes for the same hosts; undefined when the hosts are others. */
function following(before: RouteHosts, sources: readonly HostRoutes[]): RouteHosts | undefined {
  if (sources.length !== before.sources.length) return undefined;
  for (let i = 0; i < sources.length; i++) if (!sameHosts(sources[i]!, before.sources[i]!)) return undefined;
  const hosts: NamedHost[] = [...before.hosts];
  const bytes = [...before.bytes];
  for (let i = 0; i < hosts.length; i++) {
    const host = hosts[i]!;
    const source = sources[host.at]!;
    if (source.routes === host.source.routes) continue;
    hosts[i] = { ...host, source };
    bytes[i] = undefined;
  }
  return { ...before, sources, hosts, bytes };
}

/** The places of the hosts of a slice, for proxies whose search domain has `common` in common with others: one for each list. */
export function hostsInSlice({ hosts, slices }: RouteHosts, slice: HostSlice, common: string): readonly number[] {
  return itemsInSlice(slices, hosts.keys(), slice, (place) => routeSliceOf(hosts[place]!.hostname, common, slice.of));
}
