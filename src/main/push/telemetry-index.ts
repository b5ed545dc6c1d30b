// Where Telemetry tells the TCP listeners of some workloads from those of others. Main thread.
import type { Telemetry_Telemetry } from "../../shared/gen/istio.js";
import type { ConfigObject } from "../../shared/model/config.ts";
import type { MeshObject } from "../../shared/model/delta.ts";
import type { RegistryChange } from "../../shared/model/push-request.ts";
import { selectorsOf } from "../registry/config-audience.ts";
import type { Registry } from "../registry/registry.ts";

/** Immutable; another object when something of it is something else. */
export interface TelemetryReach {
  /** The labels by which Telemetries choose workloads of a namespace; undefined where the namespace has none. */
  labelsIn(namespace: string): ReadonlySet<string> | undefined;
}

const NOWHERE: TelemetryReach = { labelsIn: () => undefined };

/** Keeps what is known of each namespace, so that a change costs work for its own namespaces only. */
export class TelemetryIndex {
  private readonly byNamespace = new Map<string, ReadonlySet<string>>();
  private known: TelemetryReach = NOWHERE;

  current(): TelemetryReach {
    return this.known;
  }

  /** Looks at what changed, or at everything. */
  update(registry: Registry, change: RegistryChange | undefined): void {
    const namespaces = new Set<string>();
    if (change) {
      for (const { kind, namespace } of change.configs.values()) if (kind === "Telemetry") namespaces.add(namespace);
    } else {
      for (const namespace of this.byNamespace.keys()) namespaces.add(namespace);
      for (const { meta } of registry.objects.all<ConfigObject & MeshObject>("Telemetry"))
        namespaces.add(meta.namespace);
    }
    let changed = false;
    for (const namespace of namespaces) changed = this.look(registry, namespace) || changed;
    if (!changed) return;
    const now = new Map(this.byNamespace);
    this.known = now.size === 0 ? NOWHERE : { labelsIn: (namespace) => now.get(namespace) };
  }

  /** True when the namespace is something else than before. */
  private look(registry: Registry, namespace: string): boolean {
    const objects = [...registry.objects.inNamespace("Telemetry", namespace)] as ConfigObject<Telemetry_Telemetry>[];
    // Tracing is about requests: what has HTTP isn't shared by workloads.
    const counting = objects.filter(({ spec }) => spec.metrics?.length || spec.accessLogging?.length);
    const before = this.byNamespace.get(namespace);
    if (counting.length === 0) return this.byNamespace.delete(namespace);
    const labels = new Set(counting.flatMap((object) => (selectorsOf([object]) ?? []).flatMap(Object.keys)));
    if (before && before.size === labels.size && [...labels].every((label) => before.has(label))) return false;
    this.byNamespace.set(namespace, labels);
    return true;
  }
}
