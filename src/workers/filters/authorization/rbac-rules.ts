// Rules of AuthorizationPolicies as policies of Envoy's RBAC. Worker threads, pure.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/rbac/v3/rbac.proto
import type { envoy } from "../../../shared/gen/envoy.js";
import type { Security_AuthorizationPolicy, Security_Rule } from "../../../shared/gen/istio.js";
import type { ConfigObject } from "../../../shared/model/config.ts";
import { operationTerms, PERMISSION_LOGIC, type Permission, permissionCondition } from "./permissions.ts";
import { PRINCIPAL_LOGIC, type Principal, principalCondition, type RuleScope, sourceTerms } from "./principals.ts";
import { allOf, type Layer, type Term } from "./terms.ts";

export type AuthorizationPolicy = ConfigObject<Security_AuthorizationPolicy>;
export type RbacPolicy = envoy.config.rbac.v3.IPolicy;
export type RbacRules = envoy.config.rbac.v3.IRBAC;

/** What Envoy does with what a policy matches. */
export type RbacAction = "ALLOW" | "DENY" | "LOG";

const ACTIONS: Readonly<Record<RbacAction, number>> = { ALLOW: 0, DENY: 1, LOG: 2 };

const NEVER: RbacPolicy = { permissions: [{ notRule: { any: true } }], principals: [{ notId: { any: true } }] };

export interface RulesOptions {
  readonly action: RbacAction;
  readonly layer: Layer;
  readonly trustDomains: readonly string[];
  /** Before each policy's name. */
  readonly prefix?: string;
  /** What names a rule of a policy instead of Istio's usual way. */
  readonly nameOf?: (policy: AuthorizationPolicy["meta"], rule: number) => string;
}

/** The rules of some policies of one action. A policy without rules matches nothing, which for ALLOW denies everything. */
export function rbacRules(policies: readonly AuthorizationPolicy[], options: RulesOptions): RbacRules {
  const made: Record<string, RbacPolicy> = {};
  for (const { meta, spec } of policies) {
    const nameOf = (rule: number): string =>
      options.nameOf?.(meta, rule) ?? `${options.prefix ?? ""}ns[${meta.namespace}]-policy[${meta.name}]-rule[${rule}]`;
    const rules = spec.rules ?? [];
    if (rules.length === 0) made[nameOf(0)] = NEVER;
    rules.forEach((rule, i) => {
      const policy = rulePolicy(rule, { ...options, namespace: meta.namespace }, options.action === "ALLOW");
      if (policy) made[nameOf(i)] = policy;
    });
  }
  return { action: ACTIONS[options.action], policies: made };
}

/** A rule: from any of its sources, to any of its operations, when all conditions hold. */
function rulePolicy(rule: Security_Rule, scope: RuleScope, allows: boolean): RbacPolicy | undefined {
  const calledWhen: Term<Permission>[] = [];
  const callerWhen: Term<Principal>[] = [];
  for (const condition of rule.when ?? []) {
    const called = permissionCondition(condition);
    if (called) calledWhen.push(called);
    else callerWhen.push(principalCondition(condition, scope));
  }
  const operations = rule.to?.length ? rule.to : [{}];
  const sources = rule.from?.length ? rule.from : [{}];
  const permissions = operations.map(({ operation = {} }) =>
    allOf([...operationTerms(operation, scope.layer), ...calledWhen], allows, PERMISSION_LOGIC),
  );
  const principals = sources.map(({ source = {} }) =>
    allOf([...sourceTerms(source, scope), ...callerWhen], allows, PRINCIPAL_LOGIC),
  );
  if (!complete(permissions) || !complete(principals)) return undefined;
  return { permissions, principals };
}

function complete<M>(matchers: readonly (M | undefined)[]): matchers is M[] {
  return !matchers.includes(undefined);
}
