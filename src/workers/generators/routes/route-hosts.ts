// The virtual hosts of route configurations, carried over from one snapshot to the next: most changes are of one host's routes,
// and neither names nor the other hosts' bytes are worked out again for it. Worker threads.
import { LRUCache } from "lru-cache";
import type { MeshSettings } from "../../../shared/model/mesh.ts";
import type { HostRoutes } from "./host-routes.ts";
import type { NamedHost } from "./named-hosts.ts";

/** The virtual hosts of one view at one port, in order. */
export interface RouteHosts {
  readonly sources: readonly HostRoutes[];
  readonly hosts: readonly NamedHost[];
  /** Of each host, once it was serialized under its own domains. */
  readonly bytes: (Uint8Array | undefined)[];
}

interface Kept {
  readonly mesh: MeshSettings;
  readonly list: RouteHosts;
}

/** Hosts in all lists that a worker keeps: some 200 bytes each. */
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
  name: (sources: readonly HostRoutes[]) => NamedHost[],
): RouteHosts {
  const known = kept.get(key);
  const before = known?.mesh === mesh ? known.list : undefined;
  if (before?.sources === sources) return before;
  const list = (before && following(before, sources)) ?? fresh(sources, name(sources));
  kept.set(key, { mesh, list });
  return list;
}

function fresh(sources: readonly HostRoutes[], hosts: readonly NamedHost[]): RouteHosts {
  return { sources, hosts, bytes: new Array<undefined>(hosts.length).fill(undefined) };
}

/** The list with other routes for the same hosts; undefined when the hosts are others. */
function following(before: RouteHosts, sources: readonly HostRoutes[]): RouteHosts | undefined {
  if (sources.length !== before.sources.length) return undefined;
  for (let i = 0; i < sources.length; i++) if (!sameHosts(sources[i]!, before.sources[i]!)) return undefined;
  const hosts = [...before.hosts];
  const bytes = [...before.bytes];
  for (let i = 0; i < hosts.length; i++) {
    const host = hosts[i]!;
    const source = sources[host.at]!;
    if (source.routes === host.source.routes) continue;
    hosts[i] = { ...host, source };
    bytes[i] = undefined;
  }
  return { sources, hosts, bytes };
}

function sameHosts(a: HostRoutes, b: HostRoutes): boolean {
  return a === b || (a.port === b.port && sameItems(a.services, b.services) && sameItems(a.hosts, b.hosts));
}

function sameItems<T>(a: readonly T[], b: readonly T[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
