// Names that are asked for, kept once for all the streams that ask for the same. Main thread, pure.
import { createHash } from "node:crypto";
import { LRUCache } from "lru-cache";

const MAX_SETS = 2_000;

/** Names, of which one may ask whether another is one of them. */
export interface Names extends Iterable<string> {
  readonly size: number;
  has(name: string): boolean;
}

/** Some names, none twice. Never changes; equal ones that one `NameSets` gives are the same object. */
export class NameSet implements Names {
  static readonly EMPTY = new NameSet([]);
  readonly sorted: readonly string[];
  readonly members: ReadonlySet<string>;

  /** `sorted`: in order, each once. */
  constructor(sorted: readonly string[]) {
    this.sorted = sorted;
    this.members = new Set(sorted);
  }

  get size(): number {
    return this.sorted.length;
  }

  has(name: string): boolean {
    return this.members.has(name);
  }

  [Symbol.iterator](): Iterator<string> {
    return this.sorted[Symbol.iterator]();
  }
}

/** Names as a state-of-the-world request has them. */
export interface AskedNames {
  /** The names themselves, without "*". */
  readonly names: NameSet;
  /** True when "*" is one of them. */
  readonly wildcard: boolean;
  /** A copy of the serialized field that stands for them, where its names stand together. */
  readonly bytes: Uint8Array | undefined;
}

/**
 * Gives the same object for equal names: thousands of proxies name the same thousands of clusters, and what is looked up by
 * the object is looked up once for all.
 */
export class NameSets {
  private readonly sets = new LRUCache<string, NameSet>({ max: MAX_SETS });
  /** Those of fields that look alike, newest first. */
  private readonly asked = new LRUCache<string, readonly Read[]>({ max: MAX_SETS });

  of(names: Iterable<string>): NameSet {
    const sorted = [...new Set(names)].sort();
    if (sorted.length === 0) return NameSet.EMPTY;
    const key = digest(sorted.join("\n"));
    let known = this.sets.get(key);
    if (!known) {
      known = new NameSet(sorted);
      this.sets.set(key, known);
    }
    return known;
  }

  /** Reads the names of a request, unless an equal field was read before. `bytes` need not stay as they are. */
  ofRequest(bytes: Uint8Array | undefined, decode: () => readonly string[]): AskedNames {
    if (!bytes) return this.read(decode(), undefined);
    const key = likeness(bytes);
    const alike = this.asked.get(key) ?? [];
    const known = alike.find((one) => Buffer.compare(one.bytes, bytes) === 0);
    if (known) return known;
    const read = { ...this.read(decode(), undefined), bytes: Uint8Array.from(bytes) };
    this.asked.set(key, [read, ...alike.slice(0, MAX_ALIKE - 1)]);
    return read;
  }

  private read(all: readonly string[], bytes: Uint8Array | undefined): AskedNames {
    return { names: this.of(all.filter((name) => name !== "*")), wildcard: all.includes("*"), bytes };
  }
}

interface Read extends AskedNames {
  readonly bytes: Uint8Array;
}

/** Different fields with one likeness that are remembered. */
const MAX_ALIKE = 8;
const SAMPLES = 32;

/** The same for equal fields, and mostly not for others: they are compared where it is. Hashing 100 KB would take longer. */
function likeness(bytes: Uint8Array): string {
  const step = bytes.length / SAMPLES;
  const codes: number[] = [bytes.length & 0xffff, bytes.length >>> 16];
  for (let i = 0; i < SAMPLES && i < bytes.length; i++) codes.push(bytes[Math.floor(i * step)]!);
  return String.fromCharCode(...codes);
}

function digest(content: string): string {
  return createHash("sha1").update(content).digest("base64");
}
