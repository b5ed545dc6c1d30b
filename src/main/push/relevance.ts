// What of proxies any configuration asks for: everything else makes no difference to what they share. Main thread.
import { addCount } from "../../shared/counts.ts";
import type {
  Extensions_TrafficExtension,
  Networking_DestinationRule,
  Networking_LocalityLoadBalancerSetting,
  Networking_Sidecar,
  Networking_VirtualService,
} from "../../shared/gen/istio.js";
import type { ConfigObject } from "../../shared/model/config.ts";
import { keyString, type ObjectKey } from "../../shared/model/config.ts";
import type { MeshObject } from "../../shared/model/delta.ts";
import type { MeshSettings } from "../../shared/model/mesh.ts";
import {
  isEndpointsOnly,
  type RegistryChange,
  type ServiceKey,
  serviceKeyString,
} from "../../shared/model/push-request.ts";
import { type RulePolicy, rulePolicies } from "../../shared/model/rule-policies.ts";
import { CLUSTER_HOSTS, type CountSlices, sliceCount } from "../../shared/names/host-slice.ts";
import type { Registry } from "../registry/registry.ts";
import { GatewayHostIndex } from "./gateway-hosts.ts";
import { NamespaceClassIndex } from "./namespace-classes.ts";
import { PatchIndex } from "./patch-selection.ts";
import { PortIndex } from "./port-index.ts";
import { RuleIndex } from "./rule-index.ts";
import { SliceIndex } from "./slice-counts.ts";
import { TelemetryIndex } from "./telemetry-index.ts";
import type { Relevance } from "./view-facets.ts";

/** Kinds whose selectors decide about routes, endpoints or what a sidecar may see. */
const KINDS = ["DestinationRule", "VirtualService", "Sidecar", "TrafficExtension"] as const;

/** Counts what is asked for, object by object, so that a change costs work for its own objects only. */
export class RelevanceIndex {
  readonly rules = new RuleIndex();
  private readonly byObject = new Map<string, readonly string[]>();
  private readonly counts = new Map<string, number>();
  /** Services whose clusters hold endpoints that have a locality. */
  private readonly located = new Set<string>();
  /** Rules that send clients of a locality to some localities only, and so not to hosts without one. */
  private readonly distributing = new Set<string>();
  private readonly namespaces = new NamespaceClassIndex();
  private readonly telemetry = new TelemetryIndex();
  private readonly patches = new PatchIndex();
  private readonly slices: SliceIndex;
  private readonly ports: PortIndex;
  private readonly gateways: GatewayHostIndex;
  private known: Relevance;

  /** `slices`: into how many pieces the clusters, listeners or routes of so many services are cut. */
  constructor(slices: CountSlices = sliceCount) {
    const routeSlices = (hosts: number): number => slices(hosts, CLUSTER_HOSTS);
    this.slices = new SliceIndex(slices);
    this.ports = new PortIndex(routeSlices);
    this.gateways = new GatewayHostIndex(routeSlices);
    this.known = {
      labels: new Set(),
      clusterLocality: false,
      namespaces: this.namespaces.current(),
      telemetry: this.telemetry.current(),
      patches: this.patches.current(),
      slices: this.slices.current(),
      routeSlices: this.ports.current(),
      gatewaySlices: this.gateways.current(),
    };
  }

  /** What counts now; another object when it is something else. */
  current(): Relevance {
    return this.known;
  }

  /** Looks at what changed, or at everything. */
  update(registry: Registry, change: RegistryChange | undefined): void {
    this.rules.update(registry, change);
    this.patches.update(registry, change);
    this.ports.update(registry, change);
    this.gateways.update(registry, change);
    if (!change) {
      this.byObject.clear();
      this.counts.clear();
      this.distributing.clear();
      for (const kind of KINDS) {
        for (const object of registry.objects.all<ConfigObject & MeshObject>(kind)) this.take(keyOf(object), object);
      }
      this.located.clear();
      for (const service of registry.services.all()) this.locate(registry, service);
    } else {
      for (const key of change.services.values()) this.locate(registry, key);
      for (const key of change.endpoints.values()) this.locate(registry, key);
      for (const key of change.configs.values()) {
        if (!(KINDS as readonly string[]).includes(key.kind)) continue;
        const kind = key.kind as (typeof KINDS)[number];
        this.take(key, registry.objects.get<ConfigObject & MeshObject>(kind, key.namespace, key.name));
      }
    }
    const before = this.known;
    const endpointsOnly = change !== undefined && isEndpointsOnly(change);
    const labels = endpointsOnly ? before.labels : new Set([...this.counts.keys(), ...meshLabels(registry.mesh)]);
    const distributes = this.distributing.size > 0 || distributed(registry.mesh.mesh.localityLbSetting);
    const clusterLocality = this.located.size > 0 || distributes;
    if (!endpointsOnly) {
      this.namespaces.update(registry, this.rules, change);
      this.telemetry.update(registry, change);
      this.slices.update(registry, change);
    }
    const namespaces = this.namespaces.current();
    const telemetry = this.telemetry.current();
    const patches = this.patches.current();
    const slices = this.slices.current();
    const routeSlices = this.ports.current();
    const gatewaySlices = this.gateways.current();
    const same =
      slices === before.slices &&
      routeSlices === before.routeSlices &&
      gatewaySlices === before.gatewaySlices &&
      clusterLocality === before.clusterLocality &&
      namespaces === before.namespaces &&
      telemetry === before.telemetry &&
      patches === before.patches &&
      (labels === before.labels ||
        (labels.size === before.labels.size && [...labels].every((label) => before.labels.has(label))));
    if (same) return;
    this.known = { labels, clusterLocality, namespaces, telemetry, patches, slices, routeSlices, gatewaySlices };
  }

  /** Notes whether a service's clusters differ by where their client is. */
  private locate(registry: Registry, key: ServiceKey): void {
    const holds = registry.services
      .services(key)
      .some((s) => s.resolution === "dns" || s.resolution === "dnsRoundRobin");
    const has = holds && registry.services.endpointsOf(key).some((ep) => ep.locality !== "");
    if (has) this.located.add(serviceKeyString(key));
    else this.located.delete(serviceKeyString(key));
  }

  private take(key: ObjectKey, object: ConfigObject | undefined): void {
    const id = keyString(key);
    for (const label of this.byObject.get(id) ?? []) addCount(this.counts, label, -1);
    const labels = object ? labelsOf(object) : [];
    if (labels.length === 0) this.byObject.delete(id);
    else this.byObject.set(id, labels);
    for (const label of labels) addCount(this.counts, label, 1);
    const distributes =
      object?.kind === "DestinationRule" &&
      rulePolicies(object.spec as Networking_DestinationRule).some((p) =>
        distributed(p.loadBalancer?.localityLbSetting),
      );
    if (distributes) this.distributing.add(id);
    else this.distributing.delete(id);
  }
}

function keyOf(object: MeshObject): ObjectKey {
  return { kind: object.kind, namespace: object.meta.namespace, name: object.meta.name };
}

function meshLabels({ mesh }: MeshSettings): string[] {
  return [...priorityLabels(mesh.localityLbSetting), ...priorityLabels(mesh.zoneAwareLbSetting)];
}

/** Labels by which fail-over ranks endpoints, which may be given with a value. */
function priorityLabels(
  setting: Pick<Networking_LocalityLoadBalancerSetting, "failoverPriority"> | undefined,
): string[] {
  return (setting?.failoverPriority ?? []).map((text) => text.split("=")[0] ?? "");
}

function labelsOf(object: ConfigObject): string[] {
  const out = new Set<string>();
  const add = (labels: Readonly<Record<string, string>> | undefined): void => {
    for (const label of Object.keys(labels ?? {})) out.add(label);
  };
  switch (object.kind) {
    case "Sidecar":
      add((object.spec as Networking_Sidecar).workloadSelector?.labels);
      break;
    case "TrafficExtension": {
      const { wasm, selector } = object.spec as Extensions_TrafficExtension;
      // Others are in what is a workload's own.
      if (wasm?.type === "NETWORK") add(selector?.matchLabels);
      break;
    }
    case "DestinationRule": {
      const spec = object.spec as Networking_DestinationRule;
      add(spec.workloadSelector?.matchLabels);
      for (const label of rulePolicies(spec).flatMap(policyLabels)) out.add(label);
      break;
    }
    case "VirtualService": {
      const spec = object.spec as Networking_VirtualService;
      for (const route of [...(spec.http ?? []), ...(spec.tcp ?? []), ...(spec.tls ?? [])]) {
        for (const match of route.match ?? []) add(match.sourceLabels);
      }
      break;
    }
    default:
  }
  return [...out];
}

function distributed(setting: Pick<Networking_LocalityLoadBalancerSetting, "distribute"> | undefined): boolean {
  return (setting?.distribute?.length ?? 0) > 0;
}

function policyLabels({ loadBalancer }: RulePolicy): string[] {
  return [...priorityLabels(loadBalancer?.localityLbSetting), ...priorityLabels(loadBalancer?.zoneAwareLbSetting)];
}
