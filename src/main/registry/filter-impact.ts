// What a change of an EnvoyFilter can touch: the types of the patches that differ. Main thread, pure.
import { isDeepStrictEqual } from "node:util";
import type { NodeType } from "../../shared/model/proxy.ts";
import { type EnvoyFilter, isAddition, type PatchSpec, patchedTypes } from "../../shared/patches/patch-selection.ts";
import type { XdsType } from "../../shared/xds-types.ts";

export interface FilterImpact {
  readonly types: ReadonlySet<XdsType>;
  readonly nodes: ReadonlySet<NodeType>;
  readonly ownParts: ReadonlySet<XdsType>;
}

/** `sameChoice`: the same proxies get both versions, in the same place among other filters. */
export function impactOfFilter(
  before: EnvoyFilter | undefined,
  after: EnvoyFilter | undefined,
  sameChoice: boolean,
): FilterImpact {
  const types = new Set<XdsType>();
  const nodes = new Set<NodeType>();
  const ownParts = new Set<XdsType>();
  const old = before?.spec.configPatches ?? [];
  const now = after?.spec.configPatches ?? [];
  for (const patch of sameChoice ? differing(old, now) : [...old, ...now]) {
    for (const node of ["sidecar", "router"] as const) {
      for (const type of patchedTypes(patch, node)) {
        types.add(type);
        nodes.add(node);
        if (type !== "CDS" || touchesOwnClusters(patch)) ownParts.add(type);
      }
    }
  }
  return { types, nodes, ownParts };
}

/** Added clusters may have the name of one of the application's. */
function touchesOwnClusters(patch: PatchSpec): boolean {
  return patch.match?.context !== "SIDECAR_OUTBOUND" || isAddition(patch);
}

/** True when nothing but the patches of two versions differs. */
export function isSameChoice(before: EnvoyFilter, after: EnvoyFilter): boolean {
  const rest = ({ spec }: EnvoyFilter): unknown => [spec.workloadSelector, spec.targetRefs, spec.priority ?? 0];
  return isDeepStrictEqual(rest(before), rest(after));
}

/** What is left of two lists without what they begin and end with alike. */
function differing(before: readonly PatchSpec[], after: readonly PatchSpec[]): PatchSpec[] {
  const shorter = Math.min(before.length, after.length);
  let start = 0;
  while (start < shorter && isDeepStrictEqual(before[start], after[start])) start++;
  let end = 0;
  while (end < shorter - start && isDeepStrictEqual(before.at(-1 - end), after.at(-1 - end))) end++;
  return [...before.slice(start, before.length - end), ...after.slice(start, after.length - end)];
}
