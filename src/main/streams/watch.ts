// The state of one type on one stream: what is asked for, what was sent, what was acknowledged. Main thread, no I/O.
import type { PushVersion } from "../../shared/ids.ts";
import type { ResourceSet } from "../../shared/model/resource.ts";
import { PairMemo } from "../../shared/pair-memo.ts";
import type { XdsType } from "../../shared/xds-types.ts";
import type { AffectedNames } from "../push/contracts.ts";
import { Held } from "./held.ts";
import { NameSet, type Names } from "./name-sets.ts";
import type { ErrorDetail } from "./request-wire.ts";

/** A response that was sent. */
export interface SentResponse {
  readonly nonce: string;
  /** version_info of the response. */
  readonly versionInfo: string;
  /** The snapshot that it was made from. */
  readonly version: PushVersion;
  readonly resources: number;
}

/** Both variants keep this for each type that a proxy watches. */
export interface Watch {
  readonly type: XdsType;
  wildcard: boolean;
  /** Names that are asked for, beside a wildcard or without one. */
  names: NameSet;
  /** The serialized names of the last state-of-the-world request, which acknowledgements repeat. */
  namesBytes: Uint8Array | undefined;
  /** Increases with each change of the subscription: an answer made for an earlier one is not sent. */
  epoch: number;
  /** What the proxy has once it has processed all that was sent. */
  held: Held;
  /** The last whole set of a type that is sent in the state of the world. */
  lastSet: ResourceSet | undefined;
  /** The newest response; undefined until the first one. */
  sent: SentResponse | undefined;
  acked: SentResponse | undefined;
  /** What the proxy refused last; cleared by the next acknowledgement. */
  nacked: { readonly response: SentResponse; readonly error: ErrorDetail } | undefined;
  /** True from `sent` until the proxy has acknowledged or refused it: at most one response is under way. */
  outstanding: boolean;
  /** What may differ from `held`; undefined when nothing does. Proxies share the set: it is replaced, never changed. */
  dirty: AffectedNames | undefined;
  /** A response is due even when there is nothing in it. */
  mustRespond: boolean;
  /** Names that have to be answered, with the resource or with its removal. Proxies share it: it is replaced, never changed. */
  unanswered: Names;
  /** True while removals of this type wait until nothing refers to them any more. */
  holdsBack: boolean;
}

/** A type that a proxy has just begun to watch. */
export function newWatch(type: XdsType, held: Held = Held.EMPTY): Watch {
  return {
    type,
    wildcard: false,
    names: NameSet.EMPTY,
    namesBytes: undefined,
    epoch: 0,
    held,
    lastSet: undefined,
    sent: undefined,
    acked: undefined,
    nacked: undefined,
    outstanding: false,
    dirty: undefined,
    mustRespond: false,
    unanswered: NameSet.EMPTY,
    holdsBack: false,
  };
}

/** Adds to what has to be looked at. */
export function markDirty(watch: Watch, affected: AffectedNames): void {
  if (watch.dirty === "all" || affected === "all") {
    watch.dirty = "all";
    return;
  }
  if (watch.wildcard) {
    // A wildcard is generated as a whole.
    watch.dirty = "all";
    return;
  }
  const own = ownNames.get(watch.names, affected, () => intersection(watch.names, affected));
  if (own.size === 0) return;
  watch.dirty = watch.dirty ? new Set([...watch.dirty, ...own]) : own;
}

/** Proxies that ask for the same names are affected alike: they share what they have to look at, and what is asked for it. */
const ownNames = new PairMemo<NameSet, ReadonlySet<string>, ReadonlySet<string>>();

function intersection(names: NameSet, affected: ReadonlySet<string>): ReadonlySet<string> {
  const [few, many] = affected.size < names.size ? [affected, names] : [names, affected];
  const out = new Set<string>();
  for (const name of few) if (many.has(name)) out.add(name);
  return out;
}

/** True when the watch has something to look at, or owes an answer. */
export function hasWork(watch: Watch): boolean {
  return watch.dirty !== undefined || watch.mustRespond;
}

/** True when any of a proxy's watches has work. */
export function anyWork(watches: ReadonlyMap<XdsType, Watch>): boolean {
  for (const watch of watches.values()) if (hasWork(watch)) return true;
  return false;
}

/** What a request turned out to be, for metrics, the log and the ledger. */
export type RequestOutcome =
  | { readonly kind: "initial" }
  | { readonly kind: "ack"; readonly response: SentResponse; readonly changed: boolean }
  | { readonly kind: "nack"; readonly response: SentResponse; readonly error: ErrorDetail }
  | { readonly kind: "stale"; readonly nonce: string }
  | { readonly kind: "subscription" }
  | { readonly kind: "ignored" };

/**
 * Takes a nonce, and an error where there is one, as the answer to the newest response. False when it isn't one: an
 * answer to an older response says nothing about the newest.
 */
export function settle(watch: Watch, nonce: string, error: ErrorDetail | undefined): boolean {
  const { sent } = watch;
  if (!sent || sent.nonce !== nonce) return false;
  watch.outstanding = false;
  if (error) watch.nacked = { response: sent, error };
  else {
    watch.acked = sent;
    watch.nacked = undefined;
  }
  return true;
}
