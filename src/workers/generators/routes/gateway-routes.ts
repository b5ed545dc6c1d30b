// The route configuration of a router's HTTP servers. Worker threads.
import type { ProxyView } from "../../../shared/model/view.ts";
import { hostHash, sliceOfHash } from "../../../shared/names/host-slice.ts";
import { hostsMatch, isSubsetOf } from "../../../shared/names/hostname.ts";
import { PairMemo } from "../../../shared/pair-memo.ts";
import { sameItems } from "../../../shared/same-items.ts";
import { Fragments } from "../../encode/fragments.ts";
import { hostHeaders } from "../../filters/proxy-headers.ts";
import { proxyConfigOf } from "../../filters/telemetry/tracing.ts";
import type { VirtualHost } from "../../routing/default-routes.ts";
import { bracketed } from "../../routing/domains.ts";
import { encodedVirtualHost, joinedRoutes } from "../../routing/encoded-routes.ts";
import { hashPoliciesOf } from "../../routing/hash-policy.ts";
import { type HostHeaders, hostHeadersKey } from "../../routing/host-headers.ts";
import { httpRoutes, type Route, type RouteContext } from "../../routing/http-route.ts";
import { routeConfiguration } from "../../routing/route-configuration.ts";
import { isCatchAll } from "../../routing/route-match.ts";
import { clientTraits, routeDestinations } from "../../routing/route-traits.ts";
import { endsTls, type GatewayHost, type GatewayServer, mergedGateway } from "../../scope/gateways.ts";
import { offersHttp3 } from "../../scope/http3.ts";
import type { ProxyScope } from "../../scope/proxy-scope.ts";
import { type VirtualService, virtualServicesFor } from "../../scope/virtual-services.ts";
import type { GenerateInput } from "../generator.ts";

const REQUIRE_ALL_TLS = 2;

/** What is served under one name: the routes of each VirtualService that has it, in order. */
interface ServedHost {
  readonly name: string;
  readonly domains: string[];
  requireTls: number;
  readonly routes: (readonly Route[])[];
}

/**
 * The serialized configuration with the name, joined from its virtual hosts; undefined for one that no server has. Of a slice, what
 * of it the slice has, as for sidecars.
 */
export function gatewayRouteConfig(name: string, input: GenerateInput, scope: ProxyScope): Uint8Array | undefined {
  const servers = mergedGateway(input.ctx, input.view, input.viewId).byRouteName.get(name);
  if (!servers) return undefined;
  const { slice } = input;
  const port = servers[0]!.serverPort;
  const hosts = new Map<string, ServedHost>();
  for (const server of servers) addServer(hosts, server, port, input, scope);
  if (hosts.size === 0) {
    if (slice && slice.index > 0) return undefined;
    const served = slice !== undefined && servers.some((server) => servesAny(server, port, input, scope));
    const blackhole = { name: `blackhole:${port}`, domains: ["*"] };
    return joinedRoutes(routeConfiguration(name, served ? [] : [blackhole]), []);
  }
  const all = [...hosts.values()];
  const merged = input.ctx.mesh.features.routeCollapse ? collapse(all) : all;
  const headers = hostHeaders(proxyConfigOf(input.ctx, input.view));
  const encoded = merged.map((host) => encodedHost(host, input.view, headers));
  return joinedRoutes(slice && slice.index > 0 ? {} : routeConfiguration(name, []), encoded);
}

/** Takes in what a server has, or those of its hosts that are in the slice. */
function addServer(
  hosts: Map<string, ServedHost>,
  server: GatewayServer,
  port: number,
  input: GenerateInput,
  scope: ProxyScope,
): void {
  const { slice } = input;
  const redirect = server.server.tls?.httpsRedirect === true;
  const isIn = (hash: number): boolean => !slice || sliceOfHash(hash, slice.of) === slice.index;
  const hostOf = (host: string): ServedHost => {
    let served = hosts.get(host);
    if (!served) {
      served = { name: `${bracketed(host)}:${port}`, domains: [bracketed(host)], requireTls: 0, routes: [] };
      hosts.set(host, served);
    }
    if (redirect) served.requireTls = REQUIRE_ALL_TLS;
    return served;
  };
  for (const vs of virtualServicesFor(input.ctx, server.gateway, input.view.namespace)) {
    let routes: readonly Route[] | undefined;
    for (const { host, hash } of hashedHosts(server, vs)) {
      if (!isIn(hash)) continue;
      routes ??= routesOf(vs, server, port, input, scope);
      if (routes.length > 0) hostOf(host).routes.push(routes);
    }
  }
  // A redirect needs no routes.
  if (redirect) for (const { host } of server.hosts) if (isIn(hostHash(host))) hostOf(host);
}

/** True when some slice has a host of the server. */
function servesAny(server: GatewayServer, port: number, input: GenerateInput, scope: ProxyScope): boolean {
  if (server.server.tls?.httpsRedirect === true && server.hosts.length > 0) return true;
  return virtualServicesFor(input.ctx, server.gateway, input.view.namespace).some(
    (vs) => hashedHosts(server, vs).length > 0 && routesOf(vs, server, port, input, scope).length > 0,
  );
}

interface HashedHost {
  readonly host: string;
  readonly hash: number;
}

const hashed = new PairMemo<VirtualService, readonly GatewayHost[], readonly HashedHost[]>();

/** The hosts of `boundHosts`, found once for all slices. */
function hashedHosts(server: GatewayServer, vs: VirtualService): readonly HashedHost[] {
  return hashed.get(vs, server.hosts, () => boundHosts(server, vs).map((host) => ({ host, hash: hostHash(host) })));
}

const routeFragments = new Fragments<readonly Route[]>();

/** A VirtualService's routes at a server; the same list for as long as nothing that it was made of changes. */
function routesOf(
  vs: VirtualService,
  server: GatewayServer,
  port: number,
  input: GenerateInput,
  scope: ProxyScope,
): readonly Route[] {
  const { ctx, view } = input;
  const http3 = offersHttp3(ctx, view, server);
  const dependencies: unknown[] = [ctx.mesh];
  for (const host of routeDestinations(vs)) {
    const service = scope.byHostname.get(host);
    dependencies.push(service, service && scope.destinationRule(service));
  }
  const key = `${server.gateway}|${port}|${endsTls(server.server)}|${http3}|${clientTraits(vs, view)}`;
  return routeFragments.get(vs, key, dependencies, () => {
    const found = httpRoutes(vs, routeContext(server, port, input, scope));
    return http3 ? found.map((route) => withAltSvc(route, port)) : found;
  });
}

const hostFragments = new Fragments<Uint8Array>();
/** Stands for the routes of a host that has none. */
const NO_ROUTES: readonly Route[] = [];

function encodedHost(
  { name, domains, requireTls, routes }: ServedHost,
  view: ProxyView,
  headers: HostHeaders,
): Uint8Array {
  const [first = NO_ROUTES, ...others] = routes;
  const key = `${name} ${domains.join()} ${requireTls} ${view.istioFilters} ${hostHeadersKey(headers)}`;
  return hostFragments.get(first, key, others, () => {
    const host: VirtualHost = {
      name,
      domains,
      routes: catchAllLast(routes.flat()),
      ...(requireTls ? { requireTls } : {}),
    };
    return encodedVirtualHost(view, host, headers);
  });
}

/** Seconds for which clients may remember that there is HTTP/3: a day. */
const ALT_SVC_SECONDS = 86_400;

/** The route with a header that tells clients of HTTP/3 at the server's port (RFC 7838). */
function withAltSvc(route: Route, port: number): Route {
  const header = { key: "alt-svc", value: `h3=":${port}"; ma=${ALT_SVC_SECONDS}` };
  return { ...route, responseHeadersToAdd: [...(route.responseHeadersToAdd ?? []), { header }] };
}

/** The hosts that a server and a VirtualService have in common, each the narrower of the two. */
export function boundHosts(server: GatewayServer, vs: VirtualService): string[] {
  const out = new Set<string>();
  for (const own of vs.hosts) {
    for (const { namespace, host } of server.hosts) {
      if (namespace !== "*" && namespace !== vs.namespace) continue;
      if (hostsMatch(own, host)) out.add(isSubsetOf(own, host) ? own : host);
    }
  }
  // The longest name gives a virtual host its own.
  return [...out].sort((a, b) => b.length - a.length || (a < b ? -1 : 1));
}

function routeContext(
  server: GatewayServer,
  port: number,
  { ctx, view }: GenerateInput,
  scope: ProxyScope,
): RouteContext {
  return {
    port,
    gateways: new Set([server.gateway]),
    labels: view.labels,
    namespace: view.namespace,
    service: (hostname) => scope.byHostname.get(hostname),
    hashPolicies: (destination, destinationPort) => {
      const service = scope.byHostname.get(destination.host ?? "");
      return service ? hashPoliciesOf(scope.destinationRule(service), destination.subset ?? "", destinationPort) : [];
    },
    defaultRetries: ctx.mesh.mesh.defaultHttpRetryPolicy,
    isTls: endsTls(server.server),
    reader: "envoy",
  };
}

/** Several VirtualServices may give a host routes: none may hide what comes after it. */
function catchAllLast(routes: readonly Route[]): Route[] {
  const all = routes.filter((r) => isCatchAll(r.match ?? {}));
  if (all.length === 0) return [...routes];
  return [...routes.filter((r) => !isCatchAll(r.match ?? {})), ...all];
}

/** Hosts with the same routes become one virtual host with several domains. */
function collapse(hosts: readonly ServedHost[]): ServedHost[] {
  const out: ServedHost[] = [];
  const byFirst = new Map<readonly Route[], ServedHost[]>();
  for (const host of hosts) {
    const first = host.routes[0];
    const alike = first && byFirst.get(first);
    // Routes of one VirtualService are the same list for all of its hosts.
    const same = alike?.find((o) => o.requireTls === host.requireTls && sameItems(o.routes, host.routes));
    if (same) {
      same.domains.push(...host.domains);
      continue;
    }
    const own = { ...host, domains: [...host.domains] };
    out.push(own);
    if (alike) alike.push(own);
    else if (first) byFirst.set(first, [own]);
  }
  return out;
}
