// Answers what the streams ask for: from the cache, from work already under way, or from the workers. Main thread.
import { createHash } from "node:crypto";
import { LRUCache } from "lru-cache";
import { invariant } from "../../shared/assert.ts";
import type { ProxyViewRef } from "../../shared/model/proxy.ts";
import {
  type EncodedResource,
  partKey,
  type ResourceSet,
  type ResourceWant,
  type TypePart,
} from "../../shared/model/resource.ts";
import { PairMemo } from "../../shared/pair-memo.ts";
import { resourceBytes } from "../../shared/protocol/generated-bytes.ts";
import type { Generated, GeneratedSet, GenerationWarning } from "../../shared/protocol/output.ts";
import { WILDCARD_TYPES, type XdsType } from "../../shared/xds-types.ts";
import type { ResourceCache } from "../cache/resource-cache.ts";
import type { PublishedSnapshot, ResourceProvider } from "./contracts.ts";
import { joinSets } from "./joined-set.ts";
import type { MeshSnapshot } from "./snapshot-builder.ts";

/** Says at which push version a result was last affected: the part of a cache key that makes it stale. */
export interface AffectedVersions {
  /** What of a view a type depends on, one for each part of it; views with equal facets share what is generated. */
  facetsOf(view: ProxyViewRef, type: XdsType): readonly ViewFacet[];
  /** Of one resource. Versions later than a snapshot mean that the question is about the past. */
  affectedVersion(view: ProxyViewRef, type: XdsType, name: string): number;
}

/** What of a view a type, or a part of it, depends on. */
export interface ViewFacet extends TypePart {
  readonly ref: ProxyViewRef;
  /** The push version that last affected all of it. */
  readonly affected: number;
}

/** Generates; the worker pool in production. */
export interface GenerationBackend {
  generate(snapshot: MeshSnapshot, view: ProxyViewRef, wants: readonly ResourceWant[]): Promise<Generated>;
}

export interface ProviderOptions {
  readonly cache: ResourceCache;
  readonly backend: GenerationBackend;
  readonly versions: AffectedVersions;
  /** Objects that a generator had to leave out. */
  readonly onWarnings?: (warnings: readonly GenerationWarning[]) => void;
}

/** Answers to lists of names that are remembered, so that equal lists get the same object. */
const MAX_LISTS = 512;
/** Lists of earlier versions keep their resources alive: those that were not asked for longest go first. */
const MAX_LIST_BYTES = 256 * 1024 * 1024;
/** Lists of names that are longer than this are known by a hash. */
const MAX_KEY = 256;
const NO_NAMES: readonly string[] = [];

/**
 * Makes the ResourceProvider. Wildcard types are cached as a whole; types that are asked for by name are cached by
 * resource, and put together for each distinct list of names, so that equal subscriptions share one object.
 */
export function createResourceProvider(options: ProviderOptions): ResourceProvider {
  const { cache, backend, versions } = options;
  const underWay = new Map<string, Promise<ResourceSet>>();
  const lists = new LRUCache<string, ResourceSet>({
    max: MAX_LISTS,
    maxSize: MAX_LIST_BYTES,
    sizeCalculation: ({ resources }) => resources.reduce((sum, { bytes }) => sum + bytes.length, 1),
  });
  const namesKeys = new WeakMap<readonly string[], string>();
  /** Proxies that are alike in what a type depends on ask the same question of a snapshot: it is put once. */
  const questions = new WeakMap<PublishedSnapshot, Map<string, PairMemo<ProxyViewRef, readonly string[], Question>>>();

  const ofFacets = new PairMemo<PublishedSnapshot, ViewFacet, Question>();

  const versionPart = (snapshot: PublishedSnapshot, affected: number): string =>
    affected <= snapshot.version ? String(affected) : `@${snapshot.version}`;

  const namesKey = (names: readonly string[]): string => {
    let key = namesKeys.get(names);
    if (key === undefined) {
      const all = [...names].sort().join(",");
      key = all.length > MAX_KEY ? createHash("sha1").update(all).digest("base64") : all;
      namesKeys.set(names, key);
    }
    return key;
  };

  const remember = (key: string, set: ResourceSet): ResourceSet => {
    lists.set(key, set);
    return set;
  };

  /** The questions whose answers together are all of a type. */
  function wholeQuestions(snapshot: PublishedSnapshot, view: ProxyViewRef, type: XdsType): Question[] {
    return versions
      .facetsOf(view, type)
      .map((facet) => ofFacets.get(snapshot, facet, () => wholeQuestion(snapshot, facet, type)));
  }

  function wholeQuestion(snapshot: PublishedSnapshot, facet: ViewFacet, type: XdsType): Question {
    const { ref, part, slice, affected } = facet;
    const key = `${ref.id}|${type}|${partKey(facet)}`;
    const version = versionPart(snapshot, affected);
    return {
      facet: ref,
      want: { type, names: null, ...(part ? { part } : {}), ...(slice ? { slice } : {}) },
      id: `${version}|${key}`,
      cached: { key, version },
      parts: null,
    };
  }

  /** The key of the whole answer, and the key of each resource. */
  function question(
    snapshot: PublishedSnapshot,
    view: ProxyViewRef,
    type: XdsType,
    names: readonly string[],
  ): Question {
    const facet = versions.facetsOf(view, type)[0]!.ref;
    let byType = questions.get(snapshot);
    if (!byType) {
      byType = new Map();
      questions.set(snapshot, byType);
    }
    let ofType = byType.get(type);
    if (!ofType) {
      ofType = new PairMemo();
      byType.set(type, ofType);
    }
    return ofType.get(facet, names, () => newQuestion(snapshot, view, facet, type, names));
  }

  function newQuestion(
    snapshot: PublishedSnapshot,
    view: ProxyViewRef,
    facet: ProxyViewRef,
    type: XdsType,
    names: readonly string[],
  ): Question {
    const affectedBy = (name: string): number => versions.affectedVersion(view, type, name);
    const newest = names.reduce((max, name) => Math.max(max, affectedBy(name)), 0);
    return {
      facet,
      want: { type, names },
      id: `${versionPart(snapshot, newest)}|${facet.id}|${type}|${namesKey(names)}`,
      // Made when they are needed: most questions are answered by their key.
      parts: () =>
        names.map((name) => ({
          key: `${facet.id}|${type}||${name}`,
          version: versionPart(snapshot, affectedBy(name)),
        })),
    };
  }

  /** The answer without any work, or what is missing. */
  function lookUp(q: Question): { readonly set: ResourceSet } | { readonly missing: readonly string[] | null } {
    if (q.parts === null) {
      const set = cache.get("part", q.cached.key, q.cached.version);
      return set ? { set } : { missing: null };
    }
    const known = lists.get(q.id);
    if (known) return { set: known };
    const names = q.want.names!;
    const resources: EncodedResource[] = [];
    const missing: string[] = [];
    q.parts().forEach((part, i) => {
      const one = cache.get("resource", part.key, part.version);
      if (one) resources.push(...one.resources);
      else missing.push(names[i]!);
    });
    if (missing.length > 0) return { missing };
    return { set: remember(q.id, { type: q.want.type, resources }) };
  }

  /** Files what was generated, and gives the whole answer. */
  function accept(q: Question, generated: readonly GeneratedSet[]): ResourceSet {
    const fresh: ResourceSet = { type: q.want.type, resources: generated.flatMap(resourcesOf) };
    if (q.parts === null) {
      cache.set("part", q.cached.key, q.cached.version, fresh);
      return fresh;
    }
    const byName = new Map(fresh.resources.map((r) => [r.name, r]));
    const resources: EncodedResource[] = [];
    q.parts().forEach((part, i) => {
      const name = q.want.names![i]!;
      const resource = byName.get(name);
      if (resource) {
        cache.set("resource", part.key, part.version, { type: q.want.type, resources: [resource] });
        resources.push(resource);
        return;
      }
      const known = cache.get("resource", part.key, part.version);
      if (known) resources.push(...known.resources);
      else cache.set("resource", part.key, part.version, { type: q.want.type, resources: [] });
    });
    return remember(q.id, { type: q.want.type, resources });
  }

  async function generate(
    snapshot: PublishedSnapshot,
    view: ProxyViewRef,
    todo: readonly { readonly q: Question; readonly missing: readonly string[] | null }[],
  ): Promise<ResourceSet[]> {
    const run = async (wants: readonly ResourceWant[]): Promise<readonly GeneratedSet[]> => {
      const generated = await backend.generate(snapshot as MeshSnapshot, view, wants);
      invariant(generated.sets.length === wants.length, "a worker answered another number of sets");
      if (generated.warnings.length > 0) options.onWarnings?.(generated.warnings);
      return generated.sets;
    };
    const pieces = todo.map(({ q, missing }) => inPieces(missing).map((names) => ({ ...q.want, names })));
    // One task for all that is small, and one for each further piece of what is not.
    const [firsts, ...further] = await Promise.all([
      run(pieces.map((own) => own[0]!)),
      ...pieces.flatMap((own) => own.slice(1).map((want) => run([want]))),
    ]);
    let next = 0;
    return todo.map(({ q }, i) => {
      const more = pieces[i]!.length - 1;
      const sets = [firsts[i]!, ...further.slice(next, next + more).flat()];
      next += more;
      return accept(q, sets);
    });
  }

  return {
    fetch(snapshot, view, wants) {
      const answers: (ResourceSet | Promise<ResourceSet>)[] = [];
      let waits = false;
      const todo: { q: Question; missing: readonly string[] | null; at: number }[] = [];
      const asked = wants.map((want) => {
        const names = want.names ?? (WILDCARD_TYPES.has(want.type) ? null : NO_NAMES);
        return names === null
          ? wholeQuestions(snapshot, view, want.type)
          : [question(snapshot, view, want.type, names)];
      });
      const all = asked.length === 1 ? asked[0]! : asked.flat();
      for (let at = 0; at < all.length; at++) {
        const q = all[at]!;
        const running = underWay.get(q.id);
        if (running) {
          answers[at] = running;
          waits = true;
          continue;
        }
        const found = lookUp(q);
        if ("set" in found) answers[at] = found.set;
        else todo.push({ q, missing: found.missing, at });
      }
      for (const [facet, own] of byFacet(todo)) {
        const work = generate(snapshot, facet, own);
        own.forEach(({ q, at }, i) => {
          const one = work.then((sets) => sets[i]!).finally(() => underWay.delete(q.id));
          underWay.set(q.id, one);
          answers[at] = one;
        });
      }
      if (!waits && todo.length === 0) return joined(answers as ResourceSet[], asked);
      return Promise.all(answers).then((sets) => joined(sets, asked));
    },
  };
}

/** One set for each want, out of the answers to its questions. Slices come first, and are one set that others share. */
function joined(sets: readonly ResourceSet[], asked: readonly (readonly Question[])[]): ResourceSet[] {
  let at = 0;
  return asked.map((questions) => {
    if (questions.length === 1) return sets[at++]!;
    const own = sets.slice(at, at + questions.length);
    at += questions.length;
    const slices = questions.findIndex(({ want }) => want.slice === undefined);
    return joinSets(slices > 1 ? [joinSets(own.slice(0, slices)), ...own.slice(slices)] : own);
  });
}

interface QuestionBase {
  /** What of the view the type depends on: what a worker is given. */
  readonly facet: ProxyViewRef;
  readonly want: ResourceWant;
  /** Of the question about one state of the mesh. */
  readonly id: string;
}

/** Where the cache has a set, and of which push version. */
interface CachePlace {
  readonly key: string;
  readonly version: string;
}

/** About a type, or a part of it, that is cached as a whole, or about names whose resources are cached one by one. */
type Question =
  | (QuestionBase & { readonly parts: null; readonly cached: CachePlace })
  | (QuestionBase & { readonly parts: () => readonly CachePlace[] });

/** Types that depend on the same of a view are one task. */
function byFacet<T extends { readonly q: Question }>(todo: readonly T[]): Map<ProxyViewRef, T[]> {
  const out = new Map<ProxyViewRef, T[]>();
  for (const one of todo) {
    const list = out.get(one.q.facet);
    if (list) list.push(one);
    else out.set(one.q.facet, [one]);
  }
  return out;
}

/** Names that one task generates at most: no worker is to be busy for long. */
const NAMES_PER_TASK = 256;

function inPieces(names: readonly string[] | null): (readonly string[] | null)[] {
  if (names === null || names.length <= NAMES_PER_TASK) return [names];
  const out: (readonly string[])[] = [];
  for (let at = 0; at < names.length; at += NAMES_PER_TASK) out.push(names.slice(at, at + NAMES_PER_TASK));
  return out;
}

function resourcesOf(set: GeneratedSet): EncodedResource[] {
  return set.names.map((name, i) => ({
    name,
    hash: set.hashes[i]!,
    bytes: resourceBytes(set, i),
  }));
}
