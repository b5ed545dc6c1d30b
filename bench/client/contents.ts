// What is in the resources of large responses. Proxies get nearly the same bytes, in which few resources are a proxy's own: only
// what differs from a response that was seen before is looked at.
import type { XdsType } from "../../src/shared/xds-types.ts";
import { commonPrefix, commonSuffix } from "./common-bytes.ts";
import type { Mode } from "./messages.ts";
import { type Item, readItems } from "./resource-items.ts";

/** The resources of one response. */
export interface Content {
  readonly items: readonly Item[];
  /** The names that a proxy asks for next because of all these resources, sorted; one object for equal lists, mostly. */
  readonly follows: readonly string[];
  has(mark: Buffer): boolean;
}

/** What responses are compared with. */
interface Reference {
  readonly bytes: Buffer;
  /** Where each resource begins, and the end. */
  readonly starts: readonly number[];
  readonly items: readonly Item[];
  readonly follows: readonly string[];
  /** The first and the last place of a mark, -1 where it has none. */
  readonly marks: Map<Buffer, readonly [number, number]>;
}

/** Where a response differs from a reference: of its items `before` are the same at the start, and those from `after` at the end. */
interface Overlap {
  readonly reference: Reference;
  readonly before: number;
  readonly after: number;
  /** Bytes that are the same. */
  readonly same: number;
}

/** Responses smaller than this are read as they are. */
const SMALL_BYTES = 16 * 1024;
/** References kept; the oldest makes room. */
const MAX_REFERENCES = 6;

export class Contents {
  private readonly references: Reference[] = [];
  private readonly type: XdsType;
  private readonly mode: Mode;
  private readonly remember: boolean;

  /** `remember`: items have names, versions and hashes. */
  constructor(type: XdsType, mode: Mode, remember: boolean) {
    this.type = type;
    this.mode = mode;
    this.remember = remember;
  }

  of(resources: Buffer): Content {
    if (resources.length < SMALL_BYTES) {
      const { items } = this.read(resources);
      return { items, follows: followsOf(items), has: (mark) => resources.includes(mark) };
    }
    const best = this.closest(resources);
    return best && best.same * 2 > resources.length ? this.derived(resources, best) : this.referenceOf(resources);
  }

  private read(resources: Buffer): { items: Item[]; starts: number[] } {
    return readItems(resources, this.type, this.mode, this.remember);
  }

  private closest(resources: Buffer): Overlap | undefined {
    let best: Overlap | undefined;
    for (const reference of this.references) {
      const overlap = overlapOf(reference, resources);
      if (!best || overlap.same > best.same) best = overlap;
      if (overlap.same === resources.length) break;
    }
    return best;
  }

  private referenceOf(resources: Buffer): Content {
    // The response's buffer may be part of a larger one that would be kept with it.
    const bytes = Buffer.from(resources);
    const { items, starts } = this.read(bytes);
    const reference = { bytes, starts, items, follows: followsOf(items), marks: new Map() };
    this.references.push(reference);
    if (this.references.length > MAX_REFERENCES) this.references.shift();
    return contentAt({ reference, before: items.length, after: items.length, same: bytes.length }, items, bytes);
  }

  private derived(resources: Buffer, overlap: Overlap): Content {
    const { reference, before, after } = overlap;
    const from = reference.starts[before]!;
    const to = resources.length - (reference.bytes.length - reference.starts[after]!);
    const middle = resources.subarray(from, to);
    const { items: own } = this.read(middle);
    const changed = [...own, ...reference.items.slice(before, after)].some(({ follows }) => follows.length > 0);
    const items =
      changed || this.remember
        ? [...reference.items.slice(0, before), ...own, ...reference.items.slice(after)]
        : reference.items;
    const follows = changed ? followsOf(items) : reference.follows;
    // The buffer of the whole response must not be kept alive by what is remembered.
    return contentAt(overlap, items, Buffer.from(middle), follows);
  }
}

function contentAt(
  { reference, before, after }: Overlap,
  items: readonly Item[],
  middle: Buffer,
  follows: readonly string[] = reference.follows,
): Content {
  return {
    items,
    follows,
    has(mark) {
      const [first, last] = placesOf(reference, mark);
      const inBefore = first >= 0 && first + mark.length <= reference.starts[before]!;
      const inAfter = last >= 0 && last >= reference.starts[after]!;
      return inBefore || inAfter || middle.includes(mark);
    },
  };
}

function placesOf({ bytes, marks }: Reference, mark: Buffer): readonly [number, number] {
  const known = marks.get(mark) ?? [bytes.indexOf(mark), bytes.lastIndexOf(mark)];
  marks.set(mark, known);
  return known;
}

function overlapOf(reference: Reference, resources: Buffer): Overlap {
  const { bytes, starts } = reference;
  const prefix = commonPrefix(bytes, resources);
  const before = lastAtMost(starts, prefix);
  const suffix = commonSuffix(bytes, resources, Math.min(bytes.length, resources.length) - starts[before]!);
  const after = Math.max(before, firstAtLeast(starts, bytes.length - suffix));
  return { reference, before, after, same: starts[before]! + bytes.length - starts[after]! };
}

/** Index of the last of ascending numbers that is no greater than `limit`. */
function lastAtMost(numbers: readonly number[], limit: number): number {
  return firstAtLeast(numbers, limit + 1) - 1;
}

/** Index of the first of ascending numbers that is no less than `limit`. */
function firstAtLeast(numbers: readonly number[], limit: number): number {
  let low = 0;
  let high = numbers.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (numbers[middle]! < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

function followsOf(items: readonly Item[]): readonly string[] {
  return [...new Set(items.flatMap(({ follows }) => follows))].sort();
}
