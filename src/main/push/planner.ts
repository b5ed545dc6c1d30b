// Plans: which views and types a change touches, and since which push version a result holds. Main thread.
import { LRUCache } from "lru-cache";
import type { Networking_DestinationRule } from "../../shared/gen/istio.js";
import type { ConfigObject, IstioKind } from "../../shared/model/config.ts";
import type { MeshObject } from "../../shared/model/delta.ts";
import type { ProxyIdentity, ProxyViewRef } from "../../shared/model/proxy.ts";
import type { PushRequest, RegistryChange, ServiceKey } from "../../shared/model/push-request.ts";
import { subsetKey } from "../../shared/names/cluster-name.ts";
import { hostsMatch, resolveShortName } from "../../shared/names/hostname.ts";
import type { XdsType } from "../../shared/xds-types.ts";
import type { Registry } from "../registry/registry.ts";
import type { AffectedNames, Planner, ViewPlan } from "./contracts.ts";
import { ALL_TYPES, SERVICE_TYPES, typesOfKind } from "./dependencies.ts";
import { buildView, type Hash, type PlannedView } from "./proxy-view.ts";
import type { AffectedVersions } from "./resource-provider.ts";

/** Views remembered after their last proxy is gone, so that a reconnect finds its cache entries. */
const MAX_VIEWS = 20_000;

interface ViewState {
  readonly view: PlannedView;
  /** Push version that last affected a whole type. */
  readonly affected: Map<XdsType, number>;
}

/** Owns the views and what is known of their freshness. `advance` is called once for each new snapshot. */
export class MeshPlanner implements Planner, AffectedVersions {
  private readonly registry: Registry;
  private readonly hash: Hash;
  private readonly views = new LRUCache<string, ViewState>({ max: MAX_VIEWS });
  /** The view of each connected proxy, until its workload or the mesh changes. */
  private proxies = new WeakMap<ProxyIdentity, PlannedView>();
  private known = new WeakMap<ProxyIdentity, number>();
  private generation = 0;
  /** Cluster names of services whose endpoints changed, with the version. */
  private endpointVersions = new Map<string, number>();
  private version = 0;
  private lastRequest: PushRequest | undefined;
  private plans = new Map<string, ViewPlan>();
  private edsNames: ReadonlySet<string> = new Set();
  private readonly addressGeneration = new Map<string, number>();

  constructor(registry: Registry, hash: Hash) {
    this.registry = registry;
    this.hash = hash;
  }

  /** Takes note of a new snapshot, before anybody asks for plans or views of it. */
  advance(version: number, change: RegistryChange | undefined): void {
    this.version = version;
    this.plans = new Map();
    this.lastRequest = undefined;
    if (!change || change.mesh) {
      this.proxies = new WeakMap();
      this.known = new WeakMap();
      this.addressGeneration.clear();
      for (const state of this.views.values()) for (const type of ALL_TYPES) state.affected.set(type, version);
      this.endpointVersions.clear();
      return;
    }
    if (change.workloadAddresses.size > 0) {
      this.generation++;
      for (const address of change.workloadAddresses) this.addressGeneration.set(address, this.generation);
    }
    this.edsNames = this.clusterNames(change.endpoints.values());
    for (const name of this.edsNames) this.endpointVersions.set(name, version);
    for (const state of this.views.values()) {
      for (const [type, names] of this.planFor(state.view, change)) {
        if (names === "all") state.affected.set(type, version);
      }
    }
  }

  viewOf(proxy: ProxyIdentity): ProxyViewRef {
    const cached = this.proxies.get(proxy);
    if (cached && !this.moved(proxy)) return cached;
    const built = buildView(proxy, this.registry, this.hash);
    this.known.set(proxy, this.generation);
    let state = this.views.get(built.id);
    if (!state) {
      state = { view: built, affected: new Map() };
      for (const type of ALL_TYPES) state.affected.set(type, this.version);
      this.views.set(built.id, state);
    }
    this.proxies.set(proxy, state.view);
    return state.view;
  }

  plan(view: ProxyViewRef, request: PushRequest): ViewPlan {
    if (this.lastRequest !== request) {
      this.lastRequest = request;
      this.plans = new Map();
    }
    let plan = this.plans.get(view.id);
    if (!plan) {
      const state = this.views.get(view.id);
      plan = state ? this.planFor(state.view, request.change) : new Map(ALL_TYPES.map((t) => [t, "all" as const]));
      this.plans.set(view.id, plan);
    }
    return plan;
  }

  affectedVersion(view: ProxyViewRef, type: XdsType, name: string | null): number {
    const whole = this.views.get(view.id)?.affected.get(type) ?? this.version;
    if (type !== "EDS" || name === null) return whole;
    return Math.max(whole, this.endpointVersions.get(name) ?? 0);
  }

  /** True when something changed at one of the proxy's addresses since its view was made. */
  private moved(proxy: ProxyIdentity): boolean {
    const since = this.known.get(proxy) ?? -1;
    if (since === this.generation) return false;
    const moved = proxy.ipAddresses.some((a) => (this.addressGeneration.get(a) ?? 0) > since);
    if (!moved) this.known.set(proxy, this.generation);
    return moved;
  }

  private planFor({ view }: PlannedView, change: RegistryChange): ViewPlan {
    const plan = new Map<XdsType, AffectedNames>();
    const all = (types: readonly XdsType[]): void => {
      for (const type of types) plan.set(type, "all");
    };
    if (change.mesh) {
      all(ALL_TYPES);
      return plan;
    }
    const proxy = { type: view.type, namespace: view.namespace, rootNamespace: this.registry.mesh.rootNamespace };
    for (const key of change.configs.values()) all(typesOfKind(key.kind as IstioKind, key.namespace, proxy));
    if (change.services.size > 0) all(SERVICE_TYPES);
    if (change.endpoints.size > 0 && plan.get("EDS") !== "all") plan.set("EDS", this.edsNames);
    return plan;
  }

  /** Every cluster that may hold endpoints of the services: each port, with each subset that a rule defines. */
  private clusterNames(keys: Iterable<ServiceKey>): ReadonlySet<string> {
    const names = new Set<string>();
    const rules: { host: string; subsets: string[] }[] = [];
    for (const rule of this.registry.objects.all<ConfigObject<Networking_DestinationRule> & MeshObject>(
      "DestinationRule",
    )) {
      const subsets = (rule.spec.subsets ?? []).map((s) => s.name ?? "");
      const host = resolveShortName(rule.spec.host ?? "", rule.meta.namespace, this.registry.mesh.domainSuffix);
      if (subsets.length > 0) rules.push({ host, subsets });
    }
    for (const key of keys) {
      const subsets = new Set([""]);
      for (const rule of rules) if (hostsMatch(rule.host, key.hostname)) for (const s of rule.subsets) subsets.add(s);
      for (const service of this.registry.services.services(key)) {
        for (const port of service.ports) {
          for (const subset of subsets) names.add(subsetKey("outbound", subset, key.hostname, port.port));
        }
      }
    }
    return names;
  }
}
