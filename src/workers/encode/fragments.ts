// Serialized parts that stay good for as long as what they were made of is the same. Worker threads.
import { sameItems } from "../../shared/same-items.ts";
import type { EncodedPart } from "./resource-sink.ts";

interface Entry<T> {
  readonly dependencies: readonly unknown[];
  readonly value: T;
}

/**
 * Values by an owner object and a key, each valid while its dependencies are identical (===) to those it was made with. The
 * owner lives in a snapshot: when that forgets it, so does this. An owner's keys are few (the kinds of proxies that ask).
 */
export class Fragments<T> {
  private readonly byOwner = new WeakMap<object, Map<string, Entry<T>>>();

  /** The value for an owner and key, made anew when a dependency is another one now. */
  get(owner: object, key: string, dependencies: readonly unknown[], make: () => T): T {
    let entries = this.byOwner.get(owner);
    if (!entries) {
      entries = new Map();
      this.byOwner.set(owner, entries);
    }
    const known = entries.get(key);
    if (known && sameItems(known.dependencies, dependencies)) return known.value;
    const value = make();
    entries.set(key, { dependencies, value });
    if (entries.size > MAX_KEYS) entries.delete(entries.keys().next().value!);
    return value;
  }
}

/** Kinds of proxies per owner that are remembered. */
const MAX_KEYS = 256;

/** Parts of a type that are made together, such as the clusters of a service. */
export type EncodedParts = readonly EncodedPart[];
