// Work on one type of a stream: taken out of its watch, answered by generation, compared with what the proxy has.
// Main thread, no I/O.
import { errorCode, errorMessage, MizzenError } from "../../shared/errors.ts";
import type { GeneratorKind, ProxyViewRef } from "../../shared/model/proxy.ts";
import type { ResourceSet, ResourceWant } from "../../shared/model/resource.ts";
import { PairMemo } from "../../shared/pair-memo.ts";
import { PUSH_ORDER, WILDCARD_TYPES, type XdsType } from "../../shared/xds-types.ts";
import type { PublishedSnapshot, ResourceProvider } from "../push/contracts.ts";
import { partialDifference, subsetOf, wholeDifference } from "./difference.ts";
import { forget } from "./held.ts";
import { NameSet } from "./name-sets.ts";
import type { Outgoing } from "./outgoing.ts";
import { hasWork, markDirty, type Watch } from "./watch.ts";

/** Work that was taken out of a watch. */
export interface Taken {
  readonly watch: Watch;
  /** What is asked of generation. */
  readonly want: ResourceWant;
  /** The names that the answer covers; null when it covers all of the watch. */
  readonly names: readonly string[] | null;
  readonly epoch: number;
  readonly dirty: Watch["dirty"];
  readonly mustRespond: boolean;
}

/** Work with what generation gave. */
export interface Answered extends Taken {
  readonly set: ResourceSet;
}

/** The same list for all proxies that are affected alike, so that the provider knows the question. */
const askedFor = new PairMemo<NameSet, ReadonlySet<string>, readonly string[]>();

/** Takes out what can be served now, in push order. `referringWait`: listeners and routes have to wait for now. */
export function takeReady(
  watches: ReadonlyMap<XdsType, Watch>,
  generator: GeneratorKind,
  referringWait: boolean,
): Taken[] {
  const clusters = watches.get("CDS");
  const clustersWait = clusters?.outstanding === true && hasWork(clusters);
  const out: Taken[] = [];
  for (const type of PUSH_ORDER) {
    const watch = watches.get(type);
    if (!watch || watch.outstanding || !hasWork(watch)) continue;
    // What refers to clusters comes after them.
    const refers = type === "LDS" || type === "RDS";
    if (refers && (clustersWait || referringWait)) continue;
    // Endpoints of clusters that are about to go could be gone already. But those that clusters wait for must come:
    // Envoy acknowledges clusters only when it has them.
    const owed = watch.mustRespond || watch.unanswered.size > 0;
    if (type === "EDS" && clustersWait && watch.dirty === "all" && !owed) continue;
    const taken = takeWork(watch, generator);
    if (taken) out.push(taken);
  }
  return out;
}

/**
 * True when some endpoints changed that the proxy has already: they need not wait for other types. Those that clusters wait for
 * belong to the clusters' response.
 */
export function isUrgent({ dirty, outstanding, mustRespond, unanswered }: Watch): boolean {
  return dirty !== undefined && dirty !== "all" && !outstanding && !mustRespond && unanswered.size === 0;
}

/** Takes out what a watch has to look at; undefined when the proxy asks for none of it. */
export function takeWork(watch: Watch, generator: GeneratorKind): Taken | undefined {
  const { type, dirty, mustRespond, epoch } = watch;
  watch.dirty = undefined;
  watch.mustRespond = false;
  const whole = (asked: readonly string[] | null): Taken => ({
    watch,
    want: { type, names: asked },
    names: null,
    epoch,
    dirty,
    mustRespond,
  });
  if (watch.wildcard) return whole(null);
  if (watch.names.size === 0) return undefined;
  // Only gRPC's clients name what they are served by; for the others, types are generated as a whole.
  if (WILDCARD_TYPES.has(type)) return whole(generator === "grpc" ? watch.names.sorted : null);
  if (dirty === "all" || dirty === undefined) return whole(watch.names.sorted);
  const names = askedFor.get(watch.names, dirty, () => [...dirty].filter((name) => watch.names.has(name)).sort());
  if (names.length === 0 && !mustRespond) return undefined;
  return { watch, want: { type, names }, names, epoch, dirty, mustRespond };
}

/** Puts work back, to be done again. */
export function giveBack({ watch, dirty, mustRespond }: Taken): void {
  if (dirty === "all" || watch.dirty === "all") watch.dirty = "all";
  else if (dirty !== undefined) watch.dirty = new Set([...(watch.dirty ?? []), ...dirty]);
  if (mustRespond) watch.mustRespond = true;
}

/**
 * Generates for what was taken, from one snapshot; at once when all of it is known. A type that fails is left out, and the
 * others are served.
 */
export function fetchAnswers(
  provider: ResourceProvider,
  snapshot: PublishedSnapshot,
  view: ProxyViewRef,
  taken: readonly Taken[],
  failed: (one: Taken, error: MizzenError) => void,
): Answered[] | Promise<Answered[]> {
  const wants = taken.map((one) => one.want);
  const sets = provider.fetch(snapshot, view, wants);
  const answer = (all: readonly ResourceSet[]): Answered[] =>
    taken.map(({ watch, want, names, epoch, dirty, mustRespond }, i) => ({
      watch,
      want,
      names,
      epoch,
      dirty,
      mustRespond,
      set: all[i]!,
    }));
  if (!(sets instanceof Promise)) return answer(sets);
  return sets.then(answer, async (cause: unknown) => {
    if (taken.length === 1) {
      const code = errorCode(cause, "MIZZEN_ERR_GENERATE");
      failed(taken[0]!, cause instanceof MizzenError ? cause : new MizzenError(code, errorMessage(cause), { cause }));
      return [];
    }
    const out: Answered[] = [];
    for (const one of taken) out.push(...(await fetchAnswers(provider, snapshot, view, [one], failed)));
    return out;
  });
}

/** Compares answers with what the proxy has. One to a subscription that has changed meanwhile is given back, and left out. */
export function compareAnswers(answered: readonly Answered[]): Outgoing[] {
  const out: Outgoing[] = [];
  for (const answer of answered) {
    if (answer.watch.epoch === answer.epoch) out.push(compareAnswer(answer));
    else giveBack(answer);
  }
  return out;
}

function compareAnswer(answer: Answered): Outgoing {
  const { watch, names, epoch, mustRespond } = answer;
  const set = WILDCARD_TYPES.has(watch.type) && !watch.wildcard ? subsetOf(answer.set, watch.names.sorted) : answer.set;
  const difference = names === null ? wholeDifference(watch.held, set) : partialDifference(watch.held, set, names);
  return { watch, set, difference, names, epoch, mustRespond };
}

/**
 * The endpoints of clusters that are about to be sent: Envoy takes up a changed cluster only when its endpoints come
 * again, though they are the same. Changes `out` where it has the endpoints already; else gives what to generate.
 */
export function takeFollowing(out: Outgoing[], endpoints: Watch | undefined): Taken | undefined {
  const clusters = out.find((o) => o.watch.type === "CDS");
  if (!clusters || !endpoints || clusters.difference.changed.length === 0) return undefined;
  const { changedNames } = clusters.difference;
  const names = followed.get(endpoints.names, changedNames, () =>
    namesOf(changedNames.filter((name) => endpoints.names.has(name))),
  );
  if (names.size === 0) return undefined;
  endpoints.held = forget(endpoints.held, changedNames);
  // The proxy still has them: should they be gone by the time of the answer, it has to hear of that.
  const owed = endpoints.unanswered;
  endpoints.unanswered = owed.size === 0 ? names : new Set([...owed, ...names]);
  const at = out.findIndex((o) => o.watch === endpoints);
  const answer = out[at];
  if (answer?.names === null) {
    // All endpoints were generated already; only the comparison is another one now.
    out[at] = { ...answer, difference: wholeDifference(endpoints.held, answer.set) };
    return undefined;
  }
  if (endpoints.outstanding) {
    markDirty(endpoints, names.members);
    return undefined;
  }
  if (answer) out.splice(at, 1);
  const all = answer?.names ? namesOf([...names, ...answer.names]) : names;
  // What the watch has to look at by now belongs to a later snapshot, and stays.
  return {
    watch: endpoints,
    want: { type: "EDS", names: all.sorted },
    names: all.sorted,
    epoch: endpoints.epoch,
    dirty: all.members,
    mustRespond: answer?.mustRespond ?? false,
  };
}

/** What of a change of clusters the endpoints that a proxy asks for follow: one list for all that are alike. */
const followed = new PairMemo<NameSet, readonly string[], NameSet>();

function namesOf(names: Iterable<string>): NameSet {
  return new NameSet([...new Set(names)].sort());
}

const omitted = new PairMemo<ResourceSet, readonly string[], ResourceSet>();

/** What goes out but for some names, which stay as the proxy has them. */
export function withoutNames(out: Outgoing, names: readonly string[]): Outgoing {
  const gone = new Set(names);
  if (names.length === 0 || !out.difference.changedNames.some((name) => gone.has(name))) return out;
  const set = omitted.get(out.set, names, () => ({
    type: out.set.type,
    resources: out.set.resources.filter((resource) => !gone.has(resource.name)),
  }));
  const asked = (out.names ?? out.watch.names.sorted).filter((name) => !gone.has(name));
  return { ...out, set, names: asked, difference: partialDifference(out.watch.held, set, asked) };
}
