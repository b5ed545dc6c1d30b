// HTTP routes of VirtualServices as Envoy's routes. Worker threads.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPRoute
import type { envoy } from "../../shared/gen/envoy.js";
import type {
  Networking_Destination,
  Networking_HTTPMatchRequest,
  Networking_HTTPRedirect,
  Networking_HTTPRetry,
  Networking_HTTPRoute,
} from "../../shared/gen/istio.js";
import type { GeneratorKind } from "../../shared/model/proxy.ts";
import type { ServiceRecord } from "../../shared/model/service.ts";
import { parseSubsetKey, subsetKey } from "../../shared/names/cluster-name.ts";
import { parseDuration, struct, ZERO_DURATION } from "../encode/values.ts";
import type { VirtualService } from "../scope/virtual-services.ts";
import { type HeaderMutations, headerMutations } from "./headers.ts";
import { retryPolicy } from "./retry.ts";
import { corsConfig, type FractionalPercent, faultConfig, fraction } from "./route-filters.ts";
import { appliesTo, isCatchAll, type MatchContext, routeMatch } from "./route-match.ts";

export type Route = envoy.config.route.v3.IRoute;
type RouteAction = envoy.config.route.v3.IRouteAction;
export type HashPolicy = envoy.config.route.v3.RouteAction.IHashPolicy;

/** What routes need to know of the mesh. */
export interface RouteContext extends MatchContext {
  service(hostname: string): ServiceRecord | undefined;
  /** How a destination's DestinationRule chooses hosts by request, if it does. */
  hashPolicies(destination: Networking_Destination, port: number): readonly HashPolicy[];
  readonly defaultRetries: Networking_HTTPRetry | undefined;
  /** True for a gateway whose server ends TLS. */
  readonly isTls: boolean;
  /** What reads the routes. gRPC's own clients refuse all of them for one that has what they don't know. */
  readonly reader: GeneratorKind;
}

/** The routes of a VirtualService that can match here; nothing after a route that takes everything. */
export function httpRoutes(vs: VirtualService, ctx: RouteContext): Route[] {
  const out: Route[] = [];
  for (const http of vs.spec.http ?? []) {
    if (!http.match?.length) {
      out.push(translate(http, undefined, vs, ctx));
      return out;
    }
    for (const match of http.match) {
      if (!appliesTo(match, ctx)) continue;
      const route = translate(http, match, vs, ctx);
      out.push(route);
      if (isCatchAll(route.match ?? {})) return out;
    }
  }
  return out;
}

function translate(
  http: Networking_HTTPRoute,
  match: Networking_HTTPMatchRequest | undefined,
  vs: VirtualService,
  ctx: RouteContext,
): Route {
  const name = match?.name ? `${http.name ?? ""}.${match.name}` : (http.name ?? "");
  const { hostRewrite, ...mutations } = headerMutations(http.headers);
  const out: Route = {
    match: routeMatch(match),
    metadata: { filterMetadata: { istio: struct({ config: virtualServicePath(vs) }) } },
    ...mutations,
  };
  if (name) out.name = name;
  if (match?.statPrefix) out.statPrefix = match.statPrefix;
  const forGrpc = ctx.reader === "grpc";
  // Their calls of such routes fail either way.
  if (forGrpc && !sendsAnything(http)) out.nonForwardingAction = {};
  else if (http.redirect) out.redirect = redirectAction(http.redirect, ctx);
  else if (http.directResponse) out.directResponse = directResponse(http.directResponse);
  else out.route = routeAction(http, out, hostRewrite, ctx);
  out.decorator = { operation: operation(out, vs.name, ctx.port) };
  const filters: Record<string, ReturnType<typeof faultConfig>> = {};
  if (http.fault) filters["envoy.filters.http.fault"] = faultConfig(http.fault);
  if (http.corsPolicy && !forGrpc) filters["envoy.filters.http.cors"] = corsConfig(http.corsPolicy);
  if (Object.keys(filters).length > 0) out.typedPerFilterConfig = filters;
  return out;
}

/** True for a route to destinations, of which one at least gets requests. */
function sendsAnything({ redirect, directResponse, route = [] }: Networking_HTTPRoute): boolean {
  return !redirect && !directResponse && (route.length === 1 || route.some(({ weight = 0 }) => weight > 0));
}

/** The path by which Istio's metadata names a VirtualService. */
export function virtualServicePath(vs: Pick<VirtualService, "namespace" | "name">): string {
  return `/apis/networking.istio.io/v1/namespaces/${vs.namespace}/virtual-service/${vs.name}`;
}

/** The cluster of a destination: its port, or the only one of its service, or the listener's. */
export function destinationCluster(destination: Networking_Destination | undefined, ctx: RouteContext): string {
  const host = destination?.host ?? "";
  return subsetKey("outbound", destination?.subset ?? "", host, destinationPort(destination, ctx));
}

function destinationPort(
  destination: Networking_Destination | undefined,
  ctx: Pick<RouteContext, "service" | "port">,
): number {
  if (destination?.port?.number) return destination.port.number;
  const ports = ctx.service(destination?.host ?? "")?.ports;
  return ports?.length === 1 ? ports[0]!.port : ctx.port;
}

function routeAction(
  http: Networking_HTTPRoute,
  route: Route,
  hostRewrite: string | undefined,
  ctx: RouteContext,
): RouteAction {
  const destinations = http.route ?? [];
  const hashPolicy = destinations.flatMap((d) =>
    d.destination ? ctx.hashPolicies(d.destination, destinationPort(d.destination, ctx)) : [],
  );
  const timeout = parseDuration(http.timeout) ?? ZERO_DURATION;
  // gRPC's clients read only the field that replaces it (A31).
  const limit =
    ctx.reader === "grpc" ? { maxStreamDuration: { maxStreamDuration: timeout } } : { maxGrpcTimeout: timeout };
  const action: RouteAction = { timeout, ...limit };
  // Of several destinations only some may hash: then a retry is free to go anywhere.
  const hashed = destinations.length === 1 && hashPolicy.length > 0;
  const retries = retryPolicy(http.retries ?? ctx.defaultRetries, hashed);
  if (retries) action.retryPolicy = retries;
  if (hashPolicy.length > 0) action.hashPolicy = [...hashPolicy];
  applyRewrite(action, http, hostRewrite);
  const mirrors = mirrorPolicies(http, ctx);
  if (mirrors.length > 0) action.requestMirrorPolicies = mirrors;

  if (destinations.length === 1) {
    const only = destinations[0]!;
    action.cluster = destinationCluster(only.destination, ctx);
    const { hostRewrite: ownHost, ...own } = headerMutations(only.headers);
    appendMutations(route, own);
    if (ownHost !== undefined) action.hostRewriteLiteral = ownHost;
    return action;
  }
  action.weightedClusters = {
    clusters: destinations
      .filter((d) => (d.weight ?? 0) > 0)
      .map((d) => {
        const { hostRewrite: ownHost, ...own } = headerMutations(d.headers);
        return {
          name: destinationCluster(d.destination, ctx),
          weight: { value: d.weight ?? 0 },
          ...own,
          ...(ownHost === undefined ? {} : { hostRewriteLiteral: ownHost }),
        };
      }),
  };
  return action;
}

function appendMutations(route: Route, more: HeaderMutations): void {
  for (const key of ["requestHeadersToAdd", "responseHeadersToAdd"] as const) {
    if (more[key]) route[key] = [...(route[key] ?? []), ...more[key]];
  }
  for (const key of ["requestHeadersToRemove", "responseHeadersToRemove"] as const) {
    if (more[key]) route[key] = [...(route[key] ?? []), ...more[key]];
  }
}

function applyRewrite(action: RouteAction, http: Networking_HTTPRoute, hostRewrite: string | undefined): void {
  const rewrite = http.rewrite;
  if (rewrite?.uriRegexRewrite) {
    action.regexRewrite = {
      pattern: { regex: rewrite.uriRegexRewrite.match ?? "" },
      substitution: rewrite.uriRegexRewrite.rewrite ?? "",
    };
  } else if (rewrite?.uri) {
    action.prefixRewrite = rewrite.uri;
  }
  const host = rewrite?.authority || hostRewrite;
  if (host) action.hostRewriteLiteral = host;
}

function mirrorPolicies(
  http: Networking_HTTPRoute,
  ctx: RouteContext,
): envoy.config.route.v3.RouteAction.IRequestMirrorPolicy[] {
  const out: { destination: Networking_Destination; percent: FractionalPercent }[] = [];
  if (http.mirror) {
    const percent = http.mirrorPercentage ? fraction(http.mirrorPercentage) : { numerator: http.mirrorPercent ?? 100 };
    out.push({ destination: http.mirror, percent });
  }
  for (const mirror of http.mirrors ?? []) {
    if (!mirror.destination) continue;
    const percent = mirror.percentage ? fraction(mirror.percentage) : { numerator: 100 };
    out.push({ destination: mirror.destination, percent });
  }
  return out
    .filter(({ percent }) => (percent.numerator ?? 0) > 0)
    .map(({ destination, percent }) => ({
      cluster: destinationCluster(destination, ctx),
      runtimeFraction: { defaultValue: percent },
      traceSampled: { value: false },
      // The mirror gets the host that clients named.
      disableShadowHostSuffixAppend: true,
    }));
}

const REDIRECT_CODES: Readonly<Record<number, number>> = { 301: 0, 302: 1, 303: 2, 307: 3, 308: 4 };

function redirectAction(redirect: Networking_HTTPRedirect, ctx: RouteContext): envoy.config.route.v3.IRedirectAction {
  const out: envoy.config.route.v3.IRedirectAction = {
    responseCode: REDIRECT_CODES[redirect.redirectCode ?? 301] ?? 0,
  };
  if (redirect.authority) out.hostRedirect = redirect.authority;
  if (redirect.prefixRewrite) out.prefixRewrite = redirect.prefixRewrite;
  else if (redirect.uri) out.pathRedirect = redirect.uri;
  if (redirect.scheme) out.schemeRedirect = redirect.scheme;
  if (redirect.port) {
    out.portRedirect = redirect.port;
  } else if (redirect.derivePort === "FROM_REQUEST_PORT") {
    out.portRedirect = ctx.port;
  } else if (redirect.derivePort === "FROM_PROTOCOL_DEFAULT") {
    const https = redirect.scheme ? redirect.scheme === "https" : ctx.isTls;
    out.portRedirect = https ? 443 : 80;
  }
  return out;
}

function directResponse(
  response: NonNullable<Networking_HTTPRoute["directResponse"]>,
): envoy.config.route.v3.IDirectResponseAction {
  const { status, body } = response;
  const out: envoy.config.route.v3.IDirectResponseAction = { status: status ?? 200 };
  if (body?.string !== undefined) out.body = { inlineString: body.string };
  else if (body?.bytes !== undefined) out.body = { inlineBytes: Buffer.from(body.bytes, "base64") };
  return out;
}

/** What traces call the route: where it leads, or its object where it leads to several clusters. */
function operation(route: Route, name: string, port: number): string {
  const match = route.match ?? {};
  let path = "/*";
  if (match.prefix) path = `${match.prefix}*`;
  else if (match.path) path = match.path;
  else if (match.safeRegex?.regex) path = match.safeRegex.regex;
  const key = route.route?.cluster ? parseSubsetKey(route.route.cluster) : undefined;
  return key ? `${key.hostname}:${key.port}${path}` : `${name}:${port}${path}`;
}
