// What a workload's AuthorizationPolicies are to gRPC's own servers: RBAC filters for DENY and ALLOW. Worker threads.
// https://github.com/grpc/proposal/blob/master/A41-xds-rbac.md
import { envoy } from "../../../shared/gen/envoy.js";
import type { Security_AuthorizationPolicy } from "../../../shared/gen/istio.js";
import type { PushContext } from "../../context/push-context.ts";
import { any } from "../../encode/values.ts";
import { type Workload, workloadPolicies } from "../../scope/workload-policies.ts";
import type { NamedFilter } from "../peer-metadata.ts";
import type { PolicyProblem } from "./custom-action.ts";
import { isDryRun, RBAC_FILTER } from "./rbac-filters.ts";
import { type AuthorizationPolicy, type RbacAction, rbacRules } from "./rbac-rules.ts";

const { RBAC } = envoy.extensions.filters.http.rbac.v3;

export interface GrpcAuthorization {
  readonly filters: readonly NamedFilter[];
  readonly problems: readonly PolicyProblem[];
}

const NOTHING: GrpcAuthorization = { filters: [], problems: [] };

/** The filters of a server; the same for all workloads that the same policies apply to. */
export function grpcAuthorization(ctx: PushContext, workload: Workload): GrpcAuthorization {
  const policies = workloadPolicies<Security_AuthorizationPolicy>(ctx, "AuthorizationPolicy", workload);
  if (policies.length === 0) return NOTHING;
  const key = policies.map(({ meta }) => `${meta.namespace}/${meta.name}`).join();
  return ctx.derive(`grpc-authorization|${key}`, ["AuthorizationPolicy"], () => build(policies));
}

function build(policies: readonly AuthorizationPolicy[]): GrpcAuthorization {
  const enforced = policies.filter((policy) => !isDryRun(policy));
  const of = (action: string): AuthorizationPolicy[] =>
    enforced.filter((policy) => (policy.spec.action ?? "ALLOW") === action);
  // gRPC's servers can't ask an authorizer: what would need its word is denied, as where a proxy doesn't find it.
  const custom = of("CUSTOM");
  const filters = [
    ...filter("DENY", `${RBAC_FILTER.http}.DENY`, [...of("DENY"), ...custom]),
    ...filter("ALLOW", RBAC_FILTER.http, of("ALLOW")),
  ];
  const problems = custom.map(({ meta }) => ({
    object: `AuthorizationPolicy/${meta.namespace}/${meta.name}`,
    reason: "proxyless gRPC servers can't ask an external authorizer: requests that the policy means are denied",
  }));
  return { filters, problems };
}

/** One filter for all policies of an action. Principals stand as they are written: clients have one trust domain. */
function filter(action: RbacAction, name: string, policies: readonly AuthorizationPolicy[]): NamedFilter[] {
  if (policies.length === 0) return [];
  const rules = rbacRules(policies, {
    action,
    layer: "http",
    trustDomains: [],
    nameOf: (policy, rule) => `${policy.namespace}-${policy.name}-${rule}`,
  });
  return [{ name, typedConfig: any("envoy.extensions.filters.http.rbac.v3.RBAC", RBAC, { rules }) }];
}
