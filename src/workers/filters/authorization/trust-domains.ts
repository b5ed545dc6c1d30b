// Identities under a mesh's trust domain and its aliases. Worker threads, pure.
// https://istio.io/latest/docs/tasks/security/authorization/authz-td-migration/

/** In policies this stands for the mesh's own trust domain, whatever it is called. */
const LOCAL = "cluster.local";

/** `trust-domain/ns/namespace/sa/account` */
const IDENTITY_PARTS = 5;

/**
 * Principals of a policy, each that names a trust domain of the mesh under all of its names. `trustDomains` are the mesh's own
 * and its aliases; none of them changes nothing.
 */
export function principalsWithAliases(principals: readonly string[], trustDomains: readonly string[]): string[] {
  if (trustDomains.length === 0) return [...principals];
  return principals.flatMap((principal) => {
    const [domain = "", ...rest] = principal.split("/");
    if (rest.length !== IDENTITY_PARTS - 1 || domain === "*") return [principal];
    if (domain !== LOCAL && !trustDomains.some((own) => overlaps(domain, own))) return [principal];
    // Where a pattern takes an alias already, it stays what it is.
    return [...new Set(trustDomains.map((own) => (endsLike(own, domain) ? principal : [own, ...rest].join("/"))))];
  });
}

/** Trust domains of a policy, with all names of the mesh for one of them. */
export function domainsWithAliases(domains: readonly string[], trustDomains: readonly string[]): string[] {
  return [...new Set(domains.flatMap((domain) => (trustDomains.includes(domain) ? trustDomains : [domain])))];
}

/** Either may be a pattern for the other. */
function overlaps(a: string, b: string): boolean {
  return a === b || b === "*" || startsLike(a, b) || startsLike(b, a) || endsLike(a, b) || endsLike(b, a);
}

function startsLike(text: string, pattern: string): boolean {
  return pattern.endsWith("*") && text.startsWith(pattern.slice(0, -1));
}

function endsLike(text: string, pattern: string): boolean {
  return pattern.startsWith("*") && text.endsWith(pattern.slice(1));
}
