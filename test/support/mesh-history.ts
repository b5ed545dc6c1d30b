// Histories of a mesh: objects that come, change and go, batch by batch.
import fc from "fast-check";
import { keyString } from "../../src/shared/model/config.ts";
import type { MeshObject, SourceDelta } from "../../src/shared/model/delta.ts";

/** An object is put in, or taken out. */
export type Step = { readonly upsert: MeshObject } | { readonly remove: MeshObject };

/** Steps with objects; more of them come than go. */
export function stepsWith(object: fc.Arbitrary<MeshObject>): fc.Arbitrary<Step> {
  return fc.oneof(
    { weight: 3, arbitrary: object.map((upsert) => ({ upsert })) },
    { weight: 1, arbitrary: object.map((remove) => ({ remove })) },
  );
}

/** What is there after a history so far. */
export class MeshHistory {
  private readonly objects = new Map<string, MeshObject>();

  /** The delta of a batch, in which the last step with an object counts. */
  next(batch: readonly Step[]): SourceDelta {
    const upserts = new Map<string, MeshObject>();
    const deletes = new Map<string, MeshObject>();
    for (const step of batch) {
      const object = "upsert" in step ? step.upsert : step.remove;
      const id = idOf(object);
      upserts.delete(id);
      deletes.delete(id);
      ("upsert" in step ? upserts : deletes).set(id, object);
    }
    for (const [id, object] of upserts) this.objects.set(id, object);
    for (const id of deletes.keys()) this.objects.delete(id);
    return {
      upserts: [...upserts.values()],
      deletes: [...deletes.values()].map(({ kind, meta: { namespace, name } }) => ({ kind, namespace, name })),
    };
  }

  /** All that is there, as one delta for a mesh that has nothing yet. */
  outcome(): SourceDelta {
    return { upserts: [...this.objects.values()], deletes: [] };
  }
}

function idOf({ kind, meta }: MeshObject): string {
  return keyString({ kind, namespace: meta.namespace, name: meta.name });
}
