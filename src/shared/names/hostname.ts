// Host names with wildcards, as Istio matches them: `*`, `*.suffix`, and exact names. Any thread.

/** True when a host stands for more than one name. */
export function isWildcard(host: string): boolean {
  return host.startsWith("*");
}

/** True when the two host names can stand for a common name. */
export function hostsMatch(a: string, b: string): boolean {
  const aWild = isWildcard(a);
  const bWild = isWildcard(b);
  if (aWild && bWild) {
    const x = a.slice(1);
    const y = b.slice(1);
    return x.length < y.length ? y.endsWith(x) : x.endsWith(y);
  }
  if (aWild) return b.endsWith(a.slice(1));
  if (bWild) return a.endsWith(b.slice(1));
  return a === b;
}

/** True when every name that `inner` stands for is one of `outer`'s. */
export function isSubsetOf(inner: string, outer: string): boolean {
  if (isWildcard(outer)) {
    const suffix = outer.slice(1);
    return isWildcard(inner) ? inner.slice(1).endsWith(suffix) : inner.endsWith(suffix);
  }
  return inner === outer;
}

/** Orders hosts from the most to the least specific: exact names first, then longer wildcards, `*` last. */
export function compareSpecificity(a: string, b: string): number {
  const aWild = isWildcard(a);
  const bWild = isWildcard(b);
  if (aWild !== bWild) return aWild ? 1 : -1;
  if (aWild && a.length !== b.length) return b.length - a.length;
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * The full name of a host written in an object of `namespace`: a name without dots is a service of that namespace
 * (https://istio.io/latest/docs/reference/config/networking/virtual-service/#Destination).
 */
export function resolveShortName(host: string, namespace: string, domainSuffix: string): string {
  if (host === "*" || host.includes(".") || host === "") return host;
  return `${host}.${namespace}.svc.${domainSuffix}`;
}
