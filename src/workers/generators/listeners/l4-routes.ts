// Which VirtualServices have TCP or TLS routes for a host. Worker threads, pure.
import { hostsMatch, isWildcard } from "../../../shared/names/hostname.ts";
import type { VirtualService } from "../../scope/virtual-services.ts";

/** Those for a host, in the order in which they were given. */
export type L4Routes = (hostname: string) => readonly VirtualService[];

const NONE: readonly VirtualService[] = [];

/** Looks all of them through once, so that the many hosts without such routes cost nothing. */
export function l4Routes(virtualServices: readonly VirtualService[]): L4Routes {
  const all = virtualServices.filter(({ spec }) => spec.tcp?.length || spec.tls?.length);
  if (all.length === 0) return () => NONE;
  const matching: L4Routes = (hostname) => all.filter(({ hosts }) => hosts.some((host) => hostsMatch(host, hostname)));
  if (all.some(({ hosts }) => hosts.some(isWildcard))) return matching;
  const exact = new Map<string, VirtualService[]>();
  for (const vs of all) {
    for (const host of new Set(vs.hosts)) {
      const own = exact.get(host);
      if (own) own.push(vs);
      else exact.set(host, [vs]);
    }
  }
  return (hostname) => (isWildcard(hostname) ? matching(hostname) : (exact.get(hostname) ?? NONE));
}
