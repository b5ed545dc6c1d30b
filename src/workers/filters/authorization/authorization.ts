// What a workload's AuthorizationPolicies add to its filter chains. Worker threads.
// https://istio.io/latest/docs/concepts/security/#authorization
import type { Security_AuthorizationPolicy } from "../../../shared/gen/istio.js";
import type { Dependency, PushContext } from "../../context/push-context.ts";
import { type Workload, workloadPolicies } from "../../scope/workload-policies.ts";
import type { NamedFilter } from "../peer-metadata.ts";
import { customFilters, type PolicyProblem } from "./custom-action.ts";
import { localFilters } from "./rbac-filters.ts";
import type { AuthorizationPolicy } from "./rbac-rules.ts";
import type { Layer } from "./terms.ts";

export interface Authorization {
  /** Of CUSTOM policies: before tokens are looked at. */
  readonly custom: readonly NamedFilter[];
  /** Of AUDIT, DENY and ALLOW policies: after tokens are looked at. */
  readonly local: readonly NamedFilter[];
  readonly problems: readonly PolicyProblem[];
}

const NOTHING: Authorization = { custom: [], local: [], problems: [] };

/** The filters of a layer; the same for all workloads that the same policies apply to. */
export function authorization(ctx: PushContext, workload: Workload, layer: Layer): Authorization {
  const policies = workloadPolicies<Security_AuthorizationPolicy>(ctx, "AuthorizationPolicy", workload);
  if (policies.length === 0) return NOTHING;
  const custom = policies.filter((policy) => policy.spec.action === "CUSTOM");
  const key = policies.map(({ meta }) => `${meta.namespace}/${meta.name}`).join();
  // Only providers are looked up among services.
  const dependencies: Dependency[] = [
    "AuthorizationPolicy",
    "mesh",
    ...(custom.length > 0 ? (["services"] as const) : []),
  ];
  return ctx.derive(`authorization/${layer}|${key}`, dependencies, () => build(ctx, policies, custom, layer));
}

function build(
  ctx: PushContext,
  policies: readonly AuthorizationPolicy[],
  custom: readonly AuthorizationPolicy[],
  layer: Layer,
): Authorization {
  const { mesh } = ctx.mesh;
  const trustDomains = [mesh.trustDomain ?? "cluster.local", ...(mesh.trustDomainAliases ?? [])];
  const { filters, problems } = customFilters(ctx, custom, layer, trustDomains);
  return { custom: filters, local: localFilters(policies, layer, trustDomains), problems };
}
