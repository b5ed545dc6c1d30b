// Which routes a sidecar has for which hosts of a port: those of VirtualServices, else a default one. Worker threads.
import { LRUCache } from "lru-cache";
import { canonicalJson } from "../../../shared/canonical-json.ts";
import type { ServiceRecord } from "../../../shared/model/service.ts";
import { isAutoDetected, isHttp } from "../../../shared/model/service.ts";
import { subsetKey } from "../../../shared/names/cluster-name.ts";
import { MESH_GATEWAY } from "../../../shared/names/gateway.ts";
import { compareSpecificity, isSubsetOf, isWildcard } from "../../../shared/names/hostname.ts";
import { sameItems } from "../../../shared/same-items.ts";
import { Fragments } from "../../encode/fragments.ts";
import { defaultOutboundRoute } from "../../routing/default-routes.ts";
import { hashPoliciesOf } from "../../routing/hash-policy.ts";
import { httpRoutes, type Route } from "../../routing/http-route.ts";
import { asksForClient, clientTraits, routeDestinations } from "../../routing/route-traits.ts";
import type { EgressScope } from "../../scope/egress-hosts.ts";
import { type ProxyScope, SCOPE_DEPENDENCIES } from "../../scope/proxy-scope.ts";
import type { VirtualService } from "../../scope/virtual-services.ts";
import { compareText } from "../../scope/visibility.ts";
import type { GenerateInput } from "../generator.ts";

/** Routes with the hosts that they are for. */
export interface HostRoutes {
  readonly port: number;
  readonly services: readonly ServiceRecord[];
  /** Hosts of a VirtualService that no service has. */
  readonly hosts: readonly string[];
  /** The same object for as long as nothing that it was made of changes. */
  readonly routes: readonly Route[];
}

/** Services by host that are on a port, all of them for port 0. */
type PortServices = ReadonlyMap<string, ServiceRecord>;

/** The routes of a port. */
export interface PortRoutes {
  /** Names what the list depends on beside what scopes do. */
  readonly key: string;
  /** VirtualServices before services that have none. */
  readonly list: readonly HostRoutes[];
}

/** A list with what it was made of. */
interface MadeRoutes {
  /** What all of it was made of, beside VirtualServices. */
  readonly base: readonly unknown[];
  readonly virtualServices: readonly VirtualService[];
  readonly byVirtualService: ReadonlyMap<VirtualService, readonly HostRoutes[]>;
  readonly routed: readonly HostRoutes[];
  /** Of services that no VirtualService has. */
  readonly defaults: readonly HostRoutes[];
  readonly list: readonly HostRoutes[];
}

/** Ports, and clients of whom VirtualServices want to know something, whose last list a worker keeps. */
const MAX_LISTS = 64;
const made = new LRUCache<string, MadeRoutes>({ max: MAX_LISTS });

/** Everything that may be reached at a port: one list for all that see the same, and of whom VirtualServices want to know the same. */
export function hostRoutesAt(port: number, input: GenerateInput, scope: ProxyScope, egress: EgressScope): PortRoutes {
  const { ctx, view } = input;
  const at = `${scope.key}|${scope.egress.indexOf(egress)}`;
  const asking = ctx.derive(`routes-ask/${at}`, SCOPE_DEPENDENCIES, () => egress.virtualServices.filter(asksForClient));
  const client = canonicalJson([...new Set(asking.map((vs) => clientTraits(vs, view)))]);
  const key = `host-routes/${at}|${port}|${view.generator}|${client}`;
  const make = (): readonly HostRoutes[] => listAt(key, port, input, scope, egress);
  // There may be many kinds of clients: their lists aren't kept for each version.
  return { key, list: asking.length === 0 ? ctx.derive(key, SCOPE_DEPENDENCIES, make) : make() };
}

/** The list of a key; of the last one, what no change of a VirtualService touched. */
function listAt(
  key: string,
  port: number,
  input: GenerateInput,
  scope: ProxyScope,
  egress: EgressScope,
): readonly HostRoutes[] {
  const { ctx } = input;
  const { virtualServices } = egress;
  const base = [ctx.mesh, egress.services, ctx.stamp("services"), ctx.stamp("DestinationRule")];
  const known = made.get(key);
  const before = known && sameItems(known.base, base) ? known : undefined;
  if (before?.virtualServices === virtualServices) return before.list;
  const services = servicesAt(port, egress);
  const wildcards = mostSpecificHosts(virtualServices, services.sorted);
  const byVirtualService = new Map<VirtualService, readonly HostRoutes[]>();
  for (const vs of virtualServices) {
    // What one has for a wildcard depends on the hosts of all others.
    const same = wildcards ? undefined : before?.byVirtualService.get(vs);
    byVirtualService.set(vs, same ?? virtualServiceRoutes(vs, port, services, wildcards, input, scope));
  }
  const routed = [...byVirtualService.values()].flat();
  const sameRouted =
    before?.routed.length === routed.length && routed.every((routes, i) => sameHosts(routes, before.routed[i]!));
  const defaults = sameRouted ? before.defaults : unrouted(routed, port, services, input, scope);
  const list = [...routed, ...defaults];
  made.set(key, { base, virtualServices, byVirtualService, routed, defaults, list });
  return list;
}

/** True for routes of the same hosts at the same port. */
export function sameHosts(a: HostRoutes, b: HostRoutes): boolean {
  return a === b || (a.port === b.port && sameItems(a.services, b.services) && sameItems(a.hosts, b.hosts));
}

function unrouted(
  routed: readonly HostRoutes[],
  port: number,
  { sorted }: ServicesAtPort,
  input: GenerateInput,
  scope: ProxyScope,
): HostRoutes[] {
  const names = new Set(routed.flatMap((r) => r.services.map((s) => s.hostname)));
  return sorted.flatMap((service) => (names.has(service.hostname) ? [] : defaultRoutes(port, service, input, scope)));
}

interface ServicesAtPort {
  readonly byHost: PortServices;
  /** By host. */
  readonly sorted: readonly ServiceRecord[];
}

/** By the list of services that are seen, which is another one only when services change. */
const portServices = new WeakMap<readonly ServiceRecord[], Map<number, ServicesAtPort>>();

function servicesAt(port: number, { services }: EgressScope): ServicesAtPort {
  let ports = portServices.get(services);
  if (!ports) {
    ports = new Map();
    portServices.set(services, ports);
  }
  let known = ports.get(port);
  if (!known) {
    // Of several services for one host the last has its say, as in istiod.
    const byHost = new Map<string, ServiceRecord>();
    for (const service of services) {
      if (port === 0 || service.ports.some((p) => p.port === port)) byHost.set(service.hostname, service);
    }
    known = { byHost, sorted: [...byHost.values()].sort((a, b) => compareText(a.hostname, b.hostname)) };
    ports.set(port, known);
  }
  return known;
}

function httpPorts(service: ServiceRecord, port: number): number[] {
  return service.ports
    .filter((p) => (port === 0 || p.port === port) && (isHttp(p.protocol) || isAutoDetected(p.protocol)))
    .map((p) => p.port);
}

function virtualServiceRoutes(
  vs: VirtualService,
  port: number,
  { byHost, sorted }: ServicesAtPort,
  wildcards: ReadonlyMap<string, string> | undefined,
  input: GenerateInput,
  scope: ProxyScope,
): readonly HostRoutes[] {
  if (!vs.spec.http?.length) return [];
  const own: ServiceRecord[] = [];
  const hosts: string[] = [];
  for (const host of vs.hosts) {
    if (isWildcard(host)) {
      const matching = sorted.filter((s) => isSubsetOf(s.hostname, host));
      own.push(...matching.filter((s) => wildcards?.get(s.hostname) === host));
      if (matching.length === 0) hosts.push(host);
    } else {
      const service = byHost.get(host);
      if (service) own.push(service);
      else hosts.push(host);
    }
  }
  const byPort = new Map<number, ServiceRecord[]>();
  for (const service of own) {
    for (const p of httpPorts(service, port)) {
      const list = byPort.get(p);
      if (list) list.push(service);
      else byPort.set(p, [service]);
    }
  }
  // Hosts that nobody serves are taken to be on port 80.
  if (byPort.size === 0 && port === 80 && hosts.length > 0) byPort.set(80, []);
  if (byPort.size === 0) return [];
  const routes = routesOf(vs, port, byHost, input, scope);
  if (routes.length === 0) return [];
  return [...byPort].map(([servicePort, list]) => ({ port: servicePort, services: list, hosts, routes }));
}

/** For each service, the most specific host of any VirtualService that covers it; undefined when all hosts are exact. */
function mostSpecificHosts(
  virtualServices: readonly VirtualService[],
  services: readonly ServiceRecord[],
): ReadonlyMap<string, string> | undefined {
  if (!virtualServices.some((vs) => vs.hosts.some(isWildcard))) return undefined;
  const out = new Map<string, string>();
  const hosts = [...new Set(virtualServices.flatMap((vs) => vs.hosts))].sort(compareSpecificity);
  const wildcards = hosts.filter(isWildcard);
  const exact = new Set(hosts);
  for (const { hostname } of services) {
    const best = exact.has(hostname) ? hostname : wildcards.find((w) => isSubsetOf(hostname, w));
    if (best !== undefined) out.set(hostname, best);
  }
  return out;
}

const virtualServiceFragments = new Fragments<readonly Route[]>();

/** A VirtualService's routes at a port. They depend on who asks only where the object says so. */
function routesOf(
  vs: VirtualService,
  port: number,
  services: PortServices,
  { ctx, view }: GenerateInput,
  scope: ProxyScope,
): readonly Route[] {
  const dependencies: unknown[] = [ctx.mesh];
  for (const host of routeDestinations(vs)) {
    const known = scope.byHostname.get(host);
    dependencies.push(services.get(host), known && scope.destinationRule(known));
  }
  const key = `${view.generator}|${port}|${clientTraits(vs, view)}`;
  return virtualServiceFragments.get(vs, key, dependencies, () =>
    httpRoutes(vs, {
      port,
      gateways: new Set([MESH_GATEWAY]),
      labels: view.labels,
      namespace: view.namespace,
      // Only what is on this port: a destination elsewhere must say its port.
      service(hostname) {
        const service = services.get(hostname);
        return (
          service && { ...service, ports: port === 0 ? service.ports : service.ports.filter((p) => p.port === port) }
        );
      },
      hashPolicies(destination, destinationPort) {
        const service = scope.byHostname.get(destination.host ?? "");
        return service ? hashPoliciesOf(scope.destinationRule(service), destination.subset ?? "", destinationPort) : [];
      },
      defaultRetries: ctx.mesh.mesh.defaultHttpRetryPolicy,
      isTls: false,
      reader: view.generator,
    }),
  );
}

const defaultFragments = new Fragments<HostRoutes[]>();

function defaultRoutes(port: number, service: ServiceRecord, { ctx }: GenerateInput, scope: ProxyScope): HostRoutes[] {
  const rule = scope.destinationRule(service);
  return defaultFragments.get(service, String(port), [rule, ctx.mesh], () =>
    httpPorts(service, port).map((p) => {
      const cluster = subsetKey("outbound", "", service.hostname, p);
      const retries = ctx.mesh.mesh.defaultHttpRetryPolicy;
      const route = defaultOutboundRoute(cluster, `${service.hostname}:${p}/*`, retries, hashPoliciesOf(rule, "", p));
      return { port: p, services: [service], hosts: [], routes: [route] };
    }),
  );
}
