// Lists of names that are asked for, shared by the streams that ask for the same. Main thread, pure.
import { LRUCache } from "lru-cache";

const MAX_LISTS = 2_000;

/** Gives the same array for equal sets of names, so that what is looked up by the array is looked up once for all. */
export class NameLists {
  private readonly lists = new LRUCache<string, readonly string[]>({ max: MAX_LISTS });

  of(names: ReadonlySet<string>): readonly string[] {
    const sorted = [...names].sort();
    const key = sorted.join("\n");
    const known = this.lists.get(key);
    if (known) return known;
    this.lists.set(key, sorted);
    return sorted;
  }
}
