// What a rule asks of the caller: its identity, its address, its token, its headers. Worker threads, pure.
// https://istio.io/latest/docs/reference/config/security/authorization-policy/#Source
// https://istio.io/latest/docs/reference/config/security/conditions/
import type { envoy } from "../../../shared/gen/envoy.js";
import type { Security_Condition, Security_Source } from "../../../shared/gen/istio.js";
import { claimPath, claimPrincipal, requestPrincipal } from "./claims.ts";
import { each, type Layer, type Logic, type Term, term } from "./terms.ts";
import { domainsWithAliases, principalsWithAliases } from "./trust-domains.ts";
import { cidrRange, quoted, type StringMatcher, wildcardHeader, wildcardIdentity } from "./wildcards.ts";

export type Principal = envoy.config.rbac.v3.IPrincipal;
type AnyOf = Term<Principal>["anyOf"];

export const PRINCIPAL_LOGIC: Logic<Principal> = {
  not: (notId) => ({ notId }),
  all: (ids) => ({ andIds: { ids } }),
  anything: { any: true },
};

/** What a rule is read for. */
export interface RuleScope {
  readonly layer: Layer;
  /** The policy's namespace, for service accounts that name none. */
  readonly namespace: string;
  /** The mesh's own trust domain and its aliases; none where principals stand as they are written. */
  readonly trustDomains: readonly string[];
}

/** The terms of a source. */
export function sourceTerms(source: Security_Source, scope: RuleScope): Term<Principal>[] {
  return [
    term(source.principals, source.notPrincipals, identity(scope)),
    term(source.requestPrincipals, source.notRequestPrincipals, http(scope, requestPrincipal)),
    term(source.trustDomains, source.notTrustDomains, trustDomain(scope)),
    term(source.serviceAccounts, source.notServiceAccounts, serviceAccount(scope)),
    term(source.namespaces, source.notNamespaces, NAMESPACE),
    term(source.remoteIpBlocks, source.notRemoteIpBlocks, REMOTE_IP),
    term(source.ipBlocks, source.notIpBlocks, DIRECT_IP),
  ];
}

/** The term of a condition about the caller. One of which nobody knows the key can't be told. */
export function principalCondition(condition: Security_Condition, scope: RuleScope): Term<Principal> {
  const { key = "", values, notValues } = condition;
  return term(values, notValues, conditionMatcher(key, scope));
}

function conditionMatcher(key: string, scope: RuleScope): AnyOf {
  switch (key) {
    case "source.ip":
      return DIRECT_IP;
    case "remote.ip":
      return REMOTE_IP;
    case "source.namespace":
      return NAMESPACE;
    case "source.principal":
      return identity(scope);
    case "source.serviceAccount":
      return serviceAccount(scope);
    case "source.trustDomain":
      return trustDomain(scope);
    case "request.auth.principal":
      return http(scope, requestPrincipal);
    case "request.auth.audiences":
      return http(scope, (values) => claimPrincipal(["aud"], values));
    case "request.auth.presenter":
      return http(scope, (values) => claimPrincipal(["azp"], values));
    default:
      return namedMatcher(key, scope);
  }
}

const HEADERS = "request.headers";
const CLAIMS = "request.auth.claims";

/** Attributes with a name in brackets. */
function namedMatcher(key: string, scope: RuleScope): AnyOf {
  if (key.startsWith(HEADERS)) {
    const name = /^\[(.*)\]$/.exec(key.slice(HEADERS.length))?.[1];
    if (name)
      return http(
        scope,
        anyOf((value) => ({ header: wildcardHeader(name, value) })),
      );
  }
  const path = key.startsWith(CLAIMS) ? claimPath(key.slice(CLAIMS.length)) : undefined;
  return path ? http(scope, (values) => claimPrincipal(path, values)) : () => undefined;
}

function http({ layer }: RuleScope, matcher: AnyOf): AnyOf {
  return layer === "http" ? matcher : () => undefined;
}

function anyOf(make: (value: string) => Principal | undefined): AnyOf {
  return (values) => {
    const ids = each(values, make);
    return ids && { orIds: { ids } };
  };
}

function authenticated(principalName: StringMatcher): Principal {
  return { authenticated: { principalName } };
}

const DIRECT_IP = anyOf((value) => {
  const directRemoteIp = cidrRange(value);
  return directRemoteIp && { directRemoteIp };
});

const REMOTE_IP = anyOf((value) => {
  const remoteIp = cidrRange(value);
  return remoteIp && { remoteIp };
});

const NAMESPACE = anyOf((value) => authenticated({ safeRegex: { regex: `.*/ns/${quoted(value, ".*")}/.*` } }));

function identity({ trustDomains }: RuleScope): AnyOf {
  const matcher = anyOf((value) => authenticated(wildcardIdentity(value)));
  return (values) => matcher(principalsWithAliases(values, trustDomains));
}

function trustDomain({ trustDomains }: RuleScope): AnyOf {
  const matcher = anyOf((value) => {
    if (!value.includes("*")) return authenticated({ prefix: `spiffe://${value}/` });
    return authenticated({ safeRegex: { regex: `spiffe://${quoted(value, "[^/]*")}/.*` } });
  });
  return (values) => matcher(domainsWithAliases(values, trustDomains));
}

/** `account` or `namespace/account`. Identities may have more parts between and after these two. */
function serviceAccount({ namespace }: RuleScope): AnyOf {
  return anyOf((value) => {
    const slash = value.indexOf("/");
    const [ns, account] = slash < 0 ? [namespace, value] : [value.slice(0, slash), value.slice(slash + 1)];
    const regex = `spiffe://.+/ns/${quoted(ns)}/(.+/|)sa/${quoted(account)}(/.+)?`;
    return authenticated({ safeRegex: { regex } });
  });
}
