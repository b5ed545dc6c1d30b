// Patches of listeners and what is in them: listener filters, chains, network filters, HTTP filters. Worker threads.
import type { EditResource, ResourceSink } from "../encode/resource-sink.ts";
import { mergeFilter, mergeSocket } from "./filter-merge.ts";
import { chainMatches, filterName, listenerMatches, networkFilterMatches } from "./listener-match.ts";
import { patchHttpFilters, patchInlineRoutes } from "./manager-patches.ts";
import { merge } from "./merge.ts";
import { decode, encode, knownType, type Message } from "./message-types.ts";
import { editedList, type List } from "./named-lists.ts";
import { VALUE_TYPES } from "./patch-value.ts";
import { addedIn, inContext, PatchedBytes, type Patcher } from "./patcher.ts";
import { type RoutePatches, routePatches } from "./route-patches.ts";
import type { Patch, PatchContextName, PatchSet } from "./selected-patches.ts";
import { trafficDirection } from "./serialized-parts.ts";

/** What of the question decides about listeners that patches add. */
export interface ListenerQuestion {
  readonly type: "sidecar" | "router";
  /** False for the part that several workloads share: added listeners are never in it. */
  readonly adds: boolean;
  /** Those of the names that are in the other part: listeners that are added must not have them. */
  readonly otherNames: (names: readonly string[], sink: ResourceSink) => Iterable<string>;
}

/** The patches that apply to one context's listeners. */
interface ListenerPatches {
  /** Of routes that stand in the listener itself; undefined for none. */
  readonly routes: RoutePatches | undefined;
  readonly listeners: readonly Patch[];
  readonly listenerFilters: readonly Patch[];
  readonly chains: readonly Patch[];
  readonly networkFilters: readonly Patch[];
  readonly httpFilters: readonly Patch[];
}

const patched = new PatchedBytes();

/** What the patches do to listeners; undefined for nothing. */
export function listenerPatcher(set: PatchSet, question: ListenerQuestion): Patcher | undefined {
  const inbound = patchesIn(set, "SIDECAR_INBOUND");
  const outbound = patchesIn(set, question.type === "router" ? "GATEWAY" : "SIDECAR_OUTBOUND");
  if (!outbound && (question.type === "router" || !inbound)) return undefined;
  const edit: EditResource = (name, bytes) => {
    const toApplication = question.type === "sidecar" && trafficDirection(bytes) === INBOUND;
    const patches = toApplication ? inbound : outbound;
    return patches ? patched.get(bytes, set, () => patchedListener(name, bytes, patches)) : bytes;
  };
  return { edit, add: (sink) => question.adds && addListeners(set, question, sink) };
}

/** envoy.config.core.v3.TrafficDirection */
const INBOUND = 1;

function patchedListener(name: string, bytes: Uint8Array, patches: ListenerPatches): Uint8Array | undefined {
  const type = knownType(VALUE_TYPES.LISTENER);
  const listener = decode(type, bytes);
  if (!patchListener(listener, patches)) return undefined;
  // Parts of an answer go by the name.
  listener.name = name;
  return encode(type, listener);
}

/** Undefined where there are none. */
function patchesIn(set: PatchSet, context: PatchContextName): ListenerPatches | undefined {
  const here = inContext(context);
  const patches = {
    // What goes out, and gateways, have their routes from RDS, or routes that Istio doesn't patch.
    routes: context === "SIDECAR_INBOUND" ? routePatches(set, context) : undefined,
    listeners: set.of("LISTENER").filter(here),
    listenerFilters: set.of("LISTENER_FILTER").filter(here),
    chains: set.of("FILTER_CHAIN").filter(here),
    networkFilters: set.of("NETWORK_FILTER").filter(here),
    httpFilters: set.of("HTTP_FILTER").filter(here),
  };
  return Object.values(patches).some((list) => list && (!Array.isArray(list) || list.length > 0)) ? patches : undefined;
}

/** False for a listener that is left out. */
function patchListener(listener: Message, patches: ListenerPatches): boolean {
  if (patches.routes) {
    for (const filter of filtersOf(listener)) patchInlineRoutes(filter, patches.routes);
  }
  for (const patch of patches.listeners) {
    if (patch.operation === "ADD" || !listenerMatches(listener, patch)) continue;
    if (patch.operation === "REMOVE") return false;
    const lists = listsOf(patch);
    if (lists) merge(knownType(VALUE_TYPES.LISTENER), listener, patch.value(), lists);
  }
  const here = (patch: Patch): boolean => listenerMatches(listener, patch);
  patchListenerFilters(listener, patches.listenerFilters.filter(here));
  patchChains(listener, {
    ...patches,
    chains: patches.chains.filter(here),
    networkFilters: patches.networkFilters.filter(here),
    httpFilters: patches.httpFilters.filter(here),
  });
  return true;
}

function filtersOf(listener: Message): Message[] {
  const chains = [...((listener.filterChains ?? []) as Message[]), listener.defaultFilterChain as Message | undefined];
  return chains.flatMap((chain) => (chain?.filters ?? []) as Message[]);
}

/** How a patch treats lists; undefined for one that merges nothing. */
function listsOf({ operation }: Patch): "append" | "replace" | undefined {
  if (operation === "MERGE") return "append";
  return operation === "MERGE_AND_REPLACE_LIST" ? "replace" : undefined;
}

function patchListenerFilters(listener: Message, patches: readonly Patch[]): void {
  for (const patch of patches) {
    const name = patch.match.listener?.listenerFilter ?? "";
    if (patch.operation === "MERGE") {
      for (const filter of (listener.listenerFilters ?? []) as Message[]) {
        if (name !== "" && filter.name === name) mergeFilter(filter, patch);
      }
    } else {
      listener.listenerFilters = editedList(listener.listenerFilters as List, patch, name);
    }
  }
}

function patchChains(listener: Message, patches: ListenerPatches): void {
  const chains = (listener.filterChains ?? []) as Message[];
  const kept = chains.filter((chain) => patchChain(listener, chain, patches));
  const last = listener.defaultFilterChain as Message | undefined;
  if (last && !patchChain(listener, last, patches)) delete listener.defaultFilterChain;
  const added = patches.chains.filter(({ operation }) => operation === "ADD").map((patch) => patch.value());
  listener.filterChains = [...kept, ...added];
}

/** False for a chain that is left out. */
function patchChain(listener: Message, chain: Message, patches: ListenerPatches): boolean {
  const here = (patch: Patch): boolean => chainMatches(listener, chain, patch);
  for (const patch of patches.chains) {
    if (patch.operation === "ADD" || !here(patch)) continue;
    if (patch.operation === "REMOVE") return false;
    const lists = listsOf(patch);
    if (lists) mergeChain(chain, patch, lists);
  }
  patchNetworkFilters(chain, patches.networkFilters.filter(here));
  const httpFilters = patches.httpFilters.filter(here);
  for (const filter of (chain.filters ?? []) as Message[]) patchHttpFilters(filter, httpFilters);
  return true;
}

/** A patch of the transport socket that the chain has is about nothing else. */
function mergeChain(chain: Message, patch: Patch, lists: "append" | "replace"): void {
  const value = patch.value();
  const [own, socket] = [chain.transportSocket, value.transportSocket] as (Message | undefined)[];
  if (own && socket && own.name === socket.name) mergeSocket(own, socket);
  else merge(knownType(VALUE_TYPES.FILTER_CHAIN), chain, value, lists);
}

function patchNetworkFilters(chain: Message, patches: readonly Patch[]): void {
  for (const patch of patches) {
    if (patch.operation === "MERGE") continue;
    chain.filters = editedList(chain.filters as List, patch, filterName(patch));
  }
  for (const filter of (chain.filters ?? []) as Message[]) {
    for (const patch of patches) {
      if (patch.operation === "MERGE" && networkFilterMatches(filter, patch)) mergeFilter(filter, patch);
    }
  }
}

function addListeners(set: PatchSet, question: ListenerQuestion, sink: ResourceSink): void {
  const contexts: readonly PatchContextName[] =
    question.type === "router" ? ["GATEWAY"] : ["SIDECAR_INBOUND", "SIDECAR_OUTBOUND"];
  const additions = contexts.flatMap((context) =>
    set.of("LISTENER").filter((patch) => patch.operation === "ADD" && addedIn(context)(patch)),
  );
  if (additions.length === 0) return;
  const named = additions.map((patch) => ({ patch, name: String(patch.value().name ?? "") }));
  const asked = new Set(named.map(({ name }) => name));
  const taken = new Set([...sink.taken(), ...question.otherNames([...asked], sink)]);
  for (const { patch, name } of named) {
    const listener = patch.value();
    if (taken.has(name)) {
      sink.warn(patch.object, `there is a listener ${name} already, so that it can't be added`);
      continue;
    }
    taken.add(name);
    sink.addBytes(name, encode(knownType(VALUE_TYPES.LISTENER), listener));
  }
}
