// Values of AuthorizationPolicies as Envoy's matchers: exact, "prefix*", "*suffix", or "*" for any. Worker threads, pure.
// https://istio.io/latest/docs/reference/config/security/authorization-policy/
import ipaddr from "ipaddr.js";
import type { envoy } from "../../../shared/gen/envoy.js";

export type StringMatcher = envoy.type.matcher.v3.IStringMatcher;
export type ValueMatcher = envoy.type.matcher.v3.IValueMatcher;
export type HeaderMatcher = envoy.config.route.v3.IHeaderMatcher;
export type CidrRange = envoy.config.core.v3.ICidrRange;

/** Takes every text but the empty one. */
export const ANY_TEXT: StringMatcher = { safeRegex: { regex: ".+" } };

/** Envoy takes neither an empty prefix nor an empty suffix, so that "*" is a matter of its own. */
export function wildcardText(value: string): StringMatcher {
  if (value === "*") return ANY_TEXT;
  if (value.startsWith("*")) return { suffix: value.slice(1) };
  if (value.endsWith("*")) return { prefix: value.slice(0, -1) };
  return { exact: value };
}

/** A peer's identity without its scheme, such as `cluster.local/ns/shop/sa/web`. */
export function wildcardIdentity(value: string): StringMatcher {
  if (value === "*") return ANY_TEXT;
  if (value.startsWith("*")) return { safeRegex: { regex: `spiffe://.*${quoted(value.slice(1))}` } };
  if (value.endsWith("*")) return { prefix: `spiffe://${value.slice(0, -1)}` };
  return { exact: `spiffe://${value}` };
}

/** A header that has the value, or is there at all for "*". */
export function wildcardHeader(name: string, value: string, ignoreCase = false): HeaderMatcher {
  if (value === "*") return { name, presentMatch: true };
  return { name, stringMatch: { ...wildcardText(value), ...(ignoreCase ? { ignoreCase } : {}) } };
}

/** One value of dynamic metadata that has any of the values. */
export function anyOfTexts(values: readonly string[]): ValueMatcher {
  return anyOfMatchers(values.map((value) => ({ stringMatch: wildcardText(value) })));
}

/** An alternative of one is that one. */
export function anyOfMatchers(matchers: readonly ValueMatcher[]): ValueMatcher {
  return matchers.length === 1 ? matchers[0]! : { orMatch: { valueMatchers: [...matchers] } };
}

/** A regular expression that takes the text itself, with each "*" replaced by `star`. */
export function quoted(text: string, star?: string): string {
  const parts = star === undefined ? [text] : text.split("*");
  return parts.map((part) => part.replace(/[\\.+*?()|[\]{}^$]/g, "\\$&")).join(star);
}

/** `10.0.0.0/8` or a single address; undefined for what is neither. Bits after the prefix stay as they are. */
export function cidrRange(text: string): CidrRange | undefined {
  const [address = "", bits] = text.split("/");
  const parsed = ipaddr.isValid(address) ? ipaddr.parse(address) : undefined;
  if (!parsed) return undefined;
  const length = bits === undefined ? (parsed.kind() === "ipv4" ? 32 : 128) : Number(bits);
  return { addressPrefix: parsed.toString(), prefixLen: { value: length } };
}
