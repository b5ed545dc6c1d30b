// Label selection. Any thread.

/** Label names and values. */
export type Labels = Readonly<Record<string, string>>;

/** True when `labels` has every pair of `selector`. An empty selector chooses everything. */
export function labelsMatch(selector: Labels, labels: Labels): boolean {
  for (const key in selector) {
    if (labels[key] !== selector[key]) return false;
  }
  return true;
}

/** True when the object has no pair. */
export function isEmptyLabels(labels: Labels | null | undefined): boolean {
  if (!labels) return true;
  for (const _key in labels) return false;
  return true;
}
