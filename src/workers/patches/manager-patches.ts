// Patches inside of HTTP connection managers: their filters, and the routes that a sidecar's application has. Worker threads.
import { mergeFilter } from "./filter-merge.ts";
import { networkFilterMatches, subFilterName } from "./listener-match.ts";
import { type AnyValue, decode, encode, knownType, type Message, typeName } from "./message-types.ts";
import { editedList, type List } from "./named-lists.ts";
import { patchInbound, type RoutePatches } from "./route-patches.ts";
import type { Patch } from "./selected-patches.ts";

const MANAGER = "envoy.filters.network.http_connection_manager";
const MANAGER_TYPE = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";

/** Patches the HTTP filters of a network filter, if it is a connection manager; it is altered. */
export function patchHttpFilters(filter: Message, patches: readonly Patch[]): void {
  const own = patches.filter((patch) => networkFilterMatches(filter, patch));
  if (own.length === 0) return;
  withManager(filter, (manager) => {
    for (const patch of own) {
      if (patch.operation === "MERGE") continue;
      manager.httpFilters = editedList(manager.httpFilters as List, patch, subFilterName(patch));
    }
    for (const one of (manager.httpFilters ?? []) as Message[]) {
      for (const patch of own) {
        if (patch.operation === "MERGE" && one.name === subFilterName(patch)) mergeFilter(one, patch);
      }
    }
  });
}

/** Patches the routes that stand in a network filter itself; it is altered. */
export function patchInlineRoutes(filter: Message, patches: RoutePatches): void {
  withManager(filter, (manager) => {
    if (manager.routeConfig) patchInbound(manager.routeConfig as Message, patches);
  });
}

function withManager(filter: Message, change: (manager: Message) => void): void {
  const config = filter.typedConfig as AnyValue | undefined;
  if (filter.name !== MANAGER || !config || typeName(config.type_url) !== MANAGER_TYPE) return;
  const type = knownType(MANAGER_TYPE);
  const manager = decode(type, config.value ?? new Uint8Array());
  change(manager);
  filter.typedConfig = { type_url: config.type_url, value: encode(type, manager) };
}
