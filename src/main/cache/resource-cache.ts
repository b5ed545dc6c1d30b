// Generated resources by the push version that last affected them, bounded in entries and bytes. Main thread.
import { LRUCache } from "lru-cache";
import type { ResourceSet } from "../../shared/model/resource.ts";

export interface CacheStats {
  readonly entries: number;
  readonly bytes: number;
  readonly hits: number;
  readonly misses: number;
  readonly evictions: number;
}

export interface ResourceCacheOptions {
  /** PILOT_XDS_CACHE_SIZE: single resources at most, and as many parts of types. */
  readonly maxEntries: number;
  /** Half of it for single resources, half for parts of types. */
  readonly maxBytes: number;
}

/** What a set is: a part of a type (or all of it) for some views, or one resource that is asked for by its name. */
export type CachedKind = "part" | "resource";

/** Cost of an entry besides its bytes: keys, objects, hashes. */
const ENTRY_OVERHEAD = 256;

/** A set with the push version that it is good for. */
interface Entry {
  readonly version: string;
  readonly set: ResourceSet;
}

/**
 * An entry is found by what was generated (view, type, resource) and by the push version at which this last changed: it
 * stays good for as long as nothing that it depends on changes. The next version takes its place, since the last one is not asked
 * for any more; a push that is still under way makes it again. Parts of types are kept apart from single resources, which are
 * many: a type whose parts they had pushed out would have to be generated as a whole for the next change of one of its resources.
 */
export class ResourceCache {
  private readonly kept: Readonly<Record<CachedKind, LRUCache<string, Entry>>>;
  private hits = 0;
  private misses = 0;
  private evictions = 0;

  constructor({ maxEntries, maxBytes }: ResourceCacheOptions) {
    const lru = (): LRUCache<string, Entry> =>
      new LRUCache({
        max: maxEntries,
        maxSize: Math.ceil(maxBytes / 2),
        sizeCalculation: ({ set }) => set.resources.reduce((sum, r) => sum + r.bytes.byteLength, ENTRY_OVERHEAD),
        dispose: (_set, _key, reason) => {
          if (reason === "evict") this.evictions++;
        },
      });
    this.kept = { part: lru(), resource: lru() };
  }

  /** The set of that version; undefined when there is none, or only of another version. */
  get(kind: CachedKind, key: string, version: string): ResourceSet | undefined {
    const entry = this.kept[kind].get(key);
    if (entry?.version === version) {
      this.hits++;
      return entry.set;
    }
    this.misses++;
    return undefined;
  }

  set(kind: CachedKind, key: string, version: string, set: ResourceSet): void {
    this.kept[kind].set(key, { version, set });
  }

  clear(): void {
    this.kept.part.clear();
    this.kept.resource.clear();
  }

  stats(): CacheStats {
    return {
      entries: this.kept.part.size + this.kept.resource.size,
      bytes: this.kept.part.calculatedSize + this.kept.resource.calculatedSize,
      hits: this.hits,
      misses: this.misses,
      evictions: this.evictions,
    };
  }
}
