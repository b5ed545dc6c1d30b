// How the routes of a delegate VirtualService come under a root route. Worker threads, pure.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#Delegate
import type { Networking_HTTPMatchRequest, Networking_HTTPRoute } from "../../shared/gen/istio.js";

/** The delegate's routes, each narrowed to what the root's matches let through; conflicting ones are left out. */
export function mergeDelegate(
  root: Networking_HTTPRoute,
  delegateRoutes: readonly Networking_HTTPRoute[],
): Networking_HTTPRoute[] {
  const { delegate: _delegate, ...rootRest } = root;
  return delegateRoutes.flatMap((route): Networking_HTTPRoute[] => {
    const match = mergeMatches(root.match ?? [], route.match ?? []);
    if (!match) return [];
    const merged: Record<string, unknown> = { ...rootRest, ...route };
    if (match.length > 0) merged.match = match;
    else delete merged.match;
    // What the root sets wins where the delegate has nothing; headers of both are kept by the delegate's first.
    if (root.headers && route.headers) merged.headers = mergeHeaders(root.headers, route.headers);
    if (root.name && route.name) merged.name = `${root.name}-${route.name}`;
    return [merged as Networking_HTTPRoute];
  });
}

function mergeHeaders(
  root: NonNullable<Networking_HTTPRoute["headers"]>,
  delegate: NonNullable<Networking_HTTPRoute["headers"]>,
): NonNullable<Networking_HTTPRoute["headers"]> {
  const out: Record<string, unknown> = {};
  for (const side of ["request", "response"] as const) {
    const a = root[side];
    const b = delegate[side];
    if (!a && !b) continue;
    const remove = [...new Set([...(a?.remove ?? []), ...(b?.remove ?? [])])];
    out[side] = {
      ...(a?.set || b?.set ? { set: { ...a?.set, ...b?.set } } : {}),
      ...(a?.add || b?.add ? { add: { ...a?.add, ...b?.add } } : {}),
      ...(remove.length > 0 ? { remove } : {}),
    };
  }
  return out as NonNullable<Networking_HTTPRoute["headers"]>;
}

/** Every pair of root and delegate match that doesn't conflict; undefined when all pairs do. */
function mergeMatches(
  root: readonly Networking_HTTPMatchRequest[],
  delegate: readonly Networking_HTTPMatchRequest[],
): readonly Networking_HTTPMatchRequest[] | undefined {
  if (root.length === 0) return delegate;
  if (delegate.length === 0) return root;
  const out: Networking_HTTPMatchRequest[] = [];
  for (const a of root) {
    for (const b of delegate) {
      const merged = mergeMatch(a, b);
      if (merged) out.push(merged);
    }
  }
  return out.length > 0 ? out : undefined;
}

function mergeMatch(
  root: Networking_HTTPMatchRequest,
  delegate: Networking_HTTPMatchRequest,
): Networking_HTTPMatchRequest | undefined {
  if (conflicts(root, delegate)) return undefined;
  const named = root.name && delegate.name ? { name: `${root.name}-${delegate.name}` } : {};
  return {
    ...root,
    ...delegate,
    ...named,
    ...(root.uri && delegate.uri ? { uri: delegate.uri } : {}),
    ...mergedMap("headers", root.headers, delegate.headers),
    ...mergedMap("withoutHeaders", root.withoutHeaders, delegate.withoutHeaders),
    ...mergedMap("queryParams", root.queryParams, delegate.queryParams),
    ...mergedMap("sourceLabels", root.sourceLabels, delegate.sourceLabels),
    ...(root.gateways || delegate.gateways ? { gateways: root.gateways ?? delegate.gateways ?? [] } : {}),
  };
}

function mergedMap(key: string, a: object | undefined, b: object | undefined): object {
  return a || b ? { [key]: { ...a, ...b } } : {};
}

/** True when no request can satisfy both, or istiod cannot join the two. */
function conflicts(root: Networking_HTTPMatchRequest, delegate: Networking_HTTPMatchRequest): boolean {
  if (stringConflict(root.uri, delegate.uri, true)) return true;
  for (const key of ["scheme", "method", "authority"] as const) {
    if (stringConflict(root[key], delegate[key], false)) return true;
  }
  for (const key of ["headers", "withoutHeaders", "queryParams"] as const) {
    const b = delegate[key] ?? {};
    for (const [name, match] of Object.entries(root[key] ?? {})) {
      if (name in b && stringConflict(match, b[name], false)) return true;
    }
  }
  if (root.ignoreUriCase !== delegate.ignoreUriCase && root.uri && delegate.uri) return true;
  if (root.port && delegate.port && root.port !== delegate.port) return true;
  for (const [name, label] of Object.entries(root.sourceLabels ?? {})) {
    const other = delegate.sourceLabels?.[name];
    if (other !== undefined && other !== label) return true;
  }
  if (root.sourceNamespace && delegate.sourceNamespace && root.sourceNamespace !== delegate.sourceNamespace)
    return true;
  const gateways = delegate.gateways;
  return !!root.gateways?.length && !!gateways?.length && !gateways.every((g) => root.gateways!.includes(g));
}

type Match = { readonly exact?: string; readonly prefix?: string; readonly regex?: string };

/** A delegate may only narrow a prefix; anything else must be said once, or alike. */
function stringConflict(root: Match | undefined, delegate: Match | undefined, narrowing: boolean): boolean {
  if (!root || !delegate) return false;
  if (root.regex !== undefined || delegate.regex !== undefined) return true;
  if (root.prefix !== undefined) {
    if (!narrowing && delegate.exact === undefined && delegate.prefix === undefined) return true;
    return !(delegate.exact ?? delegate.prefix ?? "").startsWith(root.prefix);
  }
  if (root.exact !== undefined) return delegate.exact !== root.exact;
  return false;
}
