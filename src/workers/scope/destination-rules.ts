// DestinationRules by host: which one a client in a namespace gets for a service. Worker threads.
// https://istio.io/latest/docs/reference/config/networking/destination-rule/
import type { Networking_DestinationRule, Networking_Subset } from "../../shared/gen/istio.js";
import type { ConfigObject } from "../../shared/model/config.ts";
import type { ServiceRecord } from "../../shared/model/service.ts";
import { compareSpecificity, isSubsetOf, isWildcard } from "../../shared/names/hostname.ts";
import { isEmptyLabels, labelsMatch } from "../../shared/names/labels.ts";
import { ruleHost } from "../../shared/names/rule-host.ts";
import type { PushContext } from "../context/push-context.ts";
import { Fragments } from "../encode/fragments.ts";
import { compareConfigs, exportToOf, isExportedTo } from "./visibility.ts";

type Labels = Readonly<Record<string, string>>;

/** A rule with its host in full, maybe merged from several objects. */
export interface DestinationRule {
  readonly host: string;
  readonly spec: Networking_DestinationRule;
  readonly namespace: string;
  readonly name: string;
  readonly exportTo: readonly string[];
  readonly selector: Labels | null;
}

/** Rules of one namespace. */
interface NamespaceRules {
  readonly exact: ReadonlyMap<string, readonly DestinationRule[]>;
  /** Most specific first. */
  readonly wildcards: readonly string[];
}

/** All rules, by the namespace that they stand in. */
type RuleIndex = ReadonlyMap<string, NamespaceRules>;

function ruleIndex(ctx: PushContext): RuleIndex {
  return ctx.derive("destination-rules", ["DestinationRule", "mesh"], () => {
    const byNamespace = new Map<string, Map<string, DestinationRule[]>>();
    const objects = [...ctx.configs<Networking_DestinationRule>("DestinationRule")].sort(compareConfigs);
    for (const object of objects) {
      const rule = toRule(object, ctx);
      let hosts = byNamespace.get(rule.namespace);
      if (!hosts) {
        hosts = new Map();
        byNamespace.set(rule.namespace, hosts);
      }
      const list = hosts.get(rule.host) ?? [];
      hosts.set(rule.host, addRule(list, rule));
    }
    const index = new Map<string, NamespaceRules>();
    for (const [namespace, exact] of byNamespace) {
      index.set(namespace, { exact, wildcards: [...exact.keys()].filter(isWildcard).sort(compareSpecificity) });
    }
    return index;
  });
}

/** By object, so that an unchanged object is an identical rule in the next version. */
const known = new Fragments<DestinationRule>();

function toRule(object: ConfigObject<Networking_DestinationRule>, ctx: PushContext): DestinationRule {
  return known.get(object, "", [ctx.mesh], () => newRule(object, ctx));
}

function newRule(object: ConfigObject<Networking_DestinationRule>, ctx: PushContext): DestinationRule {
  const { spec, meta } = object;
  const selector = isEmptyLabels(spec.workloadSelector?.matchLabels) ? null : spec.workloadSelector!.matchLabels!;
  // A rule for some workloads is for those of its own namespace, whatever it exports.
  const exportTo = selector ? ["."] : spec.exportTo;
  return {
    host: ruleHost(object, ctx.mesh.domainSuffix),
    spec,
    namespace: meta.namespace,
    name: meta.name,
    exportTo: exportToOf(exportTo, meta.namespace, ctx.mesh.mesh.defaultDestinationRuleExportTo),
    selector,
  };
}

/**
 * Several rules for one host in a namespace add up, when they are for the same workloads and namespaces: subsets are
 * joined, the first traffic policy stays.
 */
function addRule(list: readonly DestinationRule[], rule: DestinationRule): DestinationRule[] {
  let merged = false;
  const out = list.map((existing) => {
    if (merged || !sameAudience(existing, rule)) return existing;
    merged = true;
    const known = new Set((existing.spec.subsets ?? []).map((s) => s.name));
    const more = (rule.spec.subsets ?? []).filter((s: Networking_Subset) => !known.has(s.name));
    const policy = existing.spec.trafficPolicy ?? rule.spec.trafficPolicy;
    return {
      ...existing,
      spec: {
        ...existing.spec,
        subsets: [...(existing.spec.subsets ?? []), ...more],
        ...(policy ? { trafficPolicy: policy } : {}),
      },
    };
  });
  return merged ? out : [...out, rule];
}

function sameAudience(a: DestinationRule, b: DestinationRule): boolean {
  return sameSet(a.exportTo, b.exportTo) && JSON.stringify(sorted(a.selector)) === JSON.stringify(sorted(b.selector));
}

function sorted(labels: Labels | null): unknown {
  return labels && Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((x) => b.includes(x));
}

/** The rules of a namespace for the most specific host that covers `hostname`, among those that `visible` admits. */
function lookUp(
  rules: NamespaceRules | undefined,
  hostname: string,
  visible: (rule: DestinationRule) => boolean,
): readonly DestinationRule[] {
  if (!rules) return [];
  const exact = rules.exact.get(hostname)?.filter(visible) ?? [];
  if (exact.length > 0) return exact;
  for (const host of rules.wildcards) {
    if (!isSubsetOf(hostname, host)) continue;
    const found = rules.exact.get(host)!.filter(visible);
    if (found.length > 0) return found;
  }
  return [];
}

/** The labels by which rules choose their clients. */
export function selectorLabels(ctx: PushContext): ReadonlySet<string> {
  return ctx.derive("destination-rules/labels", ["DestinationRule", "mesh"], () => {
    const labels = new Set<string>();
    for (const { exact } of ruleIndex(ctx).values()) {
      for (const rule of [...exact.values()].flat())
        for (const label of Object.keys(rule.selector ?? {})) labels.add(label);
    }
    return labels;
  });
}

/**
 * The rule in force at a client for a service: of the client's namespace, then of the service's, then of the root
 * namespace, the latter two only where they are exported to the client's.
 */
export function destinationRuleFor(
  ctx: PushContext,
  client: { readonly namespace: string; readonly labels: Labels },
  service: Pick<ServiceRecord, "hostname" | "namespace">,
): DestinationRule | undefined {
  const index = ruleIndex(ctx);
  const root = ctx.mesh.rootNamespace;
  const exported = (rule: DestinationRule): boolean => isExportedTo(rule.exportTo, client.namespace);
  let rules: readonly DestinationRule[] = [];
  if (client.namespace !== root) {
    rules = lookUp(index.get(client.namespace), service.hostname, exported);
  } else {
    const own = (rule: DestinationRule): boolean => isExportedTo(rule.exportTo, root) && !rule.exportTo.includes("*");
    rules = lookUp(index.get(root), service.hostname, own);
  }
  if (rules.length === 0) rules = lookUp(index.get(service.namespace), service.hostname, exported);
  if (rules.length === 0 && root !== service.namespace) rules = lookUp(index.get(root), service.hostname, exported);
  const chosen = rules.find((rule) => rule.selector && labelsMatch(rule.selector, client.labels));
  return chosen ?? rules.find((rule) => !rule.selector);
}
