// How far ServiceEntries may be seen, which the mesh's operator limits by namespace. Main thread, pure.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#ServiceEntryVisibility
import type { Mesh_LabelSelector, Mesh_ServiceEntryVisibility } from "../../shared/gen/istio.js";
import type { Labels } from "../../shared/names/labels.ts";

export type Visibility = "PUBLIC" | "NAMESPACE" | "NONE";

/** Seen by no namespace, in an exportTo list. */
const NOBODY = "~";

/** Label that Kubernetes gives every namespace. */
const NAME_LABEL = "kubernetes.io/metadata.name";

/**
 * What entries of a namespace may be at most. Envoys are only told of limits where the mesh says so; the first policy counts
 * of which all rules match the namespace's labels.
 */
export function entryVisibility(
  settings: Mesh_ServiceEntryVisibility | undefined,
  namespace: string,
  labels: Labels,
): Visibility {
  if (!settings?.applyToSidecars) return "PUBLIC";
  const own = { [NAME_LABEL]: namespace, ...labels };
  const policy = settings.policies?.find(({ matchingRules = [] }) =>
    matchingRules.every(({ namespaceSelector }) => selects(namespaceSelector ?? {}, own)),
  );
  const visibility = policy ? policy.visibility : settings.defaultVisibility;
  return visibility === "NAMESPACE" || visibility === "NONE" ? visibility : "PUBLIC";
}

/** What is left of a resolved exportTo list: a limit takes away, and never adds. */
export function limitExportTo(exportTo: readonly string[], namespace: string, limit: Visibility): readonly string[] {
  if (limit === "PUBLIC") return exportTo;
  const own = limit === "NAMESPACE" && (exportTo.includes("*") || exportTo.includes(namespace));
  return [own ? namespace : NOBODY];
}

/** A label selector as Kubernetes reads it; one with an operator that Kubernetes doesn't have selects nothing. */
function selects({ matchLabels = {}, matchExpressions = [] }: Mesh_LabelSelector, labels: Labels): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key = "", operator, values = [] }) => {
      const value = labels[key];
      switch (operator) {
        case "In":
          return value !== undefined && values.includes(value);
        case "NotIn":
          return value === undefined || !values.includes(value);
        case "Exists":
          return value !== undefined;
        case "DoesNotExist":
          return value === undefined;
        default:
          return false;
      }
    })
  );
}
