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
  /** PILOT_XDS_CACHE_SIZE: entries at most. */
  readonly maxEntries: number;
  readonly maxBytes: number;
}

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
 * for any more; a push that is still under way makes it again.
 */
export class ResourceCache {
  private readonly lru: LRUCache<string, Entry>;
  private hits = 0;
  private misses = 0;
  private evictions = 0;

  constructor(options: ResourceCacheOptions) {
    this.lru = new LRUCache<string, Entry>({
      max: options.maxEntries,
      maxSize: options.maxBytes,
      sizeCalculation: ({ set }) => set.resources.reduce((sum, r) => sum + r.bytes.byteLength, ENTRY_OVERHEAD),
      dispose: (_set, _key, reason) => {
        if (reason === "evict") this.evictions++;
      },
    });
  }

  /** The set of that version; undefined when there is none, or only of another version. */
  get(key: string, version: string): ResourceSet | undefined {
    const entry = this.lru.get(key);
    if (entry?.version === version) {
      this.hits++;
      return entry.set;
    }
    this.misses++;
    return undefined;
  }

  set(key: string, version: string, set: ResourceSet): void {
    this.lru.set(key, { version, set });
  }

  clear(): void {
    this.lru.clear();
  }

  stats(): CacheStats {
    return {
      entries: this.lru.size,
      bytes: this.lru.calculatedSize,
      hits: this.hits,
      misses: this.misses,
      evictions: this.evictions,
    };
  }
}
