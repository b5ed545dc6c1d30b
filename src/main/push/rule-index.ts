// DestinationRules by the host that they are about. Main thread.
import type { Networking_DestinationRule } from "../../shared/gen/istio.js";
import { type ConfigObject, keyString } from "../../shared/model/config.ts";
import type { MeshObject } from "../../shared/model/delta.ts";
import type { RegistryChange } from "../../shared/model/push-request.ts";
import { ruleHost } from "../../shared/names/rule-host.ts";
import type { Registry } from "../registry/registry.ts";

export type RuleObject = ConfigObject<Networking_DestinationRule> & MeshObject;

const NO_RULES: ReadonlyMap<string, RuleObject> = new Map();

/** Follows the registry object by object, so that a change costs work for its own objects only. */
export class RuleIndex {
  private readonly byHost = new Map<string, Map<string, RuleObject>>();
  /** The host under which a rule stands. */
  private readonly hosts = new Map<string, string>();

  /** Looks at the rules that changed, or at all. */
  update(registry: Registry, change: RegistryChange | undefined): void {
    if (!change) {
      this.byHost.clear();
      this.hosts.clear();
      for (const rule of registry.objects.all<RuleObject>("DestinationRule")) this.put(rule, registry);
      return;
    }
    for (const [id, { kind, namespace, name }] of change.configs) {
      if (kind !== "DestinationRule") continue;
      this.drop(id);
      const rule = registry.objects.get<RuleObject>("DestinationRule", namespace, name);
      if (rule) this.put(rule, registry);
    }
  }

  /** Rules about exactly this host, or this wildcard. */
  about(host: string): Iterable<RuleObject> {
    return (this.byHost.get(host) ?? NO_RULES).values();
  }

  /** Names of the subsets that any rule defines for a host, with "" for all of it. */
  subsetsOf(hostname: string): ReadonlySet<string> {
    const out = new Set([""]);
    const add = (host: string): void => {
      for (const { spec } of this.about(host)) for (const subset of spec.subsets ?? []) out.add(subset.name ?? "");
    };
    add(hostname);
    for (let at = 0; at < hostname.length; at++) add(`*${hostname.slice(at)}`);
    add("*");
    return out;
  }

  private put(rule: RuleObject, registry: Registry): void {
    const { namespace, name } = rule.meta;
    const id = keyString({ kind: "DestinationRule", namespace, name });
    const host = ruleHost(rule, registry.mesh.domainSuffix);
    this.hosts.set(id, host);
    let rules = this.byHost.get(host);
    if (!rules) {
      rules = new Map();
      this.byHost.set(host, rules);
    }
    rules.set(id, rule);
  }

  private drop(id: string): void {
    const host = this.hosts.get(id);
    if (host === undefined) return;
    this.hosts.delete(id);
    const rules = this.byHost.get(host);
    rules?.delete(id);
    if (rules?.size === 0) this.byHost.delete(host);
  }
}
