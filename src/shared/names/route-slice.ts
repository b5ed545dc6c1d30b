// Slices of route configurations. Proxies write the names of their own namespace's hosts without it, and all others alike: hosts of
// one namespace stand in few slices, so that proxies of other namespaces share all the rest. Any thread, pure.
import { textHash } from "../text-hash.ts";

/** Slices are in so many groups at most; the hosts of a namespace are in one of them. */
const MAX_GROUPS = 16;

/**
 * The search domain as proxies of other namespaces see it: `.svc.cluster.local` for `default.svc.cluster.local`. Itself, where it
 * has no label to leave out.
 */
export function commonDomain(searchDomain: string): string {
  const dot = searchDomain.indexOf(".");
  return dot < 0 ? searchDomain : searchDomain.slice(dot);
}

/** The slice of a host, for proxies whose search domain has this in common with others. */
export function routeSliceOf(hostname: string, common: string, of: number): number {
  const groups = Math.min(of, MAX_GROUPS);
  const label = labelBefore(hostname, common);
  if (label === "") return textHash(hostname) % of;
  // Other bits than the label's: low ones follow those of the text that both have.
  return groupOf(label, groups) + groups * ((textHash(hostname) >>> 16) % (of / groups));
}

/** True for slices that may have hosts for which the search domain says more than what it has in common with others. */
export function isOwnSlice(index: number, searchDomain: string, of: number): boolean {
  const groups = Math.min(of, MAX_GROUPS);
  const label = labelBefore(searchDomain, commonDomain(searchDomain));
  return label !== "" && index % groups === groupOf(label, groups);
}

function groupOf(label: string, groups: number): number {
  return textHash(label) % groups;
}

/** The last label before an ending that begins with a dot; "" where the name doesn't end so. */
function labelBefore(name: string, ending: string): string {
  if (!ending.startsWith(".") || !name.endsWith(ending)) return "";
  const end = name.length - ending.length;
  return name.slice(name.lastIndexOf(".", end - 1) + 1, end);
}
