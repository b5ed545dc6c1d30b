// The segments of one snapshot by name: an immutable table whose successor shares all but what changed. Any thread, pure.
import { textHash } from "../text-hash.ts";
import type { SegmentHandle } from "./handle.ts";

/** A change copies one bucket for each segment that it names: some dozens of entries in a mesh of 10,000 services. */
const BUCKETS = 512;

type Bucket = ReadonlyMap<string, SegmentHandle>;

/** Names to segments. A new version costs the same however many segments there are. */
export class SegmentTable {
  static readonly EMPTY = new SegmentTable(new Array<Bucket>(BUCKETS).fill(new Map()), 0);
  /** How many segments there are. */
  readonly size: number;
  private readonly buckets: readonly Bucket[];

  private constructor(buckets: readonly Bucket[], size: number) {
    this.buckets = buckets;
    this.size = size;
  }

  get(name: string): SegmentHandle | undefined {
    return this.buckets[bucketOf(name)]!.get(name);
  }

  /** With segments put in and names taken out. */
  with(changed: readonly SegmentHandle[], removed: readonly string[]): SegmentTable {
    const buckets = [...this.buckets];
    const copies = new Map<number, Map<string, SegmentHandle>>();
    const copyFor = (name: string): Map<string, SegmentHandle> => {
      const at = bucketOf(name);
      let copy = copies.get(at);
      if (!copy) {
        copy = new Map(buckets[at]);
        copies.set(at, copy);
        buckets[at] = copy;
      }
      return copy;
    };
    for (const name of removed) copyFor(name).delete(name);
    for (const segment of changed) copyFor(segment.name).set(segment.name, segment);
    let { size } = this;
    for (const [at, copy] of copies) size += copy.size - this.buckets[at]!.size;
    return new SegmentTable(buckets, size);
  }

  /** All segments, in no order that means anything. */
  *[Symbol.iterator](): Iterator<SegmentHandle> {
    for (const bucket of this.buckets) yield* bucket.values();
  }
}

function bucketOf(name: string): number {
  return textHash(name) % BUCKETS;
}
