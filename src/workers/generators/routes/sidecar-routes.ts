// The route configuration of one outbound listener of a sidecar. Worker threads.
import type { envoy } from "../../../shared/gen/envoy.js";
import type { ServiceRecord } from "../../../shared/model/service.ts";
import { isAutoDetected, isHttp } from "../../../shared/model/service.ts";
import { subsetKey } from "../../../shared/names/cluster-name.ts";
import { compareSpecificity, isSubsetOf, isWildcard } from "../../../shared/names/hostname.ts";
import { statefulSession } from "../../filters/stateful-session.ts";
import { catchAllVirtualHost, defaultOutboundRoute, type VirtualHost } from "../../routing/default-routes.ts";
import { bracketed, hostDomains } from "../../routing/domains.ts";
import { hashPoliciesOf } from "../../routing/hash-policy.ts";
import { httpRoutes, type Route, type RouteContext } from "../../routing/http-route.ts";
import type { EgressScope, ProxyScope } from "../../scope/proxy-scope.ts";
import { serviceAddresses } from "../../scope/service-address.ts";
import { MESH_GATEWAY, type VirtualService } from "../../scope/virtual-services.ts";
import { compareText } from "../../scope/visibility.ts";
import type { GenerateInput } from "../generator.ts";

/** Routes with the hosts that they are for. */
interface HostRoutes {
  readonly port: number;
  readonly services: readonly ServiceRecord[];
  /** Hosts of a VirtualService that no service has. */
  readonly hosts: readonly string[];
  readonly routes: readonly Route[];
}

/**
 * The configuration named `80`, or `host:80` for a listener that detects HTTP at one service's address. Undefined for a
 * name that no listener has.
 */
export function sidecarRouteConfig(
  name: string,
  input: GenerateInput,
  scope: ProxyScope,
): envoy.config.route.v3.IRouteConfiguration | undefined {
  const parsed = parseRouteName(name);
  if (!parsed) return undefined;
  const egress = egressFor(scope, parsed.port);
  const virtualHosts = virtualHostsAt(parsed.port, input, scope, egress);
  if (parsed.hostname !== "") {
    const own = virtualHosts.find((vh) => vh.name === name);
    return routeConfiguration(name, own ? [{ ...own, domains: ["*"] }] : [catchAllVirtualHost(scope.outboundPolicy)]);
  }
  return routeConfiguration(name, [...virtualHosts, catchAllVirtualHost(scope.outboundPolicy)]);
}

export function routeConfiguration(
  name: string,
  virtualHosts: VirtualHost[],
): envoy.config.route.v3.IRouteConfiguration {
  return {
    name,
    virtualHosts,
    validateClusters: { value: false },
    maxDirectResponseBodySizeBytes: { value: 1 << 20 },
    ignorePortInHostMatching: true,
  };
}

function parseRouteName(name: string): { hostname: string; port: number } | undefined {
  if (name === "http_proxy") return { hostname: "", port: 0 };
  const at = name.lastIndexOf(":");
  const port = Number(name.slice(at + 1));
  if (!Number.isInteger(port) || port <= 0) return undefined;
  return { hostname: at < 0 ? "" : name.slice(0, at), port };
}

/** The egress listener on the port, else the one that captures everything. */
function egressFor(scope: ProxyScope, port: number): EgressScope {
  return (
    scope.egress.find((e) => e.listener?.port?.number === port) ??
    scope.egress.find((e) => e.listener === null) ?? { listener: null, services: [], virtualServices: [] }
  );
}

function virtualHostsAt(port: number, input: GenerateInput, scope: ProxyScope, egress: EgressScope): VirtualHost[] {
  // Of several services for one host the last has its say, as in istiod.
  const services = new Map<string, ServiceRecord>();
  for (const service of egress.services) {
    const ports = port === 0 ? service.ports : service.ports.filter((p) => p.port === port);
    if (ports.length > 0) services.set(service.hostname, { ...service, ports });
  }
  const sorted = [...services.values()].sort((a, b) => compareText(a.hostname, b.hostname));
  const all = [...routesOfVirtualServices(port, sorted, input, scope, egress)];
  const routed = new Set(all.flatMap((r) => r.services.map((s) => s.hostname)));
  for (const service of sorted) {
    if (!routed.has(service.hostname)) all.push(...defaultRoutes(service, input, scope));
  }
  return toVirtualHosts(all, input);
}

function routeContext(
  port: number,
  services: ReadonlyMap<string, ServiceRecord>,
  input: GenerateInput,
  scope: ProxyScope,
): RouteContext {
  const { view, ctx } = input;
  return {
    port,
    gateways: new Set([MESH_GATEWAY]),
    labels: view.labels,
    namespace: view.namespace,
    // Only what is on this port: a destination elsewhere must say its port.
    service: (hostname) => services.get(hostname),
    hashPolicies: (destination, destinationPort) => {
      const service = scope.byHostname.get(destination.host ?? "");
      return service ? hashPoliciesOf(scope.destinationRule(service), destination.subset ?? "", destinationPort) : [];
    },
    defaultRetries: ctx.mesh.mesh.defaultHttpRetryPolicy,
    isTls: false,
  };
}

function* routesOfVirtualServices(
  port: number,
  services: readonly ServiceRecord[],
  input: GenerateInput,
  scope: ProxyScope,
  egress: EgressScope,
): Iterable<HostRoutes> {
  const byHostname = new Map(services.map((s) => [s.hostname, s]));
  const bestHost = mostSpecificHosts(egress.virtualServices, services);
  for (const vs of egress.virtualServices) {
    const own: ServiceRecord[] = [];
    const hosts: string[] = [];
    for (const host of vs.hosts) {
      if (isWildcard(host)) {
        const matching = services.filter((s) => isSubsetOf(s.hostname, host));
        own.push(...matching.filter((s) => bestHost.get(s.hostname) === host));
        if (matching.length === 0) hosts.push(host);
      } else {
        const service = byHostname.get(host);
        if (service) own.push(service);
        else hosts.push(host);
      }
    }
    const byPort = new Map<number, ServiceRecord[]>();
    for (const service of own) {
      for (const p of service.ports) {
        if (!isHttp(p.protocol) && !isAutoDetected(p.protocol)) continue;
        const list = byPort.get(p.port);
        if (list) list.push(service);
        else byPort.set(p.port, [service]);
      }
    }
    // Hosts that nobody serves are taken to be on port 80.
    if (byPort.size === 0 && port === 80 && hosts.length > 0) byPort.set(80, []);
    if (byPort.size === 0) continue;
    const routes = httpRoutes(vs, routeContext(port, byHostname, input, scope));
    if (routes.length === 0) continue;
    for (const [servicePort, list] of byPort) yield { port: servicePort, services: list, hosts, routes };
  }
}

/** For each service, the most specific host of any VirtualService that covers it. */
function mostSpecificHosts(
  virtualServices: readonly VirtualService[],
  services: readonly ServiceRecord[],
): Map<string, string> {
  const hosts = [...new Set(virtualServices.flatMap((vs) => vs.hosts))].sort(compareSpecificity);
  const wildcards = hosts.filter(isWildcard);
  const exact = new Set(hosts);
  const out = new Map<string, string>();
  if (hosts.length === 0) return out;
  for (const { hostname } of services) {
    const best = exact.has(hostname) ? hostname : wildcards.find((w) => isSubsetOf(hostname, w));
    if (best !== undefined) out.set(hostname, best);
  }
  return out;
}

function defaultRoutes(service: ServiceRecord, input: GenerateInput, scope: ProxyScope): HostRoutes[] {
  return service.ports
    .filter((p) => isHttp(p.protocol) || isAutoDetected(p.protocol))
    .map((p) => {
      const cluster = subsetKey("outbound", "", service.hostname, p.port);
      const hash = hashPoliciesOf(scope.destinationRule(service), "", p.port);
      const retries = input.ctx.mesh.mesh.defaultHttpRetryPolicy;
      const route = defaultOutboundRoute(cluster, `${service.hostname}:${p.port}/*`, retries, hash);
      return { port: p.port, services: [service], hosts: [], routes: [route] };
    });
}

/** Virtual hosts with each domain once: the first that asks for one has it. */
function toVirtualHosts(all: readonly HostRoutes[], input: GenerateInput): VirtualHost[] {
  const { ctx, view } = input;
  const absolute = ctx.mesh.features.absoluteFqdnVhostDomain;
  const known = new Set(all.flatMap((r) => r.services.map((s) => s.hostname)));
  const names = new Set<string>();
  const taken = new Set<string>();
  const out: VirtualHost[] = [];
  const add = (hostname: string, r: HostRoutes, service: ServiceRecord | undefined): void => {
    const name = `${bracketed(hostname)}:${r.port}`;
    if (names.has(name)) return;
    names.add(name);
    const { full, short } = service
      ? hostDomains(hostname, view.dnsDomain, { absolute })
      : { full: [bracketed(hostname)], short: [] };
    const addresses = service ? serviceAddresses(service, view).map(bracketed) : [];
    const domains = [...full, ...short.filter((d) => !known.has(d)), ...addresses].filter((d) => !taken.has(d));
    if (domains.length === 0) return;
    for (const domain of domains) taken.add(domain);
    const sessions = statefulSession(ctx, service);
    out.push({
      name,
      domains,
      routes: [...r.routes],
      includeRequestAttemptCount: true,
      ...(sessions ? { typedPerFilterConfig: sessions } : {}),
    });
  };
  for (const r of all) {
    for (const host of r.hosts) add(host, r, undefined);
    for (const service of r.services) add(service.hostname, r, service);
  }
  return out;
}
