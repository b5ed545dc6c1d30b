// CUSTOM policies: RBAC that only notes which requests they mean, then a question to the provider about those. Worker threads.
// https://istio.io/latest/docs/tasks/security/authorization/authz-custom/
import type { PushContext } from "../../context/push-context.ts";
import type { NamedFilter } from "../peer-metadata.ts";
import { findAuthorizer } from "./ext-authz.ts";
import { RBAC_FILTER, rbacFilter } from "./rbac-filters.ts";
import { type AuthorizationPolicy, type RbacRules, rbacRules } from "./rbac-rules.ts";
import type { Layer } from "./terms.ts";

/** What couldn't be done as configured; requests that the policies mean are denied. */
export interface PolicyProblem {
  /** `AuthorizationPolicy/namespace/name` */
  readonly object: string;
  readonly reason: string;
}

export interface CustomFilters {
  readonly filters: NamedFilter[];
  readonly problems: readonly PolicyProblem[];
}

const SHADOW_STATS = "istio_ext_authz_";

/** The filters of a workload's CUSTOM policies: two for each provider. */
export function customFilters(
  ctx: PushContext,
  policies: readonly AuthorizationPolicy[],
  layer: Layer,
  trustDomains: readonly string[],
): CustomFilters {
  const byProvider = new Map<string, AuthorizationPolicy[]>();
  for (const policy of policies) {
    const name = policy.spec.provider?.name ?? "";
    byProvider.set(name, [...(byProvider.get(name) ?? []), policy]);
  }
  const several = byProvider.size > 1 && !ctx.mesh.features.multipleCustomAuthzProviders;
  const filters: NamedFilter[] = [];
  const problems: PolicyProblem[] = [];
  for (const [provider, own] of [...byProvider].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const matched = `istio-ext-authz-${provider}`;
    const rules = rbacRules(own, { action: "DENY", layer, trustDomains, prefix: `${matched}-` });
    const authorizer = several ? { problem: SEVERAL } : findAuthorizer(ctx, provider);
    if ("problem" in authorizer) {
      filters.push(rbacFilter(layer, { rules: denying(rules) }));
      for (const { kind, meta } of own) {
        problems.push({ object: `${kind}/${meta.namespace}/${meta.name}`, reason: authorizer.problem });
      }
      continue;
    }
    const asking = authorizer.filter(layer, {
      filter: RBAC_FILTER[layer],
      path: [{ key: `${SHADOW_STATS}shadow_effective_policy_id` }],
      value: { stringMatch: { prefix: matched } },
    });
    if (!asking) continue;
    filters.push(rbacFilter(layer, { shadowRules: rules, shadowRulesStatPrefix: SHADOW_STATS }), asking);
  }
  return { filters, problems };
}

const SEVERAL =
  "CUSTOM policies of one workload name several providers, which needs PILOT_ENABLE_MULTIPLE_CUSTOM_AUTHZ_PROVIDERS";

/** Under names that say why requests are denied. */
function denying({ action, policies }: RbacRules): RbacRules {
  const renamed = Object.entries(policies ?? {}).map(([name, policy]) => [
    `${name}-deny-due-to-bad-CUSTOM-action`,
    policy,
  ]);
  return { action: action ?? null, policies: Object.fromEntries(renamed) };
}
