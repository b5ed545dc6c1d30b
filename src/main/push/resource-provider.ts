// Answers what the streams ask for: from the cache, from work already under way, or from the workers. Main thread.
import { LRUCache } from "lru-cache";
import { invariant } from "../../shared/assert.ts";
import type { ProxyViewRef } from "../../shared/model/proxy.ts";
import {
  type EncodedResource,
  type ResourceSet,
  type ResourceWant,
  resourceSize,
} from "../../shared/model/resource.ts";
import { resourceBytes } from "../../shared/protocol/generated-bytes.ts";
import type { Generated, GeneratedSet, GenerationWarning } from "../../shared/protocol/output.ts";
import type { ResourceCache } from "../cache/resource-cache.ts";
import type { PublishedSnapshot, ResourceProvider } from "./contracts.ts";
import type { HashText } from "./pieced-resource.ts";
import { type AffectedVersions, type Ask, type Question, Questions } from "./questions.ts";
import type { MeshSnapshot } from "./snapshot-builder.ts";

/** Generates; the worker pool in production. */
export interface GenerationBackend {
  generate(snapshot: MeshSnapshot, view: ProxyViewRef, wants: readonly ResourceWant[]): Promise<Generated>;
}

export interface ProviderOptions {
  readonly cache: ResourceCache;
  readonly backend: GenerationBackend;
  readonly versions: AffectedVersions;
  readonly hash: HashText;
  /** Objects that a generator had to leave out. */
  readonly onWarnings?: (warnings: readonly GenerationWarning[]) => void;
}

/** Answers to lists of names that are remembered, so that equal lists get the same object. */
const MAX_LISTS = 512;
/** Lists of earlier versions keep their resources alive: those that were not asked for longest go first. */
const MAX_LIST_BYTES = 256 * 1024 * 1024;

/**
 * Makes the ResourceProvider. Wildcard types are cached as a whole; types that are asked for by name are cached by
 * resource, and put together for each distinct list of names, so that equal subscriptions share one object.
 */
export function createResourceProvider(options: ProviderOptions): ResourceProvider {
  const { cache, backend, versions, hash } = options;
  const underWay = new Map<string, Promise<ResourceSet>>();
  const lists = new LRUCache<string, ResourceSet>({
    max: MAX_LISTS,
    maxSize: MAX_LIST_BYTES,
    sizeCalculation: ({ resources }) => resources.reduce((sum, resource) => sum + resourceSize(resource), 1),
  });
  const questions = new Questions(versions, hash);

  const remember = (key: string, set: ResourceSet): ResourceSet => {
    lists.set(key, set);
    return set;
  };

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
    const pieces = todo.map(({ q, missing }) =>
      inPieces(missing ?? q.want.names).map((names) => ({ ...q.want, names })),
    );
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

  /** As asked, but for an answer that is remembered. */
  const known = (ask: Ask): Ask => {
    const set = ask.id === undefined ? undefined : lists.get(ask.id);
    return set ? { questions: [], join: () => set } : ask;
  };

  /** One answer for each ask, out of those to all of their questions. */
  function joined(asks: readonly Ask[], sets: readonly ResourceSet[]): ResourceSet[] {
    let at = 0;
    return asks.map(({ questions, join, id }) => {
      const own = sets.slice(at, at + questions.length);
      at += questions.length;
      if (id === undefined) return join(own);
      // Others may have waited for the same.
      return lists.get(id) ?? remember(id, join(own));
    });
  }

  return {
    fetch(snapshot, view, wants) {
      const answers: (ResourceSet | Promise<ResourceSet>)[] = [];
      let waits = false;
      const todo: { q: Question; missing: readonly string[] | null; at: number }[] = [];
      const asks = wants.map((want) => known(questions.ask(snapshot, view, want)));
      const all = asks.length === 1 ? asks[0]!.questions : asks.flatMap((ask) => ask.questions);
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
      if (!waits && todo.length === 0) return joined(asks, answers as ResourceSet[]);
      return Promise.all(answers).then((sets) => joined(asks, sets));
    },
  };
}

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
const NAMES_PER_TASK = 128;

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
