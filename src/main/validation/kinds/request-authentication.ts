// Rules of RequestAuthentication. Main thread.
import type { Security_JWTRule, Security_RequestAuthentication } from "../../../shared/gen/istio.js";
import { checkPolicySelector, checkTargets } from "../common/labels.ts";
import { parseHttpUrlProblem } from "../common/urls.ts";
import { checkDurationOrZero } from "../common/values.ts";
import { type Report, reject, warn } from "../report.ts";
import type { RuleInput } from "../rules.ts";
import { isObject } from "../structural/json.ts";

export function checkRequestAuthentication({ spec }: RuleInput, report: Report): void {
  const policy = spec as Security_RequestAuthentication;
  checkPolicySelector(report, "spec.selector", policy.selector);
  checkTargets(report, policy);
  const before = report.errors.length;
  for (const [i, rule] of (policy.jwtRules ?? []).entries()) checkJwtRule(report, `spec.jwtRules[${i}]`, rule);
  report.listed ||= report.errors.length > before;
}

function checkJwtRule(report: Report, field: string, rule: Security_JWTRule): void {
  const { issuer = "", jwksUri = "", jwks = "" } = rule;
  if (issuer === "" && jwksUri === "") {
    reject(report, `${field}.issuer`, "issuer or jwksUri must be non-empty string");
  }
  if ((rule.audiences ?? []).includes("")) {
    reject(report, `${field}.audiences`, "audience must be non-empty string");
  }
  if (jwksUri !== "") {
    const problem = parseHttpUrlProblem(jwksUri);
    if (problem !== undefined) reject(report, `${field}.jwksUri`, problem);
  }
  if (jwks !== "") checkJwks(report, `${field}.jwks`, jwks);
  for (const [i, header] of (rule.fromHeaders ?? []).entries()) {
    if (!header.name)
      reject(report, `${field}.fromHeaders[${i}].name`, "location header name must be non-empty string");
  }
  for (const [i, parameter] of (rule.fromParams ?? []).entries()) {
    if (parameter === "") reject(report, `${field}.fromParams[${i}]`, "location query must be non-empty string");
  }
  for (const [i, cookie] of (rule.fromCookies ?? []).entries()) {
    if (cookie === "") reject(report, `${field}.fromCookies[${i}]`, "cookie name must be non-empty string");
  }
  for (const [i, output] of (rule.outputClaimToHeaders ?? []).entries()) {
    const path = `${field}.outputClaimToHeaders[${i}]`;
    if (!output.header || !output.claim) {
      reject(report, path, "outputClaimToHeaders header and claim value must be non-empty string");
    } else if (!/^[-_A-Za-z0-9]+$/.test(output.header)) {
      reject(report, `${path}.header`, "header name may only contain letters, digits, - and _");
    }
  }
  checkDurationOrZero(report, `${field}.timeout`, rule.timeout);
}

/** Members of a key that only its owner should have. */
const PRIVATE_MEMBERS = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

function checkJwks(report: Report, field: string, jwks: string): void {
  let set: unknown;
  try {
    set = JSON.parse(jwks);
  } catch {
    reject(report, field, `jwks parse error: failed to unmarshal JWK set: ${jsonProblem(jwks)}`);
    return;
  }
  const keys: readonly unknown[] = isObject(set) && Array.isArray(set.keys) ? (set.keys as unknown[]) : [set];
  for (const [i, key] of keys.entries()) {
    if (!isObject(key) || typeof key.kty !== "string") {
      reject(report, field, `jwks parse error: key at index ${i} has no kty`);
    } else if (PRIVATE_MEMBERS.some((member) => key[member] !== undefined)) {
      warn(report, `jwks key at index ${i} contains private key material; only public keys are used for verification`);
    }
  }
}

const LITERALS = ["true", "false", "null"];

/** The commonest ways not to be JSON, in the words of Go's parser. */
function jsonProblem(text: string): string {
  const trimmed = text.trimStart();
  if (trimmed === "") return "unexpected end of JSON input";
  const literal = LITERALS.find((word) => word[0] === trimmed[0]);
  if (literal !== undefined) {
    const at = [...literal].findIndex((letter, i) => trimmed[i] !== letter);
    if (trimmed[at] === undefined) return "unexpected end of JSON input";
    return `invalid character '${trimmed[at]}' in literal ${literal} (expecting '${literal[at]}')`;
  }
  if (!/^[[{"\d-]/.test(trimmed)) return `invalid character '${trimmed[0]}' looking for beginning of value`;
  return "not valid JSON";
}
