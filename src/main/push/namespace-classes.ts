// Which namespaces see something that others don't. Proxies of all other namespaces share clusters, endpoints and plain
// listeners, since they see the same. Main thread.
import type { Extensions_TrafficExtension, Networking_VirtualService } from "../../shared/gen/istio.js";
import type { ConfigObject, ObjectKey } from "../../shared/model/config.ts";
import { keyString } from "../../shared/model/config.ts";
import type { MeshObject } from "../../shared/model/delta.ts";
import type { RegistryChange, ServiceKey } from "../../shared/model/push-request.ts";
import { serviceKeyString } from "../../shared/model/push-request.ts";
import { ruleHost } from "../../shared/names/rule-host.ts";
import type { Registry } from "../registry/registry.ts";
import type { RuleIndex, RuleObject } from "./rule-index.ts";

/** Immutable; another object when a namespace is in another class. */
export interface NamespaceClasses {
  /** True when proxies in the namespace see what everybody sees, and nothing else. */
  isPlain(namespace: string): boolean;
  /** True when no HTTP route is for clients in the namespace. */
  isUnnamed(namespace: string): boolean;
  /** True when a Sidecar may say that proxies in the namespace see some services only. */
  isLimited(namespace: string): boolean;
}

/** Keeps the classes, object by object, so that a change costs work for its own objects only. */
export class NamespaceClassIndex {
  /** Objects and services that not everybody sees. While there is one, no namespace is plain. */
  private readonly restricted = new Set<string>();
  /** Namespaces by the objects that only count there: Sidecars, and rules for other namespaces' services. */
  private readonly special = new Map<string, string>();
  /** Namespaces that HTTP routes are for, by VirtualService. */
  private readonly named = new Map<string, readonly string[]>();
  private known: NamespaceClasses = { isPlain: () => false, isUnnamed: () => false, isLimited: () => true };
  private fingerprint = "";

  current(): NamespaceClasses {
    return this.known;
  }

  /** Looks at what changed, or at everything. `rules` are those of the registry as it is. */
  update(registry: Registry, rules: RuleIndex, change: RegistryChange | undefined): void {
    if (change) {
      for (const key of change.services.values()) this.takeService(registry, rules, key);
      for (const key of change.configs.values()) this.takeConfig(registry, key);
    } else {
      this.restricted.clear();
      this.special.clear();
      this.named.clear();
      for (const service of registry.services.all()) this.takeService(registry, rules, service);
      for (const kind of ["Sidecar", "DestinationRule", "VirtualService", "TrafficExtension"] as const) {
        for (const object of registry.objects.all<ConfigObject & MeshObject>(kind)) {
          this.takeConfig(registry, { kind, namespace: object.meta.namespace, name: object.meta.name });
        }
      }
    }
    this.publish(registry);
  }

  private publish(registry: Registry): void {
    const { mesh, rootNamespace } = registry.mesh;
    const special = new Set([...this.special.values(), rootNamespace]);
    const closed =
      this.restricted.size > 0 ||
      [mesh.defaultServiceExportTo, mesh.defaultVirtualServiceExportTo, mesh.defaultDestinationRuleExportTo].some(
        isRestricted,
      ) ||
      [...this.special].some(([id, namespace]) => namespace === rootNamespace && id.startsWith("Sidecar/"));
    const named = new Set([...this.named.values()].flat());
    const limited = new Set([...this.special].filter(([id]) => id.startsWith("Sidecar/")).map(([, own]) => own));
    const fingerprint = [closed ? ["closed"] : special, named, limited].map((set) => [...set].sort().join()).join("|");
    if (fingerprint === this.fingerprint) return;
    this.fingerprint = fingerprint;
    this.known = {
      isPlain: (namespace) => !closed && !special.has(namespace),
      isUnnamed: (namespace) => !named.has(namespace),
      isLimited: (namespace) => limited.has(namespace) || limited.has(rootNamespace),
    };
  }

  private takeService(registry: Registry, rules: RuleIndex, key: ServiceKey): void {
    const services = registry.services.services(key);
    this.mark(
      `service/${serviceKeyString(key)}`,
      services.some((s) => isRestricted(s.exportTo)),
    );
    // The host of a rule is or isn't only its own namespace's by now.
    for (const rule of rules.about(key.hostname)) this.takeRule(registry, rule);
  }

  private takeConfig(registry: Registry, key: ObjectKey): void {
    const id = keyString(key);
    switch (key.kind) {
      case "Sidecar": {
        const sidecar = registry.objects.get("Sidecar", key.namespace, key.name);
        if (sidecar) this.special.set(id, key.namespace);
        else this.special.delete(id);
        break;
      }
      case "TrafficExtension": {
        const extension = registry.objects.get<ConfigObject<Extensions_TrafficExtension> & MeshObject>(
          "TrafficExtension",
          key.namespace,
          key.name,
        );
        if (extension?.spec.wasm?.type === "NETWORK") this.special.set(id, key.namespace);
        else this.special.delete(id);
        break;
      }
      case "DestinationRule": {
        const rule = registry.objects.get<RuleObject>("DestinationRule", key.namespace, key.name);
        if (rule) this.takeRule(registry, rule);
        else {
          this.special.delete(id);
          this.restricted.delete(id);
        }
        break;
      }
      case "VirtualService": {
        const vs = registry.objects.get<ConfigObject<Networking_VirtualService> & MeshObject>(
          "VirtualService",
          key.namespace,
          key.name,
        );
        this.mark(id, vs !== undefined && (isRestricted(vs.spec.exportTo) || asksForNamespaces(vs.spec)));
        const named = vs ? namedNamespaces(vs.spec) : [];
        if (named.length > 0) this.named.set(id, named);
        else this.named.delete(id);
        break;
      }
      default:
    }
  }

  private takeRule(registry: Registry, rule: RuleObject): void {
    const { namespace, name } = rule.meta;
    const id = keyString({ kind: "DestinationRule", namespace, name });
    const host = ruleHost(rule, registry.mesh.domainSuffix);

    const forSome = Object.keys(rule.spec.workloadSelector?.matchLabels ?? {}).length > 0;
    this.mark(id, !forSome && isRestricted(rule.spec.exportTo));
    // Everybody sees a rule beside its service; other rules are seen first, or only, in their own namespace.
    const owners = registry.services.namespacesOf(host);
    if (owners.length === 1 && owners[0] === namespace && !forSome) this.special.delete(id);
    else this.special.set(id, namespace);
  }

  private mark(id: string, restricted: boolean): void {
    if (restricted) this.restricted.add(id);
    else this.restricted.delete(id);
  }
}

/** True when TCP or TLS routes are only for clients of some namespaces. */
function asksForNamespaces(spec: Networking_VirtualService): boolean {
  return [...(spec.tcp ?? []), ...(spec.tls ?? [])].some((route) => route.match?.some((m) => m.sourceNamespace));
}

/** Namespaces for whose clients some HTTP routes are. */
function namedNamespaces(spec: Networking_VirtualService): string[] {
  return (spec.http ?? []).flatMap(({ match = [] }) =>
    match.flatMap(({ sourceNamespace }) => (sourceNamespace ? [sourceNamespace] : [])),
  );
}

/** True for a list that leaves out some namespaces. An empty one means the mesh's default. */
function isRestricted(exportTo: readonly string[] | undefined): boolean {
  return exportTo !== undefined && exportTo.length > 0 && !exportTo.includes("*");
}
