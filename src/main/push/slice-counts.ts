// Into how many slices what a namespace's proxies share is cut: by how many services they see. Main thread.
import type { Networking_Sidecar } from "../../shared/gen/istio.js";
import type { ConfigObject } from "../../shared/model/config.ts";
import type { MeshObject } from "../../shared/model/delta.ts";
import type { RegistryChange } from "../../shared/model/push-request.ts";
import { CLUSTER_HOSTS, type CountSlices, LISTENER_HOSTS } from "../../shared/names/host-slice.ts";
import { isWildcard } from "../../shared/names/hostname.ts";
import { isEmptyLabels } from "../../shared/names/labels.ts";
import type { Registry } from "../registry/registry.ts";

/** Numbers of slices, for proxies of a namespace. Immutable; another object when one of them is another number. */
export interface SliceCounts {
  clusters(namespace: string): number;
  listeners(namespace: string): number;
}

interface Counts {
  readonly clusters: number;
  readonly listeners: number;
}

type SidecarObject = ConfigObject<Networking_Sidecar> & MeshObject;

/** Keeps the numbers. They need not be exact: whatever the number, all slices together are the whole. */
export class SliceIndex {
  private readonly count: CountSlices;
  private known: SliceCounts = { clusters: () => 1, listeners: () => 1 };
  private fingerprint = "";

  constructor(count: CountSlices) {
    this.count = count;
  }

  current(): SliceCounts {
    return this.known;
  }

  /** Looks at all Sidecars again, which are few, where services or Sidecars changed. */
  update(registry: Registry, change: RegistryChange | undefined): void {
    if (change && change.services.size === 0 && ![...change.configs.values()].some((c) => c.kind === "Sidecar")) return;
    const whole = this.countsOf(registry.services.count);
    const limited = new Map<string, Counts>();
    for (const [namespace, sidecars] of sidecarsInForce(registry)) {
      const counts = this.countsOf(Math.max(...sidecars.map(({ spec }) => servicesSeen(registry, spec, namespace))));
      if (!same(counts, whole)) limited.set(namespace, counts);
    }
    const fingerprint = JSON.stringify([whole, [...limited]]);
    if (fingerprint === this.fingerprint) return;
    this.fingerprint = fingerprint;
    const of = (namespace: string): Counts => limited.get(namespace) ?? whole;
    this.known = { clusters: (ns) => of(ns).clusters, listeners: (ns) => of(ns).listeners };
  }

  private countsOf(services: number): Counts {
    return { clusters: this.count(services, CLUSTER_HOSTS), listeners: this.count(services, LISTENER_HOSTS) };
  }
}

function same(a: Counts, b: Counts): boolean {
  return a.clusters === b.clusters && a.listeners === b.listeners;
}

/** By namespace, the Sidecars that its proxies may have, where each has one. */
function* sidecarsInForce(registry: Registry): Iterable<[namespace: string, sidecars: readonly SidecarObject[]]> {
  const byNamespace = new Map<string, SidecarObject[]>();
  for (const sidecar of registry.objects.all<SidecarObject>("Sidecar")) {
    const list = byNamespace.get(sidecar.meta.namespace);
    if (list) list.push(sidecar);
    else byNamespace.set(sidecar.meta.namespace, [sidecar]);
  }
  if (byNamespace.size === 0) return;
  const everywhere = byNamespace.get(registry.mesh.rootNamespace)?.filter(isForAll) ?? [];
  for (const namespace of new Set([...registry.services.namespaces(), ...byNamespace.keys()])) {
    const own = byNamespace.get(namespace) ?? [];
    const all = own.some(isForAll) ? own : [...own, ...everywhere];
    if (all.some(isForAll)) yield [namespace, all];
  }
}

function isForAll({ spec }: SidecarObject): boolean {
  return isEmptyLabels(spec.workloadSelector?.labels);
}

/** How many services a Sidecar lets proxies of a namespace see, at most. */
function servicesSeen({ services }: Registry, { egress }: Networking_Sidecar, namespace: string): number {
  if (!egress?.length) return services.count;
  let seen = 0;
  for (const text of egress.flatMap(({ hosts }) => hosts ?? [])) {
    const slash = text.indexOf("/");
    const from = slash < 0 ? "*" : text.slice(0, slash);
    if (from.startsWith("~")) continue;
    if (!isWildcard(text.slice(slash + 1))) seen++;
    else if (from === "*") return services.count;
    else seen += services.countIn(from === "." ? namespace : from);
  }
  return Math.min(seen, services.count);
}
