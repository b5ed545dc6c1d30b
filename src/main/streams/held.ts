// What a proxy has of one type, as an immutable value that proxies with equal content share. Main thread, pure.
import type { EncodedResource, ResourceSet } from "../../shared/model/resource.ts";
import { PairMemo } from "../../shared/pair-memo.ts";

/** Changes on top of a base until they are worth a base of their own. */
const MAX_OVERLAY = 64;

/** Hashes by name. */
interface Hashes {
  get(name: string): string | undefined;
  keys(): Iterable<string>;
  readonly size: number;
}

/** The hashes of several sets that have no name in common. */
class JoinedHashes implements Hashes {
  readonly size: number;
  private readonly parts: readonly Hashes[];

  constructor(parts: readonly Hashes[]) {
    this.parts = parts;
    this.size = parts.reduce((sum, part) => sum + part.size, 0);
  }

  get(name: string): string | undefined {
    for (const part of this.parts) {
      const hash = part.get(name);
      if (hash !== undefined) return hash;
    }
    return undefined;
  }

  *keys(): Iterable<string> {
    for (const part of this.parts) yield* part.keys();
  }
}

const NO_OVERLAY: ReadonlyMap<string, string | null> = new Map();

/**
 * Resource names with the hashes that were sent. Values are shared: the same steps from the same value give the same
 * object, so that what follows from it (a difference, a response body) is computed once for all proxies that are alike.
 */
export class Held {
  static readonly EMPTY = new Held(new Map(), NO_OVERLAY);

  /** The parts of a joined set, when exactly that is held. */
  readonly parts: readonly Held[] | undefined;
  private readonly base: Hashes;
  /** null: not held any more. */
  private readonly overlay: ReadonlyMap<string, string | null>;

  private constructor(base: Hashes, overlay: ReadonlyMap<string, string | null>, parts?: readonly Held[]) {
    this.base = base;
    this.overlay = overlay;
    this.parts = parts;
  }

  /** What a proxy says that it has from an earlier stream. */
  static ofVersions(versions: ReadonlyMap<string, string>): Held {
    return versions.size === 0 ? Held.EMPTY : new Held(versions, NO_OVERLAY);
  }

  /** Exactly what is in a set. */
  static of(set: ResourceSet): Held {
    let held = ofSets.get(set);
    if (!held && set.parts) {
      const parts = set.parts.map((part) => Held.of(part));
      const base = new JoinedHashes(parts.map((part) => part.base));
      held = new Held(base, NO_OVERLAY, parts);
      ofSets.set(set, held);
    }
    if (!held) {
      const base = new Map<string, string>();
      for (const resource of set.resources) base.set(resource.name, resource.hash);
      held = base.size === 0 ? Held.EMPTY : new Held(base, NO_OVERLAY);
      ofSets.set(set, held);
    }
    return held;
  }

  /** The hash of a resource, or undefined when it isn't held. */
  get(name: string): string | undefined {
    const over = this.overlay.get(name);
    if (over !== undefined) return over ?? undefined;
    return this.base.get(name);
  }

  *names(): Iterable<string> {
    for (const name of this.base.keys()) if (!this.overlay.has(name)) yield name;
    for (const [name, hash] of this.overlay) if (hash !== null) yield name;
  }

  /** With resources put in and names taken out. */
  with(changed: readonly EncodedResource[], removed: Iterable<string> = []): Held {
    const overlay = new Map(this.overlay);
    for (const resource of changed) overlay.set(resource.name, resource.hash);
    for (const name of removed) overlay.set(name, null);
    if (overlay.size <= MAX_OVERLAY + this.base.size / 8) return new Held(this.base, overlay);
    const base = new Map<string, string>();
    for (const name of this.base.keys()) base.set(name, this.base.get(name)!);
    for (const [name, hash] of overlay) {
      if (hash === null) base.delete(name);
      else base.set(name, hash);
    }
    return new Held(base, NO_OVERLAY);
  }

  /** Without some names; the same object when none of them is held. */
  without(names: Iterable<string>): Held {
    const held = [...names].filter((name) => this.get(name) !== undefined);
    return held.length === 0 ? this : this.with([], held);
  }
}

const ofSets = new WeakMap<ResourceSet, Held>();
const forgotten = new PairMemo<Held, readonly string[], Held>();

/** As `without`, remembered for lists that several proxies share. */
export function forget(held: Held, names: readonly string[]): Held {
  return forgotten.get(held, names, () => held.without(names));
}
