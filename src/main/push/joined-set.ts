// Sets that are joined of others without copying. Main thread, pure.
import type { EncodedResource, ResourceSet } from "../../shared/model/resource.ts";
import { PairMemo } from "../../shared/pair-memo.ts";
import type { XdsType } from "../../shared/xds-types.ts";

/** A set whose list is put together only for those who want to see all of it. */
class JoinedSet implements ResourceSet {
  readonly type: XdsType;
  readonly parts: readonly ResourceSet[];

  constructor(parts: readonly ResourceSet[]) {
    this.type = parts[0]!.type;
    this.parts = parts;
  }

  get resources(): readonly EncodedResource[] {
    const out: EncodedResource[] = [];
    const add = (set: ResourceSet): void => {
      if (set.parts) set.parts.forEach(add);
      else for (const resource of set.resources) out.push(resource);
    };
    add(this);
    return out;
  }
}

/** The way to a joined set by the sets that it is joined of. */
interface Step {
  joined: ResourceSet | undefined;
}

const steps = new PairMemo<object, ResourceSet, Step>();

/** Sets of one type as one: the same object for the same sets. */
export function joinSets(sets: readonly ResourceSet[]): ResourceSet {
  if (sets.length === 1) return sets[0]!;
  let at: object = steps;
  for (const set of sets) at = steps.get(at, set, () => ({ joined: undefined }));
  const end = at as Step;
  end.joined ??= new JoinedSet(sets);
  return end.joined;
}
