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

/**
 * The cache's keys name the view, the type, the resource and the push version at which this last changed, so an entry
 * stays good for as long as nothing that it depends on changes, and is never looked up again afterwards.
 */
export class ResourceCache {
  private readonly lru: LRUCache<string, ResourceSet>;
  private hits = 0;
  private misses = 0;
  private evictions = 0;

  constructor(options: ResourceCacheOptions) {
    this.lru = new LRUCache<string, ResourceSet>({
      max: options.maxEntries,
      maxSize: options.maxBytes,
      sizeCalculation: (set) => set.resources.reduce((sum, r) => sum + r.bytes.byteLength, ENTRY_OVERHEAD),
      dispose: (_set, _key, reason) => {
        if (reason === "evict") this.evictions++;
      },
    });
  }

  get(key: string): ResourceSet | undefined {
    const set = this.lru.get(key);
    if (set) this.hits++;
    else this.misses++;
    return set;
  }

  set(key: string, set: ResourceSet): void {
    this.lru.set(key, set);
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
