// String matches of Istio as Envoy's matchers. Worker threads, pure.
import type { envoy } from "../../shared/gen/envoy.js";
import type { Networking_StringMatch } from "../../shared/gen/istio.js";

export type StringMatcher = envoy.type.matcher.v3.IStringMatcher;

/** True for a match that asks only whether the value is there. */
export function isPresenceMatch(match: Networking_StringMatch): boolean {
  return (match.exact === undefined && match.prefix === undefined && match.regex === undefined) || match.regex === "*";
}

/** The matcher. An empty match matches the empty string. */
export function stringMatcher(match: Networking_StringMatch): StringMatcher {
  if (match.prefix !== undefined) return { prefix: match.prefix };
  if (match.regex !== undefined) return { safeRegex: { regex: match.regex } };
  return { exact: match.exact ?? "" };
}
