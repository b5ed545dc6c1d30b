// SPIFFE identities of workloads (https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md). Any thread.

/** `spiffe://trust-domain/ns/namespace/sa/account` */
export function spiffeId(trustDomain: string, namespace: string, serviceAccount: string): string {
  return `spiffe://${trustDomain}/ns/${namespace}/sa/${serviceAccount}`;
}

/** The identities that differ from the given ones only in the trust domain, for each alias; the originals first, sorted. */
export function expandTrustDomains(identities: Iterable<string>, trustDomains: readonly string[]): string[] {
  const out = new Set<string>();
  for (const id of identities) {
    out.add(id);
    if (!id.startsWith("spiffe://")) continue;
    const rest = id.slice("spiffe://".length);
    const slash = rest.indexOf("/");
    if (slash < 0) continue;
    const domain = rest.slice(0, slash);
    if (!trustDomains.includes(domain)) continue;
    for (const alias of trustDomains) out.add(`spiffe://${alias}${rest.slice(slash)}`);
  }
  return [...out].sort();
}
