// What has to be asked of generation to answer what streams ask for, and under which keys the answers are kept. Main thread.
import { createHash } from "node:crypto";
import type { ProxyViewRef } from "../../shared/model/proxy.ts";
import { partKey, type ResourceSet, type ResourceWant, type TypePart } from "../../shared/model/resource.ts";
import { PairMemo } from "../../shared/pair-memo.ts";
import { WILDCARD_TYPES, type XdsType } from "../../shared/xds-types.ts";
import type { PublishedSnapshot } from "./contracts.ts";
import { joinSets } from "./joined-set.ts";
import { type HashText, joinPieces } from "./pieced-resource.ts";

/** Says at which push version a result was last affected: the part of a cache key that makes it stale. */
export interface AffectedVersions {
  /** What of a view a type depends on, one for each part of it; views with equal facets share what is generated. */
  facetsOf(view: ProxyViewRef, type: XdsType): readonly ViewFacet[];
  /** The slices of one resource that is too large to be generated at once; undefined for all others. */
  slicesOf(view: ProxyViewRef, type: XdsType, name: string): readonly ViewFacet[] | undefined;
  /** Of one resource. Versions later than a snapshot mean that the question is about the past. */
  affectedVersion(view: ProxyViewRef, type: XdsType, name: string): number;
}

/** What of a view a type, or a part of it, depends on. */
export interface ViewFacet extends TypePart {
  readonly ref: ProxyViewRef;
  /** The push version that last affected all of it. */
  readonly affected: number;
}

interface QuestionBase {
  /** What of the view the type depends on: what a worker is given. */
  readonly facet: ProxyViewRef;
  readonly want: ResourceWant;
  /** Of the question about one state of the mesh. */
  readonly id: string;
}

/** Where the cache has a set, and of which push version. */
export interface CachePlace {
  readonly key: string;
  readonly version: string;
}

/** About a type, a part of it, or a slice of a resource, cached as a whole; or about names whose resources are cached one by one. */
export type Question =
  | (QuestionBase & { readonly parts: null; readonly cached: CachePlace })
  | (QuestionBase & { readonly parts: () => readonly CachePlace[] });

/** What answers one want. */
export interface Ask {
  readonly questions: readonly Question[];
  /** The answer out of those to the questions, in their order. */
  readonly join: (sets: readonly ResourceSet[]) => ResourceSet;
  /** Where the answer is worth being remembered: of the want about one state of the mesh. */
  readonly id?: string;
}

/** Lists of names that are longer than this are known by a hash. */
const MAX_KEY = 256;
const NO_NAMES: readonly string[] = [];

const first = (sets: readonly ResourceSet[]): ResourceSet => sets[0]!;

/** Puts the questions of a provider; each once for a snapshot and proxies that are alike in what it depends on. */
export class Questions {
  private readonly versions: AffectedVersions;
  private readonly hash: HashText;
  private readonly namesKeys = new WeakMap<readonly string[], string>();
  private readonly named = new WeakMap<
    PublishedSnapshot,
    Map<XdsType, PairMemo<ProxyViewRef, readonly string[], Ask>>
  >();
  private readonly ofFacets = new PairMemo<PublishedSnapshot, ViewFacet, Question>();

  constructor(versions: AffectedVersions, hash: HashText) {
    this.versions = versions;
    this.hash = hash;
  }

  ask(snapshot: PublishedSnapshot, view: ProxyViewRef, { type, names }: ResourceWant): Ask {
    const asked = names ?? (WILDCARD_TYPES.has(type) ? null : NO_NAMES);
    return asked === null ? this.askWhole(snapshot, view, type) : this.askNamed(snapshot, view, type, asked);
  }

  private askWhole(snapshot: PublishedSnapshot, view: ProxyViewRef, type: XdsType): Ask {
    const facets = this.versions.facetsOf(view, type);
    const questions = facets.map((facet) =>
      this.ofFacets.get(snapshot, facet, () => partQuestion(snapshot, facet, type, null)),
    );
    if (questions.length === 1) return { questions, join: first };
    // Slices come first, and are one set that others share.
    const slices = questions.findIndex(({ want }) => want.slice === undefined);
    const join = (sets: readonly ResourceSet[]): ResourceSet =>
      joinSets(slices > 1 ? [joinSets(sets.slice(0, slices)), ...sets.slice(slices)] : sets);
    return { questions, join };
  }

  private askNamed(snapshot: PublishedSnapshot, view: ProxyViewRef, type: XdsType, names: readonly string[]): Ask {
    const facet = this.versions.facetsOf(view, type)[0]!.ref;
    let byType = this.named.get(snapshot);
    if (!byType) {
      byType = new Map();
      this.named.set(snapshot, byType);
    }
    let ofType = byType.get(type);
    if (!ofType) {
      ofType = new PairMemo();
      byType.set(type, ofType);
    }
    return ofType.get(facet, names, () => this.newAskNamed(snapshot, view, facet, type, names));
  }

  private newAskNamed(
    snapshot: PublishedSnapshot,
    view: ProxyViewRef,
    facet: ProxyViewRef,
    type: XdsType,
    names: readonly string[],
  ): Ask {
    const sliced = new Map<string, readonly ViewFacet[]>();
    for (const name of names) {
      const slices = this.versions.slicesOf(view, type, name);
      if (slices) sliced.set(name, slices);
    }
    if (sliced.size === 0) {
      return { questions: [this.namesQuestion(snapshot, view, facet, type, names)], join: first };
    }
    const whole = names.filter((name) => !sliced.has(name));
    const questions = whole.length > 0 ? [this.namesQuestion(snapshot, view, facet, type, whole)] : [];
    let newest = this.newest(view, type, whole);
    for (const [name, slices] of sliced) {
      for (const slice of slices) {
        newest = Math.max(newest, slice.affected);
        questions.push(partQuestion(snapshot, slice, type, name));
      }
    }
    const join = (sets: readonly ResourceSet[]): ResourceSet => {
      let at = whole.length > 0 ? 1 : 0;
      const resources = sets.slice(0, at).flatMap((set) => set.resources);
      for (const [name, slices] of sliced) {
        const pieces = sets.slice(at, at + slices.length).flatMap((set) => set.resources);
        at += slices.length;
        if (pieces.length > 0) resources.push(joinPieces(name, pieces, this.hash));
      }
      return { type, resources };
    };
    return {
      questions,
      join,
      id: `${versionPart(snapshot, newest)}|${facet.id}|${type}|sliced|${this.namesKey(names)}`,
    };
  }

  private namesQuestion(
    snapshot: PublishedSnapshot,
    view: ProxyViewRef,
    facet: ProxyViewRef,
    type: XdsType,
    names: readonly string[],
  ): Question {
    return {
      facet,
      want: { type, names },
      id: `${versionPart(snapshot, this.newest(view, type, names))}|${facet.id}|${type}|${this.namesKey(names)}`,
      // Made when they are needed: most questions are answered by their key.
      parts: () =>
        names.map((name) => ({
          key: `${facet.id}|${type}||${name}`,
          version: versionPart(snapshot, this.versions.affectedVersion(view, type, name)),
        })),
    };
  }

  /** The push version that last affected one of the names. */
  private newest(view: ProxyViewRef, type: XdsType, names: readonly string[]): number {
    return names.reduce((max, name) => Math.max(max, this.versions.affectedVersion(view, type, name)), 0);
  }

  private namesKey(names: readonly string[]): string {
    let key = this.namesKeys.get(names);
    if (key === undefined) {
      const all = [...names].sort().join(",");
      key = all.length > MAX_KEY ? createHash("sha1").update(all).digest("base64") : all;
      this.namesKeys.set(names, key);
    }
    return key;
  }
}

/** About a part of a type, or a slice of one resource of it. */
function partQuestion(snapshot: PublishedSnapshot, facet: ViewFacet, type: XdsType, name: string | null): Question {
  const { ref, part, slice, affected } = facet;
  const key = `${ref.id}|${type}|${partKey(facet)}${name === null ? "" : `|${name}`}`;
  const version = versionPart(snapshot, affected);
  return {
    facet: ref,
    want: { type, names: name === null ? null : [name], ...(part ? { part } : {}), ...(slice ? { slice } : {}) },
    id: `${version}|${key}`,
    cached: { key, version },
    parts: null,
  };
}

function versionPart(snapshot: PublishedSnapshot, affected: number): string {
  return affected <= snapshot.version ? String(affected) : `@${snapshot.version}`;
}
