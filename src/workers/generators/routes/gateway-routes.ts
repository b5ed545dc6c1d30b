// The route configuration of a router's HTTP servers. Worker threads.
import type { envoy } from "../../../shared/gen/envoy.js";
import { hostsMatch, isSubsetOf } from "../../../shared/names/hostname.ts";
import type { VirtualHost } from "../../routing/default-routes.ts";
import { bracketed } from "../../routing/domains.ts";
import { hashPoliciesOf } from "../../routing/hash-policy.ts";
import { httpRoutes, type Route, type RouteContext } from "../../routing/http-route.ts";
import { routeConfiguration } from "../../routing/route-configuration.ts";
import { isCatchAll } from "../../routing/route-match.ts";
import { virtualHostFor } from "../../routing/upstream-routes.ts";
import { endsTls, type GatewayServer, mergedGateway } from "../../scope/gateways.ts";
import { offersHttp3 } from "../../scope/http3.ts";
import type { ProxyScope } from "../../scope/proxy-scope.ts";
import { type VirtualService, virtualServicesFor } from "../../scope/virtual-services.ts";
import type { GenerateInput } from "../generator.ts";

const REQUIRE_ALL_TLS = 2;

/** The configuration with the name, or undefined for one that no server has. */
export function gatewayRouteConfig(
  name: string,
  input: GenerateInput,
  scope: ProxyScope,
): envoy.config.route.v3.IRouteConfiguration | undefined {
  const servers = mergedGateway(input.ctx, input.view, input.viewId).byRouteName.get(name);
  if (!servers) return undefined;
  const port = servers[0]!.serverPort;
  const hosts = new Map<string, VirtualHost & { routes: Route[] }>();
  for (const server of servers) addServer(hosts, server, port, input, scope);
  if (hosts.size === 0) {
    return routeConfiguration(name, [{ name: `blackhole:${port}`, domains: ["*"] }]);
  }
  const virtualHosts = [...hosts.values()].map((vh) => ({ ...vh, routes: catchAllLast(vh.routes) }));
  const merged = input.ctx.mesh.features.routeCollapse ? collapse(virtualHosts) : virtualHosts;
  return routeConfiguration(
    name,
    merged.map((vh) => virtualHostFor(input.view, vh)),
  );
}

function addServer(
  hosts: Map<string, VirtualHost & { routes: Route[] }>,
  server: GatewayServer,
  port: number,
  input: GenerateInput,
  scope: ProxyScope,
): void {
  const redirect = server.server.tls?.httpsRedirect === true;
  const http3 = offersHttp3(input.ctx, input.view, server);
  const hostOf = (host: string): VirtualHost & { routes: Route[] } => {
    let vh = hosts.get(host);
    if (!vh) {
      vh = {
        name: `${bracketed(host)}:${port}`,
        domains: [bracketed(host)],
        routes: [],
        includeRequestAttemptCount: true,
      };
      hosts.set(host, vh);
    }
    if (redirect) vh.requireTls = REQUIRE_ALL_TLS;
    return vh;
  };
  for (const vs of virtualServicesFor(input.ctx, server.gateway, input.view.namespace)) {
    const bound = boundHosts(server, vs);
    if (bound.length === 0) continue;
    const found = httpRoutes(vs, routeContext(server, port, input, scope));
    const routes = http3 ? found.map((route) => withAltSvc(route, port)) : found;
    if (routes.length === 0) continue;
    for (const host of bound) hostOf(host).routes.push(...routes);
  }
  // A redirect needs no routes.
  if (redirect) for (const { host } of server.hosts) hostOf(host);
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
  };
}

/** Several VirtualServices may give a host routes: none may hide what comes after it. */
function catchAllLast(routes: readonly Route[]): Route[] {
  const all = routes.filter((r) => isCatchAll(r.match ?? {}));
  if (all.length === 0) return [...routes];
  return [...routes.filter((r) => !isCatchAll(r.match ?? {})), ...all];
}

/** Hosts with the same routes become one virtual host with several domains. */
function collapse(virtualHosts: readonly (VirtualHost & { routes: Route[] })[]): VirtualHost[] {
  const out: VirtualHost[] = [];
  for (const vh of virtualHosts) {
    const same = out.find((o) => o.requireTls === vh.requireTls && sameRoutes(o.routes ?? [], vh.routes));
    if (same) same.domains = [...(same.domains ?? []), ...(vh.domains ?? [])];
    else out.push({ ...vh });
  }
  return out;
}

/** Routes of one VirtualService are the same objects for all of its hosts. */
function sameRoutes(a: readonly Route[], b: readonly Route[]): boolean {
  return a.length > 0 && a.length === b.length && a.every((route, i) => route === b[i]);
}
