// What a rule asks of a request's token, as the JWT filter leaves it in dynamic metadata. Worker threads, pure.
import type { envoy } from "../../../shared/gen/envoy.js";
import { JWT_FILTER, JWT_PAYLOAD } from "../jwt/jwt-names.ts";
import { ANY_TEXT, anyOfTexts, type StringMatcher, type ValueMatcher } from "./wildcards.ts";

type Principal = envoy.config.rbac.v3.IPrincipal;

function claim(path: readonly string[], value: ValueMatcher): Principal {
  return { metadata: { filter: JWT_FILTER, path: [JWT_PAYLOAD, ...path].map((key) => ({ key })), value } };
}

/** A claim that is one of the values, or a list with one of them. */
export function claimPrincipal(path: readonly string[], values: readonly string[]): Principal {
  const value = anyOfTexts(values);
  return claim(path, { orMatch: { valueMatchers: [{ listMatch: { oneOf: value } }, value] } });
}

/** The names in `request.auth.claims[a][b]`; undefined where there are none. */
export function claimPath(brackets: string): string[] | undefined {
  const nested = /^(\[[^[\]]*\])+$/.test(brackets);
  if (nested) return [...brackets.matchAll(/\[([^[\]]*)\]/g)].map((match) => match[1]!);
  return /^\[.*\]$/.test(brackets) ? [brackets.slice(1, -1)] : undefined;
}

/** `issuer/subject` of any of the values, each with a "*" at its start or end. The issuer may have slashes of its own. */
export function requestPrincipal(values: readonly string[]): Principal {
  const ids = values.map((value): Principal => {
    const { issuer, subject } = issuerAndSubject(value);
    return {
      andIds: { ids: [claim(["iss"], { stringMatch: issuer }), claim(["sub"], { stringMatch: subject })] },
    };
  });
  return ids.length === 1 ? ids[0]! : { orIds: { ids } };
}

function issuerAndSubject(value: string): { readonly issuer: StringMatcher; readonly subject: StringMatcher } {
  const slash = value.lastIndexOf("/");
  const both = slash >= 0;
  const [issuer, subject] = both ? [value.slice(0, slash), value.slice(slash + 1)] : [value, ""];
  if (value === "*") return { issuer: ANY_TEXT, subject: ANY_TEXT };
  if (value.startsWith("*")) {
    if (!both) return { issuer: ANY_TEXT, subject: { suffix: value.slice(1) } };
    return { issuer: issuer === "*" ? ANY_TEXT : { suffix: issuer.slice(1) }, subject: { exact: subject } };
  }
  if (value.endsWith("*")) {
    if (!both) return { issuer: { prefix: value.slice(0, -1) }, subject: ANY_TEXT };
    return { issuer: { exact: issuer }, subject: subject === "*" ? ANY_TEXT : { prefix: subject.slice(0, -1) } };
  }
  return { issuer: { exact: issuer }, subject: { exact: subject } };
}
