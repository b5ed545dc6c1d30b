// Conditions of a VirtualService's HTTP route as Envoy's route match. Worker threads, pure.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPMatchRequest
import type { envoy } from "../../shared/gen/envoy.js";
import type { Networking_HTTPMatchRequest, Networking_StringMatch } from "../../shared/gen/istio.js";
import { labelsMatch } from "../../shared/names/labels.ts";
import { isPresenceMatch, stringMatcher } from "./string-match.ts";

type RouteMatch = envoy.config.route.v3.IRouteMatch;
type HeaderMatcher = envoy.config.route.v3.IHeaderMatcher;

/** Where a route is generated for: decides which conditions hold before any request comes. */
export interface MatchContext {
  /** Port of the listener; 0 for any. */
  readonly port: number;
  /** Names of the gateways, or "mesh". */
  readonly gateways: ReadonlySet<string>;
  readonly labels: Readonly<Record<string, string>>;
  readonly namespace: string;
}

/** True when the match can hold for requests at this proxy and port. */
export function appliesTo(match: Networking_HTTPMatchRequest, ctx: MatchContext): boolean {
  if (match.port && match.port !== ctx.port) return false;
  if (match.gateways?.length && !match.gateways.some((g) => ctx.gateways.has(g))) return false;
  if (!labelsMatch(match.sourceLabels ?? {}, ctx.labels)) return false;
  return !match.sourceNamespace || match.sourceNamespace === ctx.namespace;
}

/** The match; a route without one takes everything. */
export function routeMatch(match: Networking_HTTPMatchRequest | undefined): RouteMatch {
  if (!match) return { prefix: "/" };
  const out: RouteMatch = { ...pathOf(match.uri), caseSensitive: { value: match.ignoreUriCase !== true } };
  const headers: HeaderMatcher[] = [];
  for (const [name, value] of sortedEntries(match.headers)) headers.push(headerMatcher(name, value));
  for (const [name, value] of sortedEntries(match.withoutHeaders)) headers.push(absentMatcher(name, value));
  if (match.method) headers.push({ name: ":method", stringMatch: stringMatcher(match.method) });
  if (match.authority) headers.push({ name: ":authority", stringMatch: stringMatcher(match.authority) });
  if (match.scheme) headers.push({ name: ":scheme", stringMatch: stringMatcher(match.scheme) });
  if (headers.length > 0) out.headers = headers;
  const params = sortedEntries(match.queryParams).map(([name, value]) =>
    isPresenceMatch(value) ? { name, presentMatch: true } : { name, stringMatch: stringMatcher(value) },
  );
  if (params.length > 0) out.queryParameters = params;
  return out;
}

/** True when no request can get past a route with this match. */
export function isCatchAll(match: RouteMatch): boolean {
  if (match.headers?.length || match.queryParameters?.length) return false;
  return match.prefix === "/" || match.safeRegex?.regex === ".*";
}

function pathOf(uri: Networking_StringMatch | undefined): RouteMatch {
  if (!uri) return { prefix: "/" };
  if (uri.exact !== undefined) return { path: uri.exact };
  if (uri.prefix !== undefined) return { prefix: uri.prefix };
  if (uri.regex !== undefined) return { safeRegex: { regex: uri.regex } };
  return { prefix: "/" };
}

function headerMatcher(name: string, match: Networking_StringMatch): HeaderMatcher {
  if (isPresenceMatch(match)) return { name, presentMatch: true };
  return { name, stringMatch: stringMatcher(match) };
}

/** A header that must be absent, or have another value. */
function absentMatcher(name: string, match: Networking_StringMatch): HeaderMatcher {
  if (isPresenceMatch(match)) return { name, presentMatch: true, invertMatch: true };
  return { name, stringMatch: stringMatcher(match), invertMatch: true, treatMissingHeaderAsEmpty: true };
}

function sortedEntries(
  matches: Readonly<Record<string, Networking_StringMatch>> | undefined,
): [string, Networking_StringMatch][] {
  return Object.entries(matches ?? {}).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}
