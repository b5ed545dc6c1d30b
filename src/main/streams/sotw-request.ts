// What a state-of-the-world request means for the watch of its type. Main thread, pure.
import { WILDCARD_TYPES, type XdsType } from "../../shared/xds-types.ts";
import { Held } from "./held.ts";
import type { SotwRequest } from "./request-wire.ts";
import { newWatch, type RequestOutcome, settle, type Watch } from "./watch.ts";

/**
 * Applies a request. A request without a nonce, or with one from an earlier stream, begins the subscription; one with
 * the newest nonce answers it and may change the names; any other is stale, and what it says comes again with the answer
 * to the newest response.
 */
export function applySotwRequest(watches: Map<XdsType, Watch>, type: XdsType, request: SotwRequest): RequestOutcome {
  const watch = watches.get(type);
  if (!watch) {
    const created = newWatch(type);
    created.wildcard = isWildcard(type, request.names, false);
    for (const name of request.names) if (name !== "*") created.names.add(name);
    created.dirty = "all";
    created.mustRespond = created.wildcard || created.names.size > 0;
    watches.set(type, created);
    return { kind: "initial" };
  }
  const response = watch.sent;
  if (!response) {
    // Nothing was sent yet: the proxy only changed its mind.
    return takeNames(watch, request) ? { kind: "subscription" } : { kind: "ignored" };
  }
  const wasOutstanding = watch.outstanding;
  if (!settle(watch, request.nonce, request.error)) return { kind: "stale", nonce: request.nonce };
  const changed = takeNames(watch, request);
  if (request.error) return { kind: "nack", response, error: request.error };
  if (wasOutstanding) return { kind: "ack", response, changed };
  if (changed) return { kind: "subscription" };
  if (type === "EDS") {
    const clusters = watches.get("CDS");
    // Envoy asks again, with the same names, for the endpoints of clusters that were replaced.
    if (clusters?.sent && clusters.sent.version > response.version) {
      watch.held = Held.EMPTY;
      watch.dirty = "all";
      return { kind: "subscription" };
    }
  }
  return { kind: "ignored" };
}

/** Empty means everything, unless names were given before; then it means nothing. */
function isWildcard(type: XdsType, names: readonly string[], hadNames: boolean): boolean {
  if (!WILDCARD_TYPES.has(type)) return false;
  return names.includes("*") || (names.length === 0 && !hadNames);
}

/** Serialized names of lists that streams share: each acknowledgement repeats the names, byte by byte the same. */
const serialized = new WeakMap<readonly string[], Uint8Array>();

/** Makes the watch ask for the request's names. True when they differ from before. */
function takeNames(watch: Watch, request: SotwRequest): boolean {
  const { list } = watch;
  const bytes = request.namesBytes;
  const known = list && serialized.get(list);
  if (bytes && known && Buffer.compare(bytes, known) === 0) return false;
  const changed = changeNames(watch, request.names);
  // A copy: the request's buffer is not to be kept.
  if (!changed && list && bytes && !known) serialized.set(list, Uint8Array.from(bytes));
  return changed;
}

/** Makes the watch ask for these names. True when that differs from before. */
function changeNames(watch: Watch, names: readonly string[]): boolean {
  const wildcard = isWildcard(watch.type, names, !watch.wildcard);
  const wanted = new Set(names);
  wanted.delete("*");
  const added = [...wanted].filter((name) => !watch.names.has(name));
  const gone = [...watch.names].filter((name) => !wanted.has(name));
  if (added.length === 0 && gone.length === 0 && wildcard === watch.wildcard) return false;
  if (wildcard !== watch.wildcard) {
    watch.wildcard = wildcard;
    watch.dirty = "all";
    watch.mustRespond = wildcard;
  }
  for (const name of added) watch.names.add(name);
  for (const name of gone) watch.names.delete(name);
  watch.list = undefined;
  watch.epoch++;
  // A proxy forgets what it doesn't ask for, and has to get it again later.
  if (!watch.wildcard) watch.held = watch.held.without(gone);
  if (added.length > 0) {
    watch.mustRespond = true;
    if (watch.dirty !== "all") watch.dirty = new Set([...(watch.dirty ?? []), ...added]);
  }
  if (watch.dirty !== undefined && watch.dirty !== "all") {
    const dirty = new Set([...watch.dirty].filter((name) => watch.names.has(name)));
    watch.dirty = dirty.size > 0 ? dirty : undefined;
  }
  if (!watch.wildcard && watch.names.size === 0) {
    watch.dirty = undefined;
    watch.mustRespond = false;
  }
  return true;
}
