// Rules for labels, selectors, references to targets and visibility. Main thread.
import { type Report, reject, warn } from "../report.ts";
import { isDnsLabel } from "./addresses.ts";

const NAME = /^(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;
const PREFIX = /^[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?)*$/;

type Labels = Readonly<Record<string, string>>;

/** Labels as Kubernetes takes them. */
export function checkLabels(report: Report, field: string, labels: Labels = {}): void {
  for (const [key, value] of Object.entries(labels)) {
    if (!isLabelKey(key)) reject(report, field, `invalid tag key: ${JSON.stringify(key)}`);
    if (value !== "" && !(NAME.test(value) && value.length <= 63)) {
      reject(report, `${field}[${JSON.stringify(key)}]`, `invalid tag value: ${JSON.stringify(value)}`);
    }
  }
}

function isLabelKey(key: string): boolean {
  const slash = key.indexOf("/");
  const prefix = slash === -1 ? undefined : key.slice(0, slash);
  const name = key.slice(slash + 1);
  if (prefix !== undefined && (prefix.length > 253 || !PREFIX.test(prefix))) return false;
  return name.length <= 63 && NAME.test(name);
}

/** Selectors match whole labels. */
export function checkSelectorLabels(report: Report, field: string, labels: Labels = {}): void {
  for (const [key, value] of Object.entries(labels)) {
    const shown = JSON.stringify(`${key}=${value}`);
    if (key === "") reject(report, field, `empty key is not supported in selector: ${shown}`);
    if (key.includes("*") || value.includes("*")) {
      reject(report, field, `wildcard is not supported in selector: ${shown}`);
    }
  }
}

/** `selector.matchLabels` of policies. */
export function checkPolicySelector(
  report: Report,
  field: string,
  selector: { readonly matchLabels?: Labels } | undefined,
): void {
  if (!selector) return;
  if (Object.keys(selector.matchLabels ?? {}).length === 0) warn(report, "workload selector specified without labels");
  checkSelectorLabels(report, `${field}.matchLabels`, selector.matchLabels);
}

/** `workloadSelector.labels` of networking kinds; `owner` begins the warning. */
export function checkWorkloadSelector(
  report: Report,
  field: string,
  selector: { readonly labels?: Labels } | undefined,
  owner: string,
): void {
  if (!selector) return;
  if (Object.keys(selector.labels ?? {}).length === 0) {
    warn(report, `${owner}: workload selector specified without labels, will be applied to all services in namespace`);
  }
  checkSelectorLabels(report, `${field}.labels`, selector.labels);
}

export interface TargetRef {
  readonly group?: string;
  readonly kind?: string;
  readonly name?: string;
  readonly namespace?: string;
}

const TARGETS = new Set([
  "core/Service",
  "/Service",
  "networking.istio.io/ServiceEntry",
  "gateway.networking.k8s.io/Gateway",
  "gateway.networking.k8s.io/GatewayClass",
]);
const TARGETS_TEXT =
  "[core/v1/Service networking.istio.io/v1/ServiceEntry gateway.networking.k8s.io/v1/Gateway gateway.networking.k8s.io/v1/GatewayClass]";

interface Targeted {
  readonly selector?: unknown;
  readonly targetRef?: TargetRef;
  readonly targetRefs?: readonly TargetRef[];
}

/** What a policy applies to: a selector, or references, but not both. */
export function checkTargets(report: Report, spec: Targeted): void {
  const refs = spec.targetRefs ?? [];
  const ways = [spec.selector, spec.targetRef, refs.length > 0 ? refs : undefined];
  if (ways.filter((way) => way !== undefined).length > 1) {
    reject(report, "spec.selector", "only one of targetRefs or workloadSelector can be set");
  }
  if (spec.targetRef) checkTargetRef(report, "spec.targetRef", spec.targetRef);
  for (const [i, ref] of refs.entries()) checkTargetRef(report, `spec.targetRefs[${i}]`, ref);
}

function checkTargetRef(report: Report, field: string, ref: TargetRef): void {
  const { group = "", kind = "", name = "", namespace = "" } = ref;
  if (name === "") reject(report, `${field}.name`, "targetRef name must be set");
  if (namespace !== "") {
    const reason = "targetRef namespace must not be set; cross namespace referencing is not supported";
    reject(report, `${field}.namespace`, reason);
  }
  if (!TARGETS.has(`${group}/${kind}`)) {
    reject(report, field, `targetRef must be to one of ${TARGETS_TEXT} but was ${group}/${kind}`);
  }
}

export interface ExportRules {
  readonly namespace: string;
  /** ServiceEntries may be exported to nobody. */
  readonly nobodyAllowed?: boolean;
  /** What selects workloads applies in its own namespace only. */
  readonly ownNamespaceOnly?: boolean;
}

/** `exportTo`: namespaces, `.` for the object's own one, or `*` alone. */
export function checkExportTo(report: Report, exportTo: readonly string[] = [], rules: ExportRules): void {
  const field = "spec.exportTo";
  const seen = new Set<string>();
  for (const entry of exportTo) {
    const name = entry === "." ? rules.namespace : entry;
    if (seen.has(name)) reject(report, field, `${JSON.stringify(entry)} names a namespace that is in exportTo already`);
    else if (name !== "*" && !(name === "~" && rules.nobodyAllowed) && !isDnsLabel(name)) {
      reject(report, field, `${JSON.stringify(entry)} is not a namespace, ".", or "*"`);
    }
    seen.add(name);
  }
  if (exportTo.length > 1 && (seen.has("*") || seen.has("~"))) {
    reject(report, field, `${seen.has("*") ? '"*"' : '"~"'} must be the only entry of exportTo`);
  }
  if (rules.ownNamespaceOnly && seen.size > 0 && !(seen.size === 1 && seen.has(rules.namespace))) {
    reject(report, field, "a rule with a workload selector cannot be exported beyond its own namespace");
  }
}
