// Which policies apply to a workload: by selector, or by reference to the Gateway that it serves. Worker threads.
// https://istio.io/latest/docs/reference/config/type/workload-selector/
import type { Type_PolicyTargetReference, Type_WorkloadSelector } from "../../shared/gen/istio.js";
import type { ConfigObject } from "../../shared/model/config.ts";
import type { ProxyView } from "../../shared/model/view.ts";
import { isTargetOf } from "../../shared/names/gateway.ts";
import { labelsMatch } from "../../shared/names/labels.ts";
import type { PushContext } from "../context/push-context.ts";
import { compareConfigs } from "./visibility.ts";

/** What says which workloads a policy is for. Without any of them it is for all of its namespace. */
export interface Targeted {
  readonly selector?: Type_WorkloadSelector;
  readonly targetRef?: Type_PolicyTargetReference;
  readonly targetRefs?: readonly Type_PolicyTargetReference[];
}

/** What of a proxy decides about its policies. */
export type Workload = Pick<ProxyView, "namespace" | "labels">;

/** Kinds whose objects choose workloads in the same way. */
type WorkloadKind = "AuthorizationPolicy" | "RequestAuthentication" | "TrafficExtension";

/**
 * The policies of a kind that apply to a workload: its own namespace's, then those of the root namespace, which apply to
 * workloads of all namespaces; each oldest first.
 */
export function workloadPolicies<S extends Targeted>(
  ctx: PushContext,
  kind: WorkloadKind,
  workload: Workload,
): readonly ConfigObject<S>[] {
  return [...new Set([workload.namespace, ctx.mesh.rootNamespace])].flatMap((namespace) =>
    policiesIn<S>(ctx, kind, namespace).filter((policy) => appliesTo(policy, workload)),
  );
}

function policiesIn<S>(ctx: PushContext, kind: WorkloadKind, namespace: string): readonly ConfigObject<S>[] {
  return ctx.derive(`workload-policies/${kind}/${namespace}`, [kind], () =>
    [...ctx.configsIn<S>(kind, namespace)].sort(compareConfigs),
  );
}

/** True for an object that chooses no workloads: it is for all of its namespace. */
export function isForAll({ spec }: ConfigObject<Targeted>): boolean {
  return targetsOf(spec).length === 0 && Object.keys(spec.selector?.matchLabels ?? {}).length === 0;
}

function targetsOf(spec: Targeted): readonly Type_PolicyTargetReference[] {
  if (spec.targetRefs?.length) return spec.targetRefs;
  return spec.targetRef ? [spec.targetRef] : [];
}

/** Whether an object of the workload's namespace, or of the root namespace, is for it. */
export function appliesTo({ spec, meta }: ConfigObject<Targeted>, workload: Workload): boolean {
  const targets = targetsOf(spec);
  if (targets.length === 0) return labelsMatch(spec.selector?.matchLabels ?? {}, workload.labels);
  return isTargetOf(targets, meta.namespace, workload);
}
