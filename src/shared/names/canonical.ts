// Canonical service names, by which telemetry groups workloads. Any thread.
// https://istio.io/latest/docs/ops/deployment/requirements/#pod-requirements

type Labels = Readonly<Record<string, string>>;

/** The canonical service of a workload: from its labels, else the workload's own name. */
export function canonicalName(labels: Labels, workloadName: string): string {
  return labels["service.istio.io/canonical-name"] ?? labels["app.kubernetes.io/name"] ?? labels.app ?? workloadName;
}

/** The canonical revision that a workload's labels give, or "". */
export function canonicalRevision(labels: Labels): string {
  return labels["service.istio.io/canonical-revision"] ?? labels["app.kubernetes.io/version"] ?? labels.version ?? "";
}
