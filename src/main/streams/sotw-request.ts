// What a state-of-the-world request means for the watch of its type. Main thread, pure.
import { WILDCARD_TYPES, type XdsType } from "../../shared/xds-types.ts";
import { Held } from "./held.ts";
import type { AskedNames, NameSets } from "./name-sets.ts";
import type { SotwRequest } from "./request-wire.ts";
import { newWatch, type RequestOutcome, settle, type Watch } from "./watch.ts";

/**
 * Applies a request. A request without a nonce, or with one from an earlier stream, begins the subscription; one with
 * the newest nonce answers it and may change the names; any other is stale, and what it says comes again with the answer
 * to the newest response.
 */
export function applySotwRequest(
  watches: Map<XdsType, Watch>,
  type: XdsType,
  request: SotwRequest,
  sets: NameSets,
): RequestOutcome {
  const watch = watches.get(type);
  if (!watch) {
    const created = newWatch(type);
    const asked = sets.ofRequest(request.namesBytes, () => request.names);
    created.wildcard = isWildcard(type, asked, false);
    created.names = asked.names;
    created.namesBytes = asked.bytes;
    created.dirty = "all";
    created.mustRespond = created.wildcard || created.names.size > 0;
    watches.set(type, created);
    return { kind: "initial" };
  }
  const response = watch.sent;
  if (!response) {
    // Nothing was sent yet: the proxy only changed its mind.
    return takeNames(watch, request, sets) ? { kind: "subscription" } : { kind: "ignored" };
  }
  const wasOutstanding = watch.outstanding;
  if (!settle(watch, request.nonce, request.error)) return { kind: "stale", nonce: request.nonce };
  const changed = takeNames(watch, request, sets);
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
function isWildcard(type: XdsType, asked: AskedNames, hadNames: boolean): boolean {
  if (!WILDCARD_TYPES.has(type)) return false;
  return asked.wildcard || (asked.names.size === 0 && !hadNames);
}

/** Makes the watch ask for the request's names. True when they differ from before. */
function takeNames(watch: Watch, request: SotwRequest, sets: NameSets): boolean {
  const { namesBytes } = watch;
  if (namesBytes && request.namesBytes && Buffer.compare(namesBytes, request.namesBytes) === 0) return false;
  const asked = sets.ofRequest(request.namesBytes, () => request.names);
  watch.namesBytes = asked.bytes;
  return changeNames(watch, asked);
}

/** Makes the watch ask for these names. True when that differs from before. */
function changeNames(watch: Watch, asked: AskedNames): boolean {
  const wildcard = isWildcard(watch.type, asked, !watch.wildcard);
  const before = watch.names;
  const { names } = asked;
  const added = before === names ? [] : names.sorted.filter((name) => !before.has(name));
  const gone = before === names ? [] : before.sorted.filter((name) => !names.has(name));
  if (added.length === 0 && gone.length === 0 && wildcard === watch.wildcard) return false;
  if (wildcard !== watch.wildcard) {
    watch.wildcard = wildcard;
    watch.dirty = "all";
    watch.mustRespond = wildcard;
  }
  watch.names = names;
  watch.epoch++;
  // A proxy forgets what it doesn't ask for, and has to get it again later.
  if (!watch.wildcard) watch.held = watch.held.without(gone);
  if (added.length > 0) {
    watch.mustRespond = true;
    if (watch.dirty !== "all") watch.dirty = new Set([...(watch.dirty ?? []), ...added]);
  }
  if (watch.dirty !== undefined && watch.dirty !== "all") {
    const dirty = new Set([...watch.dirty].filter((name) => names.has(name)));
    watch.dirty = dirty.size > 0 ? dirty : undefined;
  }
  if (!watch.wildcard && names.size === 0) {
    watch.dirty = undefined;
    watch.mustRespond = false;
  }
  return true;
}
