// Patches of route configurations, virtual hosts and routes. Worker threads.
import { joinRepeated } from "../encode/join.ts";
import type { EditResource, HashBytes } from "../encode/resource-sink.ts";
import { merge } from "./merge.ts";
import { decode, encode, knownType, type Message } from "./message-types.ts";
import { insertedAt } from "./named-lists.ts";
import { VALUE_TYPES } from "./patch-value.ts";
import { PatchedParts } from "./patched-parts.ts";
import { inContext, type Patcher } from "./patcher.ts";
import { configurationMatches, type GatewayPorts, hostMatches, namesRoute, routeMatches } from "./route-match.ts";
import type { Patch, PatchContextName, PatchSet } from "./selected-patches.ts";
import { namedHost, split, VIRTUAL_HOSTS } from "./serialized-parts.ts";

/** The patches of routes that apply in one context. */
export interface RoutePatches {
  readonly configurations: readonly Patch[];
  readonly hosts: readonly Patch[];
  readonly routes: readonly Patch[];
}

/** Undefined where there are none. */
export function routePatches(set: PatchSet, context: PatchContextName): RoutePatches | undefined {
  const here = inContext(context);
  const patches = {
    configurations: set.of("ROUTE_CONFIGURATION").filter(here),
    hosts: set.of("VIRTUAL_HOST").filter(here),
    routes: set.of("HTTP_ROUTE").filter(here),
  };
  return isEmpty(patches) ? undefined : patches;
}

function isEmpty({ configurations, hosts, routes }: RoutePatches): boolean {
  return configurations.length + hosts.length + routes.length === 0;
}

/** What the patches do to route configurations; undefined for nothing. `gatewayPorts`: undefined for sidecars. */
export function routePatcher(set: PatchSet, gatewayPorts: GatewayPorts | undefined): Patcher | undefined {
  const patches = routePatches(set, gatewayPorts ? "GATEWAY" : "SIDECAR_OUTBOUND");
  if (!patches) return undefined;
  const edit: EditResource = (name, bytes, hash) => {
    const own = matching(name, patches, gatewayPorts);
    return isEmpty(own) ? bytes : patchedConfiguration(bytes, own, hash);
  };
  return { edit, add: () => undefined };
}

function matching(name: string, patches: RoutePatches, gatewayPorts: GatewayPorts | undefined): RoutePatches {
  const here = (patch: Patch): boolean => configurationMatches(name, patch, gatewayPorts);
  return {
    configurations: patches.configurations.filter(here),
    hosts: patches.hosts.filter(here),
    routes: patches.routes.filter(here),
  };
}

/** Patches the routes that a sidecar's application has, which are altered. */
export function patchInbound(config: Message, all: RoutePatches): void {
  const patches = matching(String(config.name ?? ""), all, undefined);
  if (!isEmpty(patches)) patchWhole(config, patches);
}

function patchWhole(config: Message, patches: RoutePatches): void {
  mergeConfiguration(config, patches.configurations);
  const hosts = (config.virtualHosts ?? []) as Message[];
  config.virtualHosts = withPatches(hosts, patches);
}

function mergeConfiguration(config: Message, patches: readonly Patch[]): void {
  for (const patch of patches) {
    const lists = listsOf(patch);
    if (lists) merge(knownType(VALUE_TYPES.ROUTE_CONFIGURATION), config, patch.value(), lists);
  }
}

/** How a patch treats lists; undefined for one that merges nothing. */
function listsOf({ operation }: Patch): "append" | "replace" | undefined {
  if (operation === "MERGE") return "append";
  return operation === "MERGE_AND_REPLACE_LIST" ? "replace" : undefined;
}

function withPatches(hosts: readonly Message[], patches: RoutePatches): Message[] {
  const removed = new Set<unknown>();
  const out: Message[] = [];
  for (const host of hosts) {
    const patched = patchedHost(host, patches);
    if (patched) out.push(patched);
    else removed.add(host.name);
  }
  for (const patch of patches.hosts) if (patch.operation === "ADD") out.push(patch.value());
  // A name that is taken away is gone, whoever has it.
  return removed.size > 0 ? out.filter((host) => !removed.has(host.name)) : out;
}

/** The virtual host, which is altered, or what stands in its place; undefined for one that is left out. */
function patchedHost(host: Message, patches: RoutePatches): Message | undefined {
  let now = host;
  for (const patch of patches.hosts) {
    if (patch.operation === "ADD" || !hostMatches(now, patch)) continue;
    if (patch.operation === "REMOVE") return undefined;
    const lists = listsOf(patch);
    if (lists) merge(knownType(VALUE_TYPES.VIRTUAL_HOST), now, patch.value(), lists);
    else if (patch.operation === "REPLACE") now = patch.value();
  }
  const own = patches.routes.filter((patch) => hostMatches(now, patch));
  if (own.length > 0) now.routes = patchedRoutes((now.routes ?? []) as Message[], own);
  return now;
}

/** Merged and removed first, then with what is added. */
function patchedRoutes(routes: readonly Message[], patches: readonly Patch[]): Message[] {
  let out = routes.filter((route) => patchRoute(route, patches));
  for (const patch of patches) {
    const at = out.findIndex((route) => routeMatches(route, patch));
    const any = !namesRoute(patch);
    if (patch.operation === "ADD") out = [...out, patch.value()];
    else if (patch.operation === "INSERT_FIRST") out = any || at >= 0 ? insertedAt(out, 0, patch) : out;
    else if (patch.operation === "INSERT_BEFORE") out = insertedAt(out, any ? 0 : at, patch);
    else if (patch.operation === "INSERT_AFTER") out = insertedAt(out, any ? out.length : at < 0 ? at : at + 1, patch);
  }
  return out;
}

/** False for a route that is left out. */
function patchRoute(route: Message, patches: readonly Patch[]): boolean {
  for (const patch of patches) {
    if (!routeMatches(route, patch)) continue;
    if (patch.operation === "REMOVE") return false;
    const lists = listsOf(patch);
    if (lists) merge(knownType(VALUE_TYPES.HTTP_ROUTE), route, patch.value(), lists);
  }
  return true;
}

interface NamedBytes {
  readonly name: unknown;
  readonly bytes: Uint8Array;
}

const patchedHosts = new PatchedParts<NamedBytes | undefined>();

/**
 * A serialized route configuration with patches. Virtual hosts that no patch means stay as they are: there may be thousands
 * of them.
 */
function patchedConfiguration(bytes: Uint8Array, patches: RoutePatches, hash: HashBytes): Uint8Array {
  const type = knownType(VALUE_TYPES.ROUTE_CONFIGURATION);
  const hostType = knownType(VALUE_TYPES.VIRTUAL_HOST);
  if (patches.configurations.some((patch) => patch.value().virtualHosts)) {
    const config = decode(type, bytes);
    patchWhole(config, patches);
    return encode(type, config);
  }
  const { head, hosts } = split(bytes);
  const config = decode(type, head);
  mergeConfiguration(config, patches.configurations);
  const about = [...patches.hosts.filter(({ operation }) => operation !== "ADD"), ...patches.routes];
  const known = patchedHosts.of(about);
  const removed = new Set<unknown>();
  const out: NamedBytes[] = [];
  for (const serialized of hosts) {
    const named = namedHost(serialized);
    if (!about.some((patch) => hostMatches(named, patch))) {
      out.push({ name: named.name, bytes: serialized });
      continue;
    }
    const patched = known.get(hash(serialized), () => {
      const host = patchedHost(decode(hostType, serialized), patches);
      return host && { name: host.name, bytes: encode(hostType, host) };
    });
    if (patched) out.push(patched);
    else removed.add(named.name);
  }
  for (const patch of patches.hosts) {
    if (patch.operation !== "ADD") continue;
    const host = patch.value();
    out.push({ name: host.name, bytes: encode(hostType, host) });
  }
  const kept = out.filter(({ name }) => !removed.has(name)).map((host) => host.bytes);
  return joinRepeated(type, config, VIRTUAL_HOSTS, kept);
}
