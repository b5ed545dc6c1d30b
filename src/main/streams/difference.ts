// The difference between what a proxy has and what was generated, with its encoded forms; each computed once for all
// proxies that are alike. Main thread, pure.
import { LRUCache } from "lru-cache";
import type { EncodedResource, ResourceSet } from "../../shared/model/resource.ts";
import { PairMemo } from "../../shared/pair-memo.ts";
import type { XdsType } from "../../shared/xds-types.ts";
import { Held } from "./held.ts";
import { type Body, encodeDeltaResources, encodeSotwResources } from "./response-wire.ts";

/** What has to be sent, if anything. */
export class Difference {
  readonly set: ResourceSet;
  readonly changed: readonly EncodedResource[];
  /** Names of `changed`; one array for all streams. */
  readonly changedNames: readonly string[];
  /** Held, and not in the set any more. */
  readonly removed: readonly string[];
  /** The difference that is all of this one: that of a part where it alone changes, which others share; else this one. */
  readonly sole: Difference;
  private readonly held: Held;
  private readonly whole: boolean;
  /** The differences of the parts of a joined set, which others share. */
  private readonly parts: readonly Difference[] | undefined;
  private after: Held | undefined;
  private afterKeeping: Held | undefined;

  constructor(held: Held, set: ResourceSet, removed: readonly string[], whole: boolean, parts?: readonly Difference[]) {
    this.held = held;
    this.set = set;
    this.whole = whole;
    this.parts = parts;
    this.removed = removed;
    // Where one part alone changes, its lists are everybody's.
    const changing = parts?.filter((part) => part.changed.length > 0);
    if (changing?.length === 1) {
      this.sole = changing[0]!.sole;
      this.changed = this.sole.changed;
      this.changedNames = this.sole.changedNames;
      return;
    }
    this.sole = this;
    this.changed = changing
      ? changing.flatMap((part) => part.changed)
      : set.resources.filter((resource) => held.get(resource.name) !== resource.hash);
    this.changedNames = this.changed.map((resource) => resource.name);
  }

  /** The `resources` field of a delta response, or of a state-of-the-world one for a type that is sent in parts. */
  body(variant: "sotw" | "delta"): Body {
    const { type } = this.set;
    if (variant === "delta") {
      if (this.parts) return this.parts.flatMap((part) => (part.changed.length > 0 ? part.body("delta") : []));
      return bodyOf("delta", this, type, this.changed);
    }
    if (this.parts || this.changed.length === this.set.resources.length) return sotwBody(this.set);
    return bodyOf("sotw", this, type, this.changed);
  }

  /** What the proxy has once the difference is sent. */
  next(): Held {
    if (this.whole) return Held.of(this.set);
    this.after ??=
      this.changed.length + this.removed.length === 0 ? this.held : this.held.with(this.changed, this.removed);
    return this.after;
  }

  /** What the proxy has once the changes are sent, and the removals not yet. */
  nextKeeping(): Held {
    this.afterKeeping ??= this.changed.length === 0 ? this.held : this.held.with(this.changed);
    return this.afterKeeping;
  }
}

const wholes = new PairMemo<Held, ResourceSet, Difference>();
const partials = new PairMemo<Held, ResourceSet, Difference>();

/** Against all that a proxy is to have: whatever else it holds is removed. */
export function wholeDifference(held: Held, set: ResourceSet): Difference {
  return wholes.get(held, set, () => {
    const joined = joinedDifference(held, set);
    if (joined) return joined;
    const names = new Set(set.resources.map((resource) => resource.name));
    const removed = [...held.names()].filter((name) => !names.has(name)).sort();
    return new Difference(held, set, removed, true);
  });
}

/** Part by part, where what is held has the parts of the set, or nothing is held. */
function joinedDifference(held: Held, set: ResourceSet): Difference | undefined {
  const { parts } = set;
  if (!parts || (held !== Held.EMPTY && held.parts?.length !== parts.length)) return undefined;
  const differences = parts.map((part, i) => wholeDifference(held.parts?.[i] ?? Held.EMPTY, part));
  let removed = differences.flatMap((difference) => difference.removed);
  // What moved from one part to another is not gone.
  if (removed.length > 0) {
    const now = Held.of(set);
    removed = removed.filter((name) => now.get(name) === undefined).sort();
  }
  return new Difference(held, set, removed, true, differences);
}

/**
 * Against some names that were asked for: what is held under other names stays. A set belongs to one list of names, so
 * held value and set say it all.
 */
export function partialDifference(held: Held, set: ResourceSet, asked: readonly string[]): Difference {
  return partials.get(held, set, () => {
    if (set.resources.length === asked.length) return new Difference(held, set, [], false);
    const names = new Set(set.resources.map((resource) => resource.name));
    const removed = asked.filter((name) => !names.has(name) && held.get(name) !== undefined);
    return new Difference(held, set, removed, false);
  });
}

/**
 * Bodies are shared by proxies that are alike, which are served soon after each other: the latest are enough. Each also keeps
 * what it is the difference of.
 */
const MAX_BODIES = 512;
const MAX_BODY_BYTES = 64 * 1024 * 1024;

type Bodies = LRUCache<object, Body>;

function newBodies(): Bodies {
  return new LRUCache({ max: MAX_BODIES, maxSize: MAX_BODY_BYTES });
}

const sotwBodies = newBodies();
const deltaBodies = newBodies();

function bodyOf(variant: "sotw" | "delta", key: object, type: XdsType, resources: readonly EncodedResource[]): Body {
  const bodies = variant === "sotw" ? sotwBodies : deltaBodies;
  let body = bodies.get(key);
  if (!body) {
    body = (variant === "sotw" ? encodeSotwResources : encodeDeltaResources)(type, resources);
    // Also what isn't copied: it lives as long as what is kept here.
    bodies.set(key, body, { size: body.reduce((sum, piece) => sum + piece.length, 256) });
  }
  return body;
}

/** The `resources` field with a whole set. */
export function sotwBody(set: ResourceSet): Body {
  if (set.parts) return set.parts.flatMap(sotwBody);
  return bodyOf("sotw", set, set.type, set.resources);
}

const unions = new PairMemo<ResourceSet, ResourceSet, ResourceSet>();

/** A new set together with what only the old one has: the state of the world while removals are held back. */
export function unionOf(set: ResourceSet, old: ResourceSet): ResourceSet {
  return unions.get(set, old, () => {
    const names = new Set(set.resources.map((resource) => resource.name));
    return { type: set.type, resources: [...set.resources, ...old.resources.filter((r) => !names.has(r.name))] };
  });
}

const filtered = new WeakMap<ResourceSet, Map<string, ResourceSet>>();

/** Only the named resources of a set; for proxies that ask for some of a type that is generated as a whole. */
export function subsetOf(set: ResourceSet, names: readonly string[]): ResourceSet {
  let byNames = filtered.get(set);
  if (!byNames) {
    byNames = new Map();
    filtered.set(set, byNames);
  }
  const key = names.join("\n");
  let subset = byNames.get(key);
  if (!subset) {
    const wanted = new Set(names);
    subset = { type: set.type, resources: set.resources.filter((resource) => wanted.has(resource.name)) };
    byNames.set(key, subset);
  }
  return subset;
}
