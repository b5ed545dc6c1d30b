// Builds immutable snapshots out of the registry: only segments that a change names are written again. Main thread.
import { pushVersion } from "../../shared/ids.ts";
import { ISTIO_KINDS, type IstioKind } from "../../shared/model/config.ts";
import type { RegistryChange, ServiceKey } from "../../shared/model/push-request.ts";
import type { SegmentHandle, SnapshotHandle } from "../../shared/snapshot/handle.ts";
import { configSegment, endpointsSegment, MESH_SEGMENT, servicesSegment } from "../../shared/snapshot/names.ts";
import { SegmentTable } from "../../shared/snapshot/segment-table.ts";
import { sameSegment, writeEndpoints, writeRecords } from "../../shared/snapshot/writer.ts";
import type { Registry } from "../registry/registry.ts";
import type { PublishedSnapshot } from "./contracts.ts";

/** Kinds whose objects generators read. ServiceEntries and workloads reach them as services and endpoints. */
const SEGMENT_KINDS: readonly IstioKind[] = ISTIO_KINDS.filter(
  (kind) => kind !== "ServiceEntry" && kind !== "WorkloadEntry" && kind !== "WorkloadGroup",
);

/** The whole mesh at one push version. */
export interface MeshSnapshot extends PublishedSnapshot {
  readonly segments: SegmentTable;
  /** What differs from the version before: the handle that workers follow. */
  readonly step: SnapshotHandle;
}

/** A handle that needs no earlier version. */
export function completeHandle(snapshot: MeshSnapshot): SnapshotHandle {
  return { version: snapshot.version, baseVersion: 0, changed: [...snapshot.segments], removed: [] };
}

/** Holds the newest snapshot and writes the next one. */
export class SnapshotBuilder {
  private latest: MeshSnapshot | undefined;
  private readonly registry: Registry;

  constructor(registry: Registry) {
    this.registry = registry;
  }

  /** The newest snapshot; the first call of `build` must come before. */
  current(): MeshSnapshot {
    if (!this.latest) throw new Error("no snapshot has been built");
    return this.latest;
  }

  /** Writes the next snapshot. Without a change, or after a change of mesh settings, every segment is looked at. */
  build(change?: RegistryChange): MeshSnapshot {
    const previous = this.latest;
    const version = pushVersion((previous?.version ?? 0) + 1);
    const before = previous?.segments ?? SegmentTable.EMPTY;
    const changed: SegmentHandle[] = [];
    const removed: string[] = [];
    const put = (name: string, buffer: SharedArrayBuffer | undefined): void => {
      const old = before.get(name);
      if (!buffer) {
        if (old) removed.push(name);
      } else if (!old || !sameSegment(old.buffer, buffer)) {
        changed.push({ name, version, buffer });
      }
    };
    for (const [name, write] of this.writers(change, before)) put(name, write());
    this.latest = {
      version,
      segments: before.with(changed, removed),
      step: { version, baseVersion: previous?.version ?? 0, changed, removed },
    };
    return this.latest;
  }

  /** The segments that a change may touch, with what writes them (undefined when they are empty now). */
  private writers(
    change: RegistryChange | undefined,
    existing: SegmentTable,
  ): Map<string, () => SharedArrayBuffer | undefined> {
    const out = new Map<string, () => SharedArrayBuffer | undefined>();
    const { objects, services } = this.registry;
    const config = (kind: IstioKind, ns: string): void => {
      out.set(configSegment(kind, ns), () => nonEmpty(objects.sortedConfigs(kind, ns)));
    };
    const service = (ns: string): void => {
      out.set(servicesSegment(ns), () => nonEmpty(services.inNamespace(ns)));
    };
    const endpoints = (key: ServiceKey): void => {
      out.set(endpointsSegment(key), () => {
        const list = services.endpointsOf(key);
        return list.length > 0 ? writeEndpoints(list) : undefined;
      });
    };
    if (!change || change.mesh) {
      out.set(MESH_SEGMENT, () => writeRecords([this.registry.mesh]));
      for (const { name } of existing) if (name !== MESH_SEGMENT) out.set(name, () => undefined);
      for (const kind of SEGMENT_KINDS) for (const ns of objects.namespacesOf(kind)) config(kind, ns);
      for (const ns of services.namespaces()) service(ns);
      for (const key of services.endpointKeys()) endpoints(key);
      return out;
    }
    for (const key of change.configs.values()) {
      const kind = key.kind as IstioKind;
      if (SEGMENT_KINDS.includes(kind)) config(kind, key.namespace);
    }
    for (const key of change.services.values()) service(key.namespace);
    for (const key of change.endpoints.values()) endpoints(key);
    return out;
  }
}

function nonEmpty(records: readonly unknown[]): SharedArrayBuffer | undefined {
  return records.length > 0 ? writeRecords(records) : undefined;
}
