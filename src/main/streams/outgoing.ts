// What goes out for one type: whether a response is needed, its bytes, and what the proxy has after it. Main thread.

import type { PushVersion } from "../../shared/ids.ts";
import type { ResourceSet } from "../../shared/model/resource.ts";
import { PairMemo } from "../../shared/pair-memo.ts";
import type { XdsType } from "../../shared/xds-types.ts";
import { type Difference, sotwBody, unionOf } from "./difference.ts";
import { Held } from "./held.ts";
import { NameSet, type Names } from "./name-sets.ts";
import { deltaResponse, type ResponseHeader, type ResponseMessage, sotwResponse } from "./response-wire.ts";
import type { StreamVariant } from "./stream-observer.ts";
import type { SentResponse, Watch } from "./watch.ts";

/** An answer of generation, compared with what the proxy has. */
export interface Outgoing {
  readonly watch: Watch;
  readonly set: ResourceSet;
  readonly difference: Difference;
  /** The names that the answer covers; null when it covers all of the watch. */
  readonly names: readonly string[] | null;
  /** The watch's epoch at the time of the question. */
  readonly epoch: number;
  readonly mustRespond: boolean;
}

/** What a response says besides its resources, with the snapshot that they were made from. */
export interface OutgoingHeader extends ResponseHeader {
  readonly snapshot: PushVersion;
}

/** A response that is ready to go, with what it holds. */
export interface WrittenResponse {
  readonly message: ResponseMessage;
  readonly response: SentResponse;
  readonly names: readonly string[];
  readonly removed: readonly string[];
}

const NONE: readonly string[] = [];

/** Types whose responses hold all resources in the state of the world: what is missing in one is removed. */
const FULL_STATE: ReadonlySet<XdsType> = new Set<XdsType>(["CDS", "LDS"]);

/** True when the answer changes something for the proxy: additions, changes or removals. */
export function changesAnything({ difference }: Outgoing): boolean {
  return difference.changed.length > 0 || difference.removed.length > 0;
}

/**
 * Writes the response, if one is needed, and notes in the watch what the proxy has then. With `keepRemoved` nothing is
 * removed yet.
 */
export function writeResponse(
  out: Outgoing,
  variant: StreamVariant,
  keepRemoved: boolean,
  header: OutgoingHeader,
): WrittenResponse | undefined {
  return variant === "sotw" ? writeSotw(out, keepRemoved, header) : writeDelta(out, keepRemoved, header);
}

function writeSotw(out: Outgoing, keepRemoved: boolean, header: OutgoingHeader): WrittenResponse | undefined {
  const { watch, difference, mustRespond } = out;
  watch.unanswered = NameSet.EMPTY;
  const keeping = keepRemoved && difference.removed.length > 0;
  if (!FULL_STATE.has(watch.type)) {
    watch.held = difference.next();
    if (difference.changed.length === 0 && !mustRespond) return undefined;
    const message = shared("sotw", difference, header, NONE, () => sotwResponse(header, difference.body("sotw")));
    return written(header, message, difference.changedNames, NONE);
  }
  const needed = difference.changed.length > 0 || mustRespond || (difference.removed.length > 0 && !keeping);
  if (!needed) {
    if (!keeping) watch.held = difference.next();
    return undefined;
  }
  const set = keeping && watch.lastSet ? unionOf(out.set, watch.lastSet) : out.set;
  watch.lastSet = set;
  watch.held = Held.of(set);
  const removed = keeping ? NONE : difference.removed;
  const message = shared("sotw", set, header, NONE, () => sotwResponse(header, sotwBody(set)));
  return written(header, message, difference.changedNames, removed);
}

function writeDelta(out: Outgoing, keepRemoved: boolean, header: OutgoingHeader): WrittenResponse | undefined {
  const { watch, difference, names, mustRespond } = out;
  const keeping = keepRemoved && difference.removed.length > 0;
  let removed: readonly string[] = keeping || difference.removed.length === 0 ? NONE : difference.removed;
  if (watch.unanswered.size > 0) {
    const missing = takeMissing(watch, out.set, names);
    if (missing.length > 0) removed = [...removed, ...missing];
  }
  watch.held = keeping ? difference.nextKeeping() : difference.next();
  if (difference.changed.length === 0 && removed.length === 0 && !mustRespond) return undefined;
  const message = shared("delta", difference.sole, header, removed, () =>
    deltaResponse(header, difference.body("delta"), removed),
  );
  return written(header, message, difference.changedNames, removed);
}

interface SharedMessage {
  readonly version: string;
  readonly nonce: string;
  readonly removed: readonly string[];
  readonly message: ResponseMessage;
}

/** The last message made of a difference or a set: most streams of a variant that are sent it are sent the same bytes. */
const lastMessages = { sotw: new WeakMap<object, SharedMessage>(), delta: new WeakMap<object, SharedMessage>() };

function shared(
  variant: StreamVariant,
  content: object,
  { version, nonce }: ResponseHeader,
  removed: readonly string[],
  make: () => ResponseMessage,
): ResponseMessage {
  const known = lastMessages[variant].get(content);
  if (known && known.nonce === nonce && known.version === version && known.removed === removed) return known.message;
  const message = make();
  lastMessages[variant].set(content, { version, nonce, removed, message });
  return message;
}

/** Names that the proxy waits for and that don't exist: it is told that they don't. */
function takeMissing(watch: Watch, set: ResourceSet, names: readonly string[] | null): readonly string[] {
  const { unanswered } = watch;
  if (names === null) {
    // As for each proxy that has just begun to ask for the same.
    watch.unanswered = NameSet.EMPTY;
    return notIn.get(unanswered, set, () => without(unanswered, set));
  }
  const { asked, left } = owed.get(unanswered, names, () => divide(unanswered, names));
  watch.unanswered = left;
  return asked.length === 0 ? NONE : notIn.get(asked, set, () => without(asked, set));
}

/** Which of what is owed an answer covers, and what is left. */
interface Owed {
  readonly asked: readonly string[];
  readonly left: Names;
}

const owed = new PairMemo<Names, readonly string[], Owed>();

function divide(unanswered: Names, names: readonly string[]): Owed {
  const asked = names.filter((name) => unanswered.has(name));
  const left = new Set(unanswered);
  for (const name of asked) left.delete(name);
  return { asked, left: left.size === 0 ? NameSet.EMPTY : left };
}

const notIn = new PairMemo<Iterable<string> & object, ResourceSet, readonly string[]>();

/** The names that no resource of a set has. */
function without(names: Iterable<string>, { resources }: ResourceSet): string[] {
  const there = new Set(resources.map((resource) => resource.name));
  return [...names].filter((name) => !there.has(name));
}

function written(
  header: OutgoingHeader,
  message: ResponseMessage,
  names: readonly string[],
  removed: readonly string[],
): WrittenResponse {
  const { nonce, version: versionInfo, snapshot: version } = header;
  const response = { nonce, versionInfo, version, resources: names.length };
  return { message, response, names, removed };
}
