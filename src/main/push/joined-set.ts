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
    return this.parts.flatMap((part) => part.resources);
  }
}

const pairs = new PairMemo<ResourceSet, ResourceSet, ResourceSet>();

/** The two sets as one: the same object for the same two. */
export function joinSets(a: ResourceSet, b: ResourceSet): ResourceSet {
  return pairs.get(a, b, () => new JoinedSet([a, b]));
}
