// Plans: which views and types a change touches, and since which push version a result holds. Main thread.
import { isDeepStrictEqual } from "node:util";
import { LRUCache } from "lru-cache";
import type { Networking_Gateway } from "../../shared/gen/istio.js";
import type { ConfigObject, IstioKind } from "../../shared/model/config.ts";
import type { MeshObject } from "../../shared/model/delta.ts";
import type { ProxyIdentity, ProxyViewRef } from "../../shared/model/proxy.ts";
import {
  type ChangedConfig,
  type ConfigReach,
  isEndpointsOnly,
  type PushRequest,
  type RegistryChange,
  type ServiceKey,
} from "../../shared/model/push-request.ts";
import type { ProxyView } from "../../shared/model/view.ts";
import { sniName, subsetKey } from "../../shared/names/cluster-name.ts";
import { MESH_GATEWAY } from "../../shared/names/gateway.ts";
import type { CountSlices } from "../../shared/names/host-slice.ts";
import { type Labels, labelsMatch } from "../../shared/names/labels.ts";
import type { XdsType } from "../../shared/xds-types.ts";
import type { Registry } from "../registry/registry.ts";
import type { AffectedNames, Planner, ViewPlan } from "./contracts.ts";
import { ALL_TYPES, SERVICE_TYPES, typesOfKind } from "./dependencies.ts";
import { areDropped, type FacetGroup, type FacetState, FacetStore } from "./facet-store.ts";
import { partsTouched } from "./parts.ts";
import { PassingGateways } from "./passing-gateways.ts";
import { buildView, type Hash, type PlannedView } from "./proxy-view.ts";
import type { AffectedVersions, ViewFacet } from "./questions.ts";
import { RelevanceIndex } from "./relevance.ts";
import { IngressNamespaces } from "./sidecar-ingress.ts";
import { facetsOf, type Relevance, routeSlicesOf } from "./view-facets.ts";

const EVERYTHING: ViewPlan = new Map(ALL_TYPES.map((type) => [type, "all" as const]));

/** Views remembered after their last proxy is gone, so that a reconnect finds its cache entries. */
const MAX_VIEWS = 20_000;

/** What decides whether a change can touch a proxy at all. `labels`: null for proxies whose labels differ. */
interface Scope extends Pick<ProxyView, "type" | "namespace"> {
  readonly labels: Labels | null;
}

/** A proxy's view, which holds as long as nothing moves at its addresses after `generation`. */
interface KnownView {
  readonly view: PlannedView;
  generation: number;
}

/** Workload addresses that are remembered with what moved there. */
const MAX_ADDRESSES = 20_000;

/** The facets of one view, as long as the same of it counts. */
interface ViewFacets {
  readonly relevance: Relevance;
  readonly byType: Map<XdsType, readonly FacetState[]>;
  /** Of route configurations; null for those that aren't cut. */
  readonly slices: Map<string, readonly FacetState[] | null>;
}

/** Owns the views and what is known of their freshness. `advance` is called once for each new snapshot. */
export class MeshPlanner implements Planner, AffectedVersions {
  private readonly registry: Registry;
  private readonly hash: Hash;
  private readonly views = new LRUCache<string, PlannedView>({ max: MAX_VIEWS });
  private readonly facets = new FacetStore();
  private readonly viewFacets = new WeakMap<ProxyViewRef, ViewFacets>();
  private readonly relevance: RelevanceIndex;
  private readonly ingress = new IngressNamespaces();
  private readonly passing = new PassingGateways();
  /** The view of each connected proxy, until its workload or the mesh changes. */
  private proxies = new WeakMap<ProxyIdentity, KnownView>();
  private generation = 0;
  /** Cluster names of services whose endpoints changed, with the version. */
  private endpointVersions = new Map<string, number>();
  private version = 0;
  /** Names in nodes' metadata that views have. */
  private asked: ReadonlySet<string> = new Set();
  private lastRequest: PushRequest | undefined;
  private plans = new Map<string, ViewPlan>();
  /** Those of views that somebody has asked for. */
  private viewPlans = new WeakMap<ProxyViewRef, ViewPlan>();
  /** The objects of that change that are not for everybody. */
  private chosen: readonly ChangedConfig[] = [];
  private edsNames: ReadonlySet<string> = new Set();
  private readonly addressGeneration = new Map<string, number>();

  /** `slices`: as RelevanceIndex takes it. */
  constructor(registry: Registry, hash: Hash, slices?: CountSlices) {
    this.registry = registry;
    this.hash = hash;
    this.relevance = new RelevanceIndex(slices);
  }

  /** Takes note of a new snapshot, before anybody asks for plans or views of it. */
  advance(version: number, change: RegistryChange | undefined): void {
    this.version = version;
    this.plans = new Map();
    this.lastRequest = undefined;
    const step = change?.mesh ? undefined : change;
    this.relevance.update(this.registry, step);
    this.passing.update(this.registry, step);
    const ingressMoved = this.ingress.update(this.registry, step);
    const { asked } = this.relevance.current().patches;
    const otherNodes = asked !== this.asked && !isDeepStrictEqual(asked, this.asked);
    this.asked = asked;
    if (!step) {
      this.forgetViews();
      this.addressGeneration.clear();
      for (const { slices } of this.facets.all()) for (const facet of slices.values()) facet.affected = version;
      this.endpointVersions.clear();
      return;
    }
    if (ingressMoved || otherNodes) this.forgetViews();
    this.noteMoved(step.workloadAddresses);
    this.edsNames = this.clusterNames(step.endpoints.values());
    for (const name of this.edsNames) this.endpointVersions.set(name, version);
    if (isEndpointsOnly(step)) return;
    const { filters, others } = split(step);
    if (filters.size > 0) this.markPatched({ ...step, configs: filters, services: new Map() });
    const rest = { ...step, configs: others };
    if (isEndpointsOnly(rest)) return;
    this.begin(rest);
    const touched = partsTouched(rest);
    for (const group of this.facets.all()) {
      if (this.planFor(scopeOf(group), rest).get(group.type) !== "all") continue;
      for (const facet of group.slices.values()) if (touched(facet)) facet.affected = version;
    }
  }

  /** Marks what filters patch: shared facets say which patches they have, others are as their views. */
  private markPatched(change: RegistryChange): void {
    const prefixes = [...change.configs.values()].map(({ namespace, name }) => `${namespace}/${name}/`);
    const ownParts = new Set([...change.configs.values()].flatMap((config) => [...(config.ownParts ?? ALL_TYPES)]));
    this.begin(change);
    for (const group of this.facets.all()) {
      const { patches } = group.proxy;
      const has = patches
        ? patches.some((id) => prefixes.some((prefix) => id.startsWith(prefix)))
        : this.planFor(scopeOf(group), change).get(group.type) === "all";
      if (!has) continue;
      for (const facet of group.slices.values()) {
        if (facet.part !== "own" || ownParts.has(facet.type)) facet.affected = this.version;
      }
    }
  }

  viewOf(proxy: ProxyIdentity): ProxyViewRef {
    const known = this.proxies.get(proxy);
    if (known && !this.moved(proxy, known)) return known.view;
    const built = buildView(proxy, this.registry, this.hash, this.asked);
    let view = this.views.get(built.id);
    if (!view) {
      view = built;
      this.views.set(built.id, view);
    }
    this.proxies.set(proxy, { view, generation: this.generation });
    return view;
  }

  facetsOf(ref: ProxyViewRef, type: XdsType): readonly ViewFacet[] {
    return this.typeFacets(ref, type) ?? [{ ref, affected: this.version }];
  }

  slicesOf(ref: ProxyViewRef, type: XdsType, name: string): readonly ViewFacet[] | undefined {
    if (type !== "RDS") return undefined;
    const { relevance, slices } = this.knownFacets(ref);
    let known = slices.get(name);
    if (known === undefined || (known && areDropped(known))) {
      const view = this.views.get(ref.id);
      const made = view && routeSlicesOf(view, name, relevance, this.hash);
      known = made?.map((one) => this.facets.state(type, one, this.version)) ?? null;
      slices.set(name, known);
    }
    return known ?? undefined;
  }

  plan(view: ProxyViewRef, request: PushRequest): ViewPlan {
    if (this.lastRequest !== request) {
      this.lastRequest = request;
      this.begin(request.change);
    }
    let plan = this.viewPlans.get(view);
    if (!plan) {
      const known = this.views.get(view.id);
      plan = known ? this.planFor(known.view, request.change) : EVERYTHING;
      this.viewPlans.set(view, plan);
    }
    return plan;
  }

  affectedVersion(view: ProxyViewRef, type: XdsType, name: string): number {
    const whole = this.facetsOf(view, type)[0]!.affected;
    return type === "EDS" ? Math.max(whole, this.endpointVersions.get(name) ?? 0) : whole;
  }

  /** Every proxy's view is made anew when it is asked for. */
  private forgetViews(): void {
    this.proxies = new WeakMap();
  }

  /** Plans from here on are about this change. */
  private begin(change: RegistryChange): void {
    this.plans = new Map();
    this.viewPlans = new WeakMap();
    this.chosen = [...change.configs.values()].filter((c) => c.selectors || c.gateways || c.nodes);
  }

  private noteMoved(addresses: ReadonlySet<string>): void {
    if (addresses.size === 0) return;
    this.generation++;
    for (const address of addresses) this.addressGeneration.set(address, this.generation);
    if (this.addressGeneration.size <= MAX_ADDRESSES) return;
    // Forgotten, so that every view is looked at once more.
    this.addressGeneration.clear();
    this.forgetViews();
  }

  /** True when something changed at one of the proxy's addresses since its view was made. */
  private moved(proxy: ProxyIdentity, known: KnownView): boolean {
    if (known.generation === this.generation) return false;
    const moved = proxy.ipAddresses.some((a) => (this.addressGeneration.get(a) ?? 0) > known.generation);
    if (!moved) known.generation = this.generation;
    return moved;
  }

  /** The facets of a view for a type, or undefined for a view that isn't known any more. */
  private typeFacets(ref: ProxyViewRef, type: XdsType): readonly FacetState[] | undefined {
    const known = this.knownFacets(ref);
    let out = known.byType.get(type);
    if (out && !areDropped(out)) return out;
    const view = this.views.get(ref.id);
    if (!view) return undefined;
    out = facetsOf(view, type, known.relevance, this.hash).map((made) => this.facets.state(type, made, this.version));
    known.byType.set(type, out);
    return out;
  }

  private knownFacets(ref: ProxyViewRef): ViewFacets {
    const relevance = this.relevance.current();
    let known = this.viewFacets.get(ref);
    if (known?.relevance !== relevance) {
      known = { relevance, byType: new Map(), slices: new Map() };
      this.viewFacets.set(ref, known);
    }
    return known;
  }

  /** The plan for proxies of a type and namespace that the same objects choose; worked out once for each change. */
  private planFor(view: Scope, change: RegistryChange): ViewPlan {
    let key = `${view.type}|${view.namespace}`;
    for (const config of this.chosen) key += this.isFor(config, view) ? "+" : "-";
    let plan = this.plans.get(key);
    if (!plan) {
      plan = this.newPlan(view, change);
      this.plans.set(key, plan);
    }
    return plan;
  }

  private newPlan(view: Scope, change: RegistryChange): ViewPlan {
    const plan = new Map<XdsType, AffectedNames>();
    const all = (types: readonly XdsType[]): void => {
      for (const type of types) plan.set(type, "all");
    };
    if (change.mesh) {
      all(ALL_TYPES);
      return plan;
    }
    const { rootNamespace } = this.registry.mesh;
    const limited =
      view.type === "sidecar" && [view.namespace, rootNamespace].some((namespace) => this.hasSidecars(namespace));
    const proxy = { type: view.type, namespace: view.namespace, rootNamespace, limited };
    for (const config of change.configs.values()) {
      if (!this.isFor(config, view)) continue;
      const { kind, namespace, types } = config;
      const ofKind = typesOfKind(kind as IstioKind, namespace, proxy);
      all(types ? ofKind.filter((type) => types.has(type)) : ofKind);
    }
    if (change.services.size > 0) all(SERVICE_TYPES);
    if (change.endpoints.size > 0 && plan.get("EDS") !== "all") plan.set("EDS", this.edsNames);
    return plan;
  }

  /** Whether an object chooses a proxy, and is bound to something that it serves. */
  private isFor({ selectors, gateways, nodes }: ConfigReach, { type, labels }: Scope): boolean {
    if (nodes && !nodes.has(type)) return false;
    if (selectors && labels && !selectors.some((selector) => labelsMatch(selector, labels))) return false;
    if (!gateways || type === "waypoint") return true;
    if (type === "sidecar") return gateways.has(MESH_GATEWAY);
    if (labels === null) return true;
    return [...gateways].some((gateway) => {
      const [namespace = "", name = ""] = gateway.split("/");
      const object = this.registry.objects.get<ConfigObject<Networking_Gateway> & MeshObject>(
        "Gateway",
        namespace,
        name,
      );
      return object !== undefined && labelsMatch(object.spec.selector ?? {}, labels);
    });
  }

  private hasSidecars(namespace: string): boolean {
    for (const _sidecar of this.registry.objects.inNamespace("Sidecar", namespace)) return true;
    return false;
  }

  /** Every cluster that may hold endpoints of the services: each port, with each subset that a rule defines. */
  private clusterNames(keys: Iterable<ServiceKey>): ReadonlySet<string> {
    const names = new Set<string>();
    for (const key of keys) {
      const subsets = this.relevance.rules.subsetsOf(key.hostname);
      for (const service of this.registry.services.services(key)) {
        for (const port of service.ports) {
          for (const subset of subsets) {
            names.add(subsetKey("outbound", subset, key.hostname, port.port));
            if (this.passing.any()) names.add(sniName("outbound", subset, key.hostname, port.port));
          }
        }
      }
    }
    return names;
  }
}

/** What changed, EnvoyFilters apart. */
function split(change: RegistryChange): Readonly<Record<"filters" | "others", Map<string, ChangedConfig>>> {
  const filters = new Map<string, ChangedConfig>();
  const others = new Map<string, ChangedConfig>();
  for (const [id, config] of change.configs) (config.kind === "EnvoyFilter" ? filters : others).set(id, config);
  return { filters, others };
}

/** A facet that stands for several views has none of the labels that nobody asks for. */
function scopeOf({ proxy, shared }: FacetGroup): Scope {
  return { type: proxy.type, namespace: proxy.namespace, labels: shared ? null : proxy.labels };
}
