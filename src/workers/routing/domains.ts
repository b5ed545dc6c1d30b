// Names under which clients reach a service: the domains of virtual hosts. Worker threads, pure.
import { isIP } from "node:net";

/** An IPv6 address in brackets, anything else as it is. */
export function bracketed(address: string): string {
  return isIP(address) === 6 ? `[${address}]` : address;
}

/** The names of a host as a proxy with the given search domain may write them: the same for all with as many `sharedLabels`. */
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
  const shared = sharedLabels(hostname, proxyDomain);
  if (shared === 0 || shared === host.length) return [];
  const unique = host.slice(0, host.length - shared).join(".");
  const rest = host.slice(host.length - shared);
  if (rest[0] === "svc") return [unique, `${unique}.svc`];
  if (rest[1] === "svc") return [unique, `${unique}.${rest[0]}.svc`, `${unique}.${rest[0]}`];
  return [unique];
}

const DOT = 46;

/** How many labels two names have in common at their ends. */
export function sharedLabels(a: string, b: string): number {
  let [i, j, shared] = [a.length, b.length, 0];
  while (i > 0 && j > 0 && a.charCodeAt(i - 1) === b.charCodeAt(j - 1)) {
    i--;
    j--;
    if (a.charCodeAt(i) === DOT) shared++;
  }
  const whole = (i === 0 || a.charCodeAt(i - 1) === DOT) && (j === 0 || b.charCodeAt(j - 1) === DOT);
  return whole ? shared + 1 : shared;
}
