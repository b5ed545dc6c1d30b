// Filter chains of a router's listener that match the same: Envoy would refuse all of it. Worker threads, pure.
import type { FilterChain } from "./filter-chain.ts";

/**
 * Leaves each match to one chain: to those in `first`, then to the ones that come first in `chains`. A chain keeps the names
 * that are left to it, and goes when there are none.
 */
export function withoutClashes(chains: readonly FilterChain[], first: readonly FilterChain[]): FilterChain[] {
  const owners = new Map<string, FilterChain>();
  for (const chain of [...first, ...chains]) {
    for (const match of matchesOf(chain)) if (!owners.has(match)) owners.set(match, chain);
  }
  return chains.flatMap((chain): FilterChain[] => {
    const owns = matchesOf(chain).map((match) => owners.get(match) === chain);
    if (owns.every((own) => own)) return [chain];
    const serverNames = (chain.filterChainMatch?.serverNames ?? []).filter((_, i) => owns[i]);
    return serverNames.length > 0 ? [{ ...chain, filterChainMatch: { ...chain.filterChainMatch, serverNames } }] : [];
  });
}

/** What of connections a chain matches, one for each server name; one for all names where it has none. */
function matchesOf({ filterChainMatch }: FilterChain): string[] {
  const { serverNames, ...rest } = filterChainMatch ?? {};
  const others = JSON.stringify(rest);
  return serverNames && serverNames.length > 0 ? serverNames.map((name) => `${name} ${others}`) : [`* ${others}`];
}
