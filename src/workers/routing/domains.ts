// Names under which clients reach a service: the domains of virtual hosts. Worker threads, pure.
import { isIP } from "node:net";

/** An IPv6 address in brackets, anything else as it is. */
export function bracketed(address: string): string {
  return isIP(address) === 6 ? `[${address}]` : address;
}

export interface Domains {
  /** The host and its addresses. */
  readonly main: readonly string[];
  /** Short forms that a resolver at the proxy would complete; they give way to hosts that really have that name. */
  readonly short: readonly string[];
}

/** The names of a host as a proxy with the given search domain may write them. */
export function hostDomains(
  hostname: string,
  proxyDomain: string,
  options: { readonly absolute: boolean },
): { readonly full: readonly string[]; readonly short: readonly string[] } {
  const full = options.absolute && isIP(hostname) === 0 ? [hostname, `${hostname}.`] : [bracketed(hostname)];
  return { full, short: hostname.startsWith("*") ? [] : shortNames(hostname, proxyDomain) };
}

/**
 * `reviews.bookinfo.svc.cluster.local` seen from the same namespace is `reviews`, `reviews.bookinfo.svc` and
 * `reviews.bookinfo`; from another one only the latter two.
 */
function shortNames(hostname: string, proxyDomain: string): string[] {
  const host = hostname.split(".");
  const domain = proxyDomain.split(".");
  let shared = 0;
  while (
    shared < host.length &&
    shared < domain.length &&
    host[host.length - 1 - shared] === domain[domain.length - 1 - shared]
  ) {
    shared++;
  }
  if (shared === 0 || shared === host.length) return [];
  const unique = host.slice(0, host.length - shared).join(".");
  const rest = host.slice(host.length - shared);
  if (rest[0] === "svc") return [unique, `${unique}.svc`];
  if (rest[1] === "svc") return [unique, `${unique}.${rest[0]}.svc`, `${unique}.${rest[0]}`];
  return [unique];
}
