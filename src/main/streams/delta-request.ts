// What a delta request means for the watch of its type. Main thread, pure.
import { WILDCARD_TYPES, type XdsType } from "../../shared/xds-types.ts";
import { Held } from "./held.ts";
import { NameSet, type NameSets } from "./name-sets.ts";
import type { DeltaRequest } from "./request-wire.ts";
import { newWatch, type RequestOutcome, settle, type Watch } from "./watch.ts";

/**
 * Applies a request. Its nonce and error answer a response, its names change the subscription, and neither depends on
 * the other: a stale nonce does not make the names stale.
 */
export function applyDeltaRequest(
  watches: Map<XdsType, Watch>,
  type: XdsType,
  request: DeltaRequest,
  sets: NameSets,
): RequestOutcome {
  const watch = watches.get(type);
  if (!watch) {
    watches.set(type, begin(type, request, sets));
    return { kind: "initial" };
  }
  const response = watch.sent;
  const wasOutstanding = watch.outstanding;
  const answers = request.nonce !== "";
  const settled = answers && settle(watch, request.nonce, request.error);
  const changed = changeSubscription(watch, request, sets);
  if (answers && !settled) return { kind: "stale", nonce: request.nonce };
  if (settled && request.error) return { kind: "nack", response: response!, error: request.error };
  if (settled && wasOutstanding) return { kind: "ack", response: response!, changed };
  return { kind: changed ? "subscription" : "ignored" };
}

/** The first request of a type. What the proxy has from an earlier stream is not sent again if it is still the same. */
function begin(type: XdsType, request: DeltaRequest, sets: NameSets): Watch {
  const asked = sets.ofRequest(request.subscribeBytes, () => request.subscribe);
  const { names } = asked;
  const wildcard = WILDCARD_TYPES.has(type) && (asked.wildcard || names.size === 0);
  let versions = request.initialVersions;
  if (!wildcard) versions = new Map([...versions].filter(([name]) => names.has(name)));
  const watch = newWatch(type, Held.ofVersions(versions));
  watch.wildcard = wildcard;
  watch.names = names;
  watch.unanswered = versions.size === 0 ? names : new Set([...names].filter((name) => !versions.has(name)));
  watch.dirty = "all";
  watch.mustRespond = (wildcard && versions.size === 0) || watch.unanswered.size > 0;
  return watch;
}

function changeSubscription(watch: Watch, request: DeltaRequest, sets: NameSets): boolean {
  const { subscribe, unsubscribe } = request;
  if (subscribe.length === 0 && unsubscribe.length === 0) return false;
  watch.epoch++;
  const names = new Set(watch.names);
  const unanswered = new Set(watch.unanswered);
  const again: string[] = [];
  const owe = (name: string): void => {
    again.push(name);
    unanswered.add(name);
    watch.mustRespond = true;
  };
  for (const name of unsubscribe) {
    if (name === "*") {
      if (watch.wildcard) {
        watch.wildcard = false;
        watch.held = watch.held.without([...watch.held.names()].filter((n) => !names.has(n)));
      }
      continue;
    }
    unanswered.delete(name);
    if (!names.delete(name)) continue;
    // Under a wildcard the proxy can't know whether it may still count on the resource, unless it hears of it.
    if (watch.wildcard) owe(name);
    else watch.held = watch.held.without([name]);
  }
  for (const name of subscribe) {
    if (name !== "*") {
      names.add(name);
      owe(name);
    } else if (WILDCARD_TYPES.has(watch.type)) {
      watch.wildcard = true;
      watch.dirty = "all";
      watch.mustRespond = true;
    }
  }
  watch.names = sets.of(names);
  watch.unanswered = unanswered;
  if (again.length > 0) {
    watch.held = watch.held.without(again);
    if (watch.dirty !== "all") watch.dirty = watch.wildcard ? "all" : new Set([...(watch.dirty ?? []), ...again]);
  }
  if (!watch.wildcard && watch.names.size === 0) {
    watch.dirty = undefined;
    watch.mustRespond = false;
    watch.unanswered = NameSet.EMPTY;
  }
  return true;
}
