// A worker's indices over one snapshot, carried over from the version before where nothing changed. Worker threads.
import { type ConfigObject, ISTIO_KINDS, type IstioKind } from "../../shared/model/config.ts";
import type { MeshSettings } from "../../shared/model/mesh.ts";
import type { ServiceKey } from "../../shared/model/push-request.ts";
import type { EndpointRecord, ServiceRecord } from "../../shared/model/service.ts";
import type { SegmentHandle } from "../../shared/snapshot/handle.ts";
import { endpointsSegment, MESH_SEGMENT, parseSegmentName } from "../../shared/snapshot/names.ts";
import { readEndpoints, readRecords, readRecordsAgain } from "../../shared/snapshot/reader.ts";
import type { SegmentTable } from "../../shared/snapshot/segment-table.ts";

/** What an index may depend on: mesh settings, all services, all endpoints, or all objects of a kind. */
export type Dependency = "mesh" | "services" | "endpoints" | IstioKind;

/** Derived values that a worker keeps; of more, those that were computed first are computed again when asked for. */
const MAX_MEMOS = 20_000;

interface Memo {
  /** The versions of its dependencies. */
  readonly stamp: string;
  readonly value: unknown;
  /** The last version that was seen to have the same stamp. */
  version: number;
  /** What it was before: while a push of the last version goes on, both are asked for in turns. */
  readonly before: { readonly stamp: string; readonly value: unknown } | undefined;
}

const NO_ENDPOINTS: readonly EndpointRecord[] = [];

/** Decoded segments, by the buffer that holds them: shared by all versions that share the segment. */
const decoded = new WeakMap<SharedArrayBuffer, unknown>();

/** Everything that generators read of one push version. Immutable to them. */
export class PushContext {
  readonly version: number;
  readonly mesh: MeshSettings;
  private readonly segments: SegmentTable;
  /** The version at which each dependency last changed. */
  private readonly stamps: ReadonlyMap<Dependency, number>;
  /** One for all versions: what is in it belongs to each version whose dependencies have its stamp. */
  private readonly memos: Map<string, Memo>;
  /** What touched segments held before, until they are read. */
  private readonly replaced = new Map<string, SharedArrayBuffer>();
  /** Names of config segments by kind, sorted, so that iteration doesn't depend on history. */
  private readonly byKind: ReadonlyMap<Dependency, readonly string[]>;

  constructor(version: number, segments: SegmentTable, previous: PushContext | undefined, touched: readonly string[]) {
    this.version = version;
    this.segments = segments;
    const stamps = new Map<Dependency, number>(previous?.stamps);
    if (!previous) {
      for (const d of ["mesh", "services", "endpoints", ...ISTIO_KINDS] as const) stamps.set(d, version);
    }
    const changed = new Set<Dependency>();
    for (const name of touched) changed.add(dependencyOf(name));
    for (const d of changed) stamps.set(d, version);
    this.stamps = stamps;
    this.memos = previous?.memos ?? new Map();
    for (const name of touched) {
      const before = previous?.segments.get(name);
      if (before) this.replaced.set(name, before.buffer);
    }
    this.byKind = previous ? renamed(previous.byKind, segments, touched) : namesByKind(segments);
    const mesh = segments.get(MESH_SEGMENT);
    this.mesh = mesh ? this.recordsOf<MeshSettings>(mesh)[0]! : EMPTY_MESH;
  }

  /** All objects of a kind, by namespace and name. */
  configs<S>(kind: IstioKind): readonly ConfigObject<S>[] {
    return this.derive(`configs/${kind}`, [kind], () =>
      (this.byKind.get(kind) ?? []).flatMap((name) => this.recordsOf<ConfigObject<S>>(this.segments.get(name)!)),
    );
  }

  /** Objects of a kind in one namespace, by name. */
  configsIn<S>(kind: IstioKind, namespace: string): readonly ConfigObject<S>[] {
    const segment = this.segments.get(`config/${kind}/${namespace}`);
    return segment ? this.recordsOf<ConfigObject<S>>(segment) : [];
  }

  /** All services, by namespace, host, and age. */
  services(): readonly ServiceRecord[] {
    return this.derive("services", ["services"], () =>
      (this.byKind.get("services") ?? []).flatMap((name) => this.recordsOf<ServiceRecord>(this.segments.get(name)!)),
    );
  }

  /** Endpoints of a service, over all its ports. */
  endpoints(key: ServiceKey): readonly EndpointRecord[] {
    const segment = this.segments.get(endpointsSegment(key));
    if (!segment) return NO_ENDPOINTS;
    let list = decoded.get(segment.buffer) as EndpointRecord[] | undefined;
    if (!list) {
      list = readEndpoints(segment.buffer);
      decoded.set(segment.buffer, list);
    }
    return list;
  }

  /** The version at which the endpoints of a service last changed; 0 when it has none. */
  endpointsVersion(key: ServiceKey): number {
    return this.segments.get(endpointsSegment(key))?.version ?? 0;
  }

  /** The records of a segment; those that haven't changed since the version before are the same objects. */
  private recordsOf<T>(segment: SegmentHandle): readonly T[] {
    let records = decoded.get(segment.buffer) as T[] | undefined;
    if (!records) {
      const buffer = this.replaced.get(segment.name);
      const before = buffer && (decoded.get(buffer) as T[] | undefined);
      records =
        buffer && before
          ? readRecordsAgain(segment.buffer, { buffer, records: before })
          : readRecords<T>(segment.buffer);
      decoded.set(segment.buffer, records);
    }
    this.replaced.delete(segment.name);
    return records;
  }

  /** The version at which a dependency last changed. */
  stamp(dependency: Dependency): number {
    return this.stamps.get(dependency) ?? 0;
  }

  /** Something computed from the named dependencies alone, and kept for as long as none of them changes. */
  derive<T>(key: string, dependencies: readonly Dependency[], compute: () => T): T {
    const known = this.memos.get(key);
    if (known?.version === this.version) return known.value as T;
    const stamp = dependencies.map((d) => this.stamps.get(d)).join();
    if (known?.stamp === stamp) {
      known.version = this.version;
      return known.value as T;
    }
    if (known?.before?.stamp === stamp) return known.before.value as T;
    const value = compute();
    const before = known && { stamp: known.stamp, value: known.value };
    this.memos.delete(key);
    this.memos.set(key, { stamp, value, version: this.version, before });
    if (this.memos.size > MAX_MEMOS) this.memos.delete(this.memos.keys().next().value!);
    return value;
  }
}

/** Names of segments by what they are, but for endpoints, which are only asked for one by one. */
function namesByKind(segments: SegmentTable): Map<Dependency, readonly string[]> {
  const out = new Map<Dependency, string[]>();
  for (const { name } of segments) {
    const d = dependencyOf(name);
    if (d === "endpoints") continue;
    const list = out.get(d);
    if (list) list.push(name);
    else out.set(d, [name]);
  }
  for (const list of out.values()) list.sort();
  return out;
}

/** The same names, but for segments that came or went. */
function renamed(
  before: ReadonlyMap<Dependency, readonly string[]>,
  segments: SegmentTable,
  touched: readonly string[],
): ReadonlyMap<Dependency, readonly string[]> {
  let out: Map<Dependency, readonly string[]> | undefined;
  for (const name of touched) {
    const d = dependencyOf(name);
    if (d === "endpoints") continue;
    const list = (out ?? before).get(d) ?? [];
    const had = list.includes(name);
    const has = segments.get(name) !== undefined;
    if (had === has) continue;
    out ??= new Map(before);
    out.set(d, has ? [...list, name].sort() : list.filter((other) => other !== name));
  }
  return out ?? before;
}

function dependencyOf(segment: string): Dependency {
  const id = parseSegmentName(segment);
  return id.kind === "config" ? id.configKind : id.kind;
}

/** Of a snapshot without a mesh segment, which only tests make. */
const EMPTY_MESH = { mesh: {}, networks: {}, rootNamespace: "istio-system" } as unknown as MeshSettings;
