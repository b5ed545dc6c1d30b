// Envoy's RBAC filters, over HTTP and TCP: of the actions that a proxy decides by itself, and as the first half of CUSTOM.
// Worker threads, pure.
import { envoy } from "../../../shared/gen/envoy.js";
import { any } from "../../encode/values.ts";
import type { NamedFilter } from "../peer-metadata.ts";
import { type AuthorizationPolicy, type RbacAction, type RbacRules, rbacRules } from "./rbac-rules.ts";
import type { Layer } from "./terms.ts";

const { RBAC: HttpRbac } = envoy.extensions.filters.http.rbac.v3;
const { RBAC: TcpRbac } = envoy.extensions.filters.network.rbac.v3;

/** Names of the filters, and of the metadata that they leave. */
export const RBAC_FILTER: Readonly<Record<Layer, string>> = {
  http: "envoy.filters.http.rbac",
  tcp: "envoy.filters.network.rbac",
};

/** Network filters name their statistics by it. */
export const TCP_STATS = "tcp.";

export interface RbacFilter {
  readonly rules?: RbacRules;
  /** Evaluated and noted, but not enforced. */
  readonly shadowRules?: RbacRules;
  readonly shadowRulesStatPrefix?: string;
}

/** The filter of a layer. */
export function rbacFilter(layer: Layer, filter: RbacFilter): NamedFilter {
  const typedConfig =
    layer === "http"
      ? any("envoy.extensions.filters.http.rbac.v3.RBAC", HttpRbac, filter)
      : any("envoy.extensions.filters.network.rbac.v3.RBAC", TcpRbac, { ...filter, statPrefix: TCP_STATS });
  return { name: RBAC_FILTER[layer], typedConfig };
}

/** Asks that a policy is only evaluated. https://istio.io/latest/docs/tasks/security/authorization/authz-dry-run/ */
const DRY_RUN = "istio.io/dry-run";
/** What Go's strconv.ParseBool takes for true, as istiod does. */
const TRUE = /^(1|t|T|TRUE|true|True)$/;

/** True for a policy that is evaluated and not enforced. */
export function isDryRun({ meta }: AuthorizationPolicy): boolean {
  return TRUE.test(meta.annotations[DRY_RUN] ?? "");
}

/** By what the tracing tags and statistics of dry-run policies are known. */
const DRY_RUN_STATS: Readonly<Record<RbacAction, string>> = {
  ALLOW: "istio_dry_run_allow_",
  DENY: "istio_dry_run_deny_",
  LOG: "",
};

const ORDER = [
  ["AUDIT", "LOG"],
  ["DENY", "DENY"],
  ["ALLOW", "ALLOW"],
] as const;

/** One filter for each action that some policy has: AUDIT, then DENY, then ALLOW. */
export function localFilters(
  policies: readonly AuthorizationPolicy[],
  layer: Layer,
  trustDomains: readonly string[],
): NamedFilter[] {
  return ORDER.flatMap(([asked, action]): NamedFilter[] => {
    const own = policies.filter((policy) => (policy.spec.action ?? "ALLOW") === asked);
    if (own.length === 0) return [];
    const dry = own.filter(isDryRun);
    const enforced = own.filter((policy) => !dry.includes(policy));
    const of = (some: readonly AuthorizationPolicy[]): RbacRules => rbacRules(some, { action, layer, trustDomains });
    return [
      rbacFilter(layer, {
        ...(enforced.length > 0 ? { rules: of(enforced) } : {}),
        ...(dry.length > 0 ? { shadowRules: of(dry) } : {}),
        shadowRulesStatPrefix: DRY_RUN_STATS[dry.length > 0 ? action : "ALLOW"],
      }),
    ];
  });
}
