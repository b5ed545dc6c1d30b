// Patched parts of resources, by content: most of them are the same after the next change. Worker threads.
import type { Patch } from "./selected-patches.ts";

/** Parts that are remembered for one list of patches. */
const MAX_PARTS = 20_000;
/** Lists of patches whose parts are remembered. */
const MAX_LISTS = 16;

/** What patches make of parts, by the parts' hashes. */
export interface KnownParts<T> {
  get(hash: string, make: () => T): T;
}

interface OwnParts<T> extends KnownParts<T> {
  readonly patches: readonly Patch[];
}

/** Parts by the patches that they have. */
export class PatchedParts<T> {
  private readonly lists: OwnParts<T>[] = [];

  /** What is known of parts with exactly these patches. */
  of(patches: readonly Patch[]): KnownParts<T> {
    const known = this.lists.find(
      (l) => l.patches.length === patches.length && l.patches.every((p, i) => p === patches[i]),
    );
    if (known) return known;
    const made = partsOf<T>(patches);
    if (this.lists.length >= MAX_LISTS) this.lists.shift();
    this.lists.push(made);
    return made;
  }
}

function partsOf<T>(patches: readonly Patch[]): OwnParts<T> {
  const parts = new Map<string, { readonly made: T }>();
  return {
    patches,
    get(hash, make) {
      const known = parts.get(hash);
      if (known) return known.made;
      const made = make();
      if (parts.size >= MAX_PARTS) parts.delete(parts.keys().next().value!);
      parts.set(hash, { made });
      return made;
    },
  };
}
