// All objects of the mesh by kind, namespace and name. Main thread, no I/O.
import type { ConfigObject, IstioKind, ObjectKey } from "../../shared/model/config.ts";
import type { MeshObject } from "../../shared/model/delta.ts";

type ByNamespace<T> = Map<string, Map<string, T>>;

/** The kind-indexed set of objects; the only owner of their current versions. */
export class ObjectStore {
  private readonly kinds = new Map<string, ByNamespace<MeshObject>>();

  /** Puts an object in, and gives what it replaces. */
  set(object: MeshObject): MeshObject | undefined {
    const { namespace, name } = object.meta;
    let namespaces = this.kinds.get(object.kind);
    if (!namespaces) {
      namespaces = new Map();
      this.kinds.set(object.kind, namespaces);
    }
    let names = namespaces.get(namespace);
    if (!names) {
      names = new Map();
      namespaces.set(namespace, names);
    }
    const previous = names.get(name);
    names.set(name, object);
    return previous;
  }

  /** Takes an object out, and gives it. */
  delete(key: ObjectKey): MeshObject | undefined {
    const namespaces = this.kinds.get(key.kind);
    const names = namespaces?.get(key.namespace);
    const previous = names?.get(key.name);
    if (!namespaces || !names || !previous) return undefined;
    names.delete(key.name);
    if (names.size === 0) namespaces.delete(key.namespace);
    return previous;
  }

  get<T extends MeshObject>(kind: T["kind"], namespace: string, name: string): T | undefined {
    return this.kinds.get(kind)?.get(namespace)?.get(name) as T | undefined;
  }

  /** Objects of a kind in a namespace, in no particular order. */
  inNamespace<T extends MeshObject>(kind: T["kind"], namespace: string): Iterable<T> {
    return (this.kinds.get(kind)?.get(namespace)?.values() ?? []) as Iterable<T>;
  }

  /** All objects of a kind. */
  *all<T extends MeshObject>(kind: T["kind"]): Iterable<T> {
    for (const names of this.kinds.get(kind)?.values() ?? []) yield* names.values() as Iterable<T>;
  }

  /** Istio's objects of a kind in a namespace, sorted by name, so that a segment's bytes don't depend on history. */
  sortedConfigs(kind: IstioKind, namespace: string): ConfigObject[] {
    const names = this.kinds.get(kind)?.get(namespace);
    if (!names) return [];
    return [...(names.values() as Iterable<ConfigObject>)].sort((a, b) => compare(a.meta.name, b.meta.name));
  }

  namespacesOf(kind: string): Iterable<string> {
    return this.kinds.get(kind)?.keys() ?? [];
  }

  count(kind: string): number {
    let sum = 0;
    for (const names of this.kinds.get(kind)?.values() ?? []) sum += names.size;
    return sum;
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
