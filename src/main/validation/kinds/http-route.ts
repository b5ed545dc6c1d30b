// Rules of the HTTP routes of a VirtualService. Main thread.
import type {
  Networking_Delegate,
  Networking_HTTPDirectResponse,
  Networking_HTTPMatchRequest,
  Networking_HTTPRedirect,
  Networking_HTTPRoute,
} from "../../../shared/gen/istio.js";
import { checkPort, isDnsLabel } from "../common/addresses.ts";
import { checkDestination, checkSources, checkWeights } from "../common/routes.ts";
import { checkDurationOrZero, checkPercent, checkStringMatch, regexProblem } from "../common/values.ts";
import { type Report, reject, warn } from "../report.ts";
import { checkCors, checkFault, checkHeaderName, checkHeaders, checkRetries } from "./http-route-policies.ts";

interface RouteRules {
  /** The VirtualService has no hosts: others delegate to it. */
  readonly delegate: boolean;
  /** It is bound to a gateway other than `mesh`. */
  readonly gateway: boolean;
}

export function checkHttpRoute(report: Report, field: string, route: Networking_HTTPRoute, rules: RouteRules): void {
  const { name = "" } = route;
  const routes = route.route ?? [];
  if (rules.delegate && route.delegate) {
    reject(report, `${field}.delegate`, `delegate HTTP route ${name} must not specify delegate`);
  } else if (route.delegate) {
    checkRoot(report, field, route, route.delegate);
  } else {
    checkActions(report, field, route);
  }
  for (const [i, match] of (route.match ?? []).entries()) checkMatch(report, `${field}.match[${i}]`, match, rules);
  checkMirrors(report, field, route);
  if (route.redirect) checkRedirect(report, `${field}.redirect`, route.redirect);
  if (route.directResponse) checkDirectResponse(report, `${field}.directResponse`, route.directResponse);
  if (route.fault) checkFault(report, `${field}.fault`, route.fault);
  if (route.corsPolicy) checkCors(report, `${field}.corsPolicy`, route.corsPolicy);
  if (route.retries) checkRetries(report, `${field}.retries`, route.retries);
  checkRewrite(report, `${field}.rewrite`, route);
  checkDurationOrZero(report, `${field}.timeout`, route.timeout);
  checkHeaders(report, `${field}.headers`, route.headers);
  for (const [i, r] of routes.entries()) {
    checkDestination(report, `${field}.route[${i}].destination`, r.destination);
    checkHeaders(report, `${field}.route[${i}].headers`, r.headers);
  }
  checkAuthority(report, field, route);
  if (!route.delegate) checkWeights(report, `${field}.route`, routes);
}

/** A route that delegates leaves what is done to the delegate. */
function checkRoot(report: Report, field: string, route: Networking_HTTPRoute, delegate: Networking_Delegate): void {
  const name = route.name ?? "";
  if ((route.route ?? []).length > 0)
    reject(report, `${field}.route`, `root HTTP route ${name} must not specify route`);
  if (route.redirect) reject(report, `${field}.redirect`, `root HTTP route ${name} must not specify redirect`);
  if (route.directResponse) {
    reject(report, `${field}.directResponse`, `root HTTP route ${name} must not specify directResponse`);
  }
  if (!delegate.name) reject(report, `${field}.delegate.name`, `root HTTP route ${name}: delegate name is required`);
  else if (!isDnsLabel(delegate.name) && !delegate.name.split(".").every(isDnsLabel)) {
    reject(report, `${field}.delegate.name`, `delegate name ${JSON.stringify(delegate.name)} is invalid`);
  }
}

/** Exactly one of route, redirect and directResponse. */
function checkActions(report: Report, field: string, route: Networking_HTTPRoute): void {
  const hasRoute = (route.route ?? []).length > 0;
  if (route.directResponse) {
    if (hasRoute) reject(report, field, "HTTP route cannot contain both route and direct_response");
    if (route.redirect) reject(report, field, "HTTP route cannot contain both redirect and direct_response");
    if (route.fault) reject(report, `${field}.fault`, "HTTP route cannot contain both fault and direct_response");
    if (route.rewrite) reject(report, `${field}.rewrite`, "HTTP route cannot contain both rewrite and direct_response");
  } else if (route.redirect) {
    if (hasRoute) reject(report, field, "HTTP route cannot contain both route and redirect");
    if (route.fault) reject(report, `${field}.fault`, "HTTP route cannot contain both fault and redirect");
    if (route.rewrite) reject(report, `${field}.rewrite`, "HTTP route rule cannot contain both rewrite and redirect");
  } else if (!hasRoute) {
    reject(report, field, "HTTP route, redirect or direct_response is required");
  }
}

function checkMatch(report: Report, field: string, match: Networking_HTTPMatchRequest, rules: RouteRules): void {
  for (const part of ["uri", "scheme", "method", "authority"] as const) {
    checkStringMatch(report, `${field}.${part}`, match[part]);
  }
  for (const part of ["headers", "withoutHeaders"] as const) {
    for (const [name, header] of Object.entries(match[part] ?? {})) {
      const path = `${field}.${part}[${JSON.stringify(name)}]`;
      // JWT claims are matched as if they were headers, on gateways.
      const claim = rules.gateway && name.startsWith("@request.auth.claims");
      if (!claim) checkHeaderName(report, path, name);
      checkStringMatch(report, path, header);
    }
  }
  for (const [name, parameter] of Object.entries(match.queryParams ?? {})) {
    const path = `${field}.queryParams[${JSON.stringify(name)}]`;
    if (parameter.prefix !== undefined && parameter.prefix === "") {
      reject(report, path, "query parameter prefix match should not be empty");
    }
    checkStringMatch(report, path, parameter);
  }
  checkSources(report, field, match);
}

function checkMirrors(report: Report, field: string, route: Networking_HTTPRoute): void {
  const mirrors = route.mirrors ?? [];
  if (route.mirror && mirrors.length > 0) {
    reject(report, `${field}.mirrors`, "HTTP route cannot contain both mirror and mirrors");
  }
  if (route.mirror) checkDestination(report, `${field}.mirror`, route.mirror);
  if (route.mirrorPercent !== undefined) {
    if (route.mirrorPercent > 100)
      reject(report, `${field}.mirrorPercent`, "mirror percent must not be greater than 100");
    warn(report, 'using deprecated setting "mirrorPercent", use "mirrorPercentage" instead');
  }
  if (route.mirrorPercentage) checkPercent(report, `${field}.mirrorPercentage`, route.mirrorPercentage.value);
  for (const [i, mirror] of mirrors.entries()) {
    checkDestination(report, `${field}.mirrors[${i}].destination`, mirror.destination);
    if (mirror.percentage) checkPercent(report, `${field}.mirrors[${i}].percentage`, mirror.percentage.value);
  }
}

function checkRedirect(report: Report, field: string, redirect: Networking_HTTPRedirect): void {
  const { uri = "", prefixRewrite = "", authority = "", scheme = "", redirectCode = 0 } = redirect;
  const noTarget = uri === "" && prefixRewrite === "" && authority === "" && scheme === "";
  if (noTarget && redirect.port === undefined && redirect.derivePort === undefined) {
    reject(report, field, "redirect must specify URI, authority, scheme, or port");
  }
  if (uri !== "" && prefixRewrite !== "") reject(report, field, "redirect cannot contain both uri and prefixRewrite");
  if (redirectCode !== 0 && (redirectCode < 300 || redirectCode > 399)) {
    reject(report, `${field}.redirectCode`, `${redirectCode} is not a valid redirect code, must be in [300, 399]`);
  }
  if (scheme !== "" && scheme !== "http" && scheme !== "https") {
    reject(report, `${field}.scheme`, 'redirect scheme must be either "http" or "https"');
  }
  if (redirect.port !== undefined) checkPort(report, `${field}.port`, redirect.port);
}

/** Bodies are copied into every proxy. */
const MAX_BODY = 1024 * 1024;
const LARGE_BODY = 100 * 1024;

function checkDirectResponse(report: Report, field: string, response: Networking_HTTPDirectResponse): void {
  const { status = 0, body } = response;
  if (status < 200 || status > 599) reject(report, `${field}.status`, `HTTP status ${status} is not in range 200..599`);
  const size =
    body?.string !== undefined ? Buffer.byteLength(body.string) : Buffer.byteLength(body?.bytes ?? "", "base64");
  if (size > MAX_BODY) reject(report, `${field}.body`, `response body of ${size} bytes is larger than 1 MB`);
  else if (size > LARGE_BODY)
    warn(report, `large direct_responses may impact control plane performance: ${size} bytes`);
}

function checkRewrite(report: Report, field: string, { rewrite }: Networking_HTTPRoute): void {
  if (!rewrite) return;
  const { uri = "", authority = "", uriRegexRewrite } = rewrite;
  if (uri !== "" && uriRegexRewrite) reject(report, field, "rewrite may only contain one of uri or uriRegexRewrite");
  if (uriRegexRewrite) {
    const { match = "", rewrite: by = "" } = uriRegexRewrite;
    const problem = match === "" ? "match is required" : regexProblem(match);
    if (problem !== undefined) reject(report, `${field}.uriRegexRewrite.match`, `invalid regex: ${problem}`);
    if (by === "") reject(report, `${field}.uriRegexRewrite.rewrite`, "rewrite is required");
  } else if (uri === "" && authority === "") {
    reject(report, field, "rewrite must specify path, authority, or both");
  }
}

/** The authority can be changed in three places, but in one of them at a time. */
function checkAuthority(report: Report, field: string, route: Networking_HTTPRoute): void {
  let have = route.rewrite?.authority ?? "";
  const attempt = (path: string, set: Readonly<Record<string, string>> | undefined): void => {
    for (const [name, value] of Object.entries(set ?? {})) {
      if (name.toLowerCase() !== ":authority" && name.toLowerCase() !== "host") continue;
      if (have !== "") {
        const shown = `have ${JSON.stringify(have)}, attempting to set ${JSON.stringify(value)}`;
        reject(report, path, `authority header cannot be set multiple times: ${shown}`);
      }
      have = value;
    }
  };
  attempt(`${field}.headers.request.set`, route.headers?.request?.set);
  const before = have;
  for (const [i, r] of (route.route ?? []).entries()) {
    have = before;
    attempt(`${field}.route[${i}].headers.request.set`, r.headers?.request?.set);
  }
}
