// The filter that checks the tokens of requests, of a workload's RequestAuthentications. Worker threads.
// https://istio.io/latest/docs/reference/config/security/request_authentication/
import { envoy } from "../../../shared/gen/envoy.js";
import type { Security_JWTRule, Security_RequestAuthentication } from "../../../shared/gen/istio.js";
import type { ConfigObject } from "../../../shared/model/config.ts";
import type { Dependency, PushContext } from "../../context/push-context.ts";
import { any } from "../../encode/values.ts";
import { type Workload, workloadPolicies } from "../../scope/workload-policies.ts";
import type { PolicyProblem } from "../authorization/custom-action.ts";
import type { NamedFilter } from "../peer-metadata.ts";
import { keySource, proxiesFetchKeys } from "./jwt-keys.ts";
import { JWT_FILTER, JWT_PAYLOAD } from "./jwt-names.ts";

type JwtProvider = envoy.extensions.filters.http.jwt_authn.v3.IJwtProvider;
type Requirement = envoy.extensions.filters.http.jwt_authn.v3.IJwtRequirement;

const { JwtAuthentication } = envoy.extensions.filters.http.jwt_authn.v3;

export interface RequestAuthentication {
  readonly filters: readonly NamedFilter[];
  readonly problems: readonly PolicyProblem[];
}

export interface JwtOptions {
  /** Routes may match claims, so that a route is chosen again once they are known. */
  readonly clearRouteCache: boolean;
}

const NOTHING: RequestAuthentication = { filters: [], problems: [] };

/** One filter for all rules of a workload; the same for all workloads that the same policies apply to. */
export function requestAuthentication(
  ctx: PushContext,
  workload: Workload,
  options: JwtOptions,
): RequestAuthentication {
  const policies = workloadPolicies<Security_RequestAuthentication>(ctx, "RequestAuthentication", workload);
  const rules = policies
    .flatMap((policy) => (policy.spec.jwtRules ?? []).map((rule): OwnedRule => ({ policy, rule })))
    .sort((a, b) => compareIssuers(a.rule, b.rule));
  if (rules.length === 0) return NOTHING;
  const key = policies.map(({ meta }) => `${meta.namespace}/${meta.name}`).join();
  const dependencies: Dependency[] = [
    "RequestAuthentication",
    "mesh",
    ...(proxiesFetchKeys(ctx) ? (["services"] as const) : []),
  ];
  return ctx.derive(`jwt/${options.clearRouteCache}|${key}`, dependencies, () => build(ctx, rules, options));
}

interface OwnedRule {
  readonly policy: ConfigObject;
  readonly rule: Security_JWTRule;
}

function compareIssuers({ issuer: a = "" }: Security_JWTRule, { issuer: b = "" }: Security_JWTRule): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function build(ctx: PushContext, rules: readonly OwnedRule[], options: JwtOptions): RequestAuthentication {
  const providers: Record<string, JwtProvider> = {};
  const problems: PolicyProblem[] = [];
  rules.forEach(({ rule, policy: { kind, meta } }, i) => {
    const { provider, problem } = keySource(ctx, rule);
    providers[providerName(i)] = { ...provider, ...tokenSettings(rule, options) };
    if (problem) problems.push({ object: `${kind}/${meta.namespace}/${meta.name}`, reason: problem });
  });
  const typedConfig = any("envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication", JwtAuthentication, {
    providers,
    rules: [{ match: { prefix: "/" }, requires: requirement(rules.map(({ rule }) => rule)) }],
    bypassCorsPreflight: true,
  });
  return { filters: [{ name: JWT_FILTER, typedConfig }], problems };
}

function providerName(index: number): string {
  return `origins-${index}`;
}

/** Claims that are lists, written as one text with spaces. */
const SPACE_DELIMITED = ["permission", "scope"];

function tokenSettings(rule: Security_JWTRule, { clearRouteCache }: JwtOptions): JwtProvider {
  const claims = [...new Set([...SPACE_DELIMITED, ...(rule.spaceDelimitedClaims ?? [])])].sort();
  return {
    issuer: rule.issuer ?? "",
    audiences: [...(rule.audiences ?? [])],
    forward: rule.forwardOriginalToken ?? false,
    forwardPayloadHeader: rule.outputPayloadToHeader ?? "",
    fromHeaders: (rule.fromHeaders ?? []).map(({ name, prefix }) => ({
      name: name ?? "",
      valuePrefix: prefix ?? "",
    })),
    fromParams: [...(rule.fromParams ?? [])],
    fromCookies: [...(rule.fromCookies ?? [])],
    claimToHeaders: (rule.outputClaimToHeaders ?? []).map(({ header, claim }) => ({
      headerName: header ?? "",
      claimName: claim ?? "",
    })),
    payloadInMetadata: JWT_PAYLOAD,
    normalizePayloadInMetadata: { spaceDelimitedClaims: claims },
    clearRouteCache,
  };
}

/**
 * A token that comes must be valid; none has to come, unless the rule says so. Of several issuers whose tokens come at the same
 * place, one token is valid for one of them only: a valid one is enough.
 */
function requirement(rules: readonly Security_JWTRule[]): Requirement {
  const names = rules.map((_rule, i): Requirement => ({ providerName: providerName(i) }));
  const own = rules.map((rule, i): Requirement => {
    if (rule.presence === "REQUIRED") return names[i]!;
    return { requiresAny: { requirements: [names[i]!, { allowMissing: {} }] } };
  });
  if (own.length === 1) return own[0]!;
  return { requiresAny: { requirements: [...names, { requiresAll: { requirements: own } }] } };
}
