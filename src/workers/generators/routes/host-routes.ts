// Which routes a sidecar has for which hosts of a port: those of VirtualServices, else a default one. Worker threads.
import { LRUCache } from "lru-cache";
import { canonicalJson } from "../../../shared/canonical-json.ts";
import type { ServiceRecord } from "../../../shared/model/service.ts";
import { isAutoDetected, isHttp } from "../../../shared/model/service.ts";
import { subsetKey } from "../../../shared/names/cluster-name.ts";
import { MESH_GATEWAY } from "../../../shared/names/gateway.ts";
import { compareSpecificity, isSubsetOf, isWildcard } from "../../../shared/names/hostname.ts";
import type { PushContext } from "../../context/push-context.ts";
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

/** Lists for clients of some kind that a worker keeps: there may be many kinds. */
const MAX_PERSONAL = 16;
const personal = new WeakMap<PushContext, LRUCache<string, readonly HostRoutes[]>>();

/** Everything that may be reached at a port: one list for all that see the same, and of whom VirtualServices want to know the same. */
export function hostRoutesAt(port: number, input: GenerateInput, scope: ProxyScope, egress: EgressScope): PortRoutes {
  const { ctx, view } = input;
  const at = `${scope.key}|${scope.egress.indexOf(egress)}`;
  const asking = ctx.derive(`routes-ask/${at}`, SCOPE_DEPENDENCIES, () => egress.virtualServices.filter(asksForClient));
  const client = canonicalJson([...new Set(asking.map((vs) => clientTraits(vs, view)))]);
  const key = `host-routes/${at}|${port}|${view.generator}|${client}`;
  const make = (): HostRoutes[] => newHostRoutes(port, input, scope, egress);
  if (asking.length === 0) return { key, list: ctx.derive(key, SCOPE_DEPENDENCIES, make) };
  let lists = personal.get(ctx);
  if (!lists) {
    lists = new LRUCache({ max: MAX_PERSONAL });
    personal.set(ctx, lists);
  }
  let list = lists.get(key);
  if (!list) {
    list = make();
    lists.set(key, list);
  }
  return { key, list };
}

function newHostRoutes(port: number, input: GenerateInput, scope: ProxyScope, egress: EgressScope): HostRoutes[] {
  const { byHost, sorted } = servicesAt(port, egress);
  const out = [...virtualServiceRoutes(port, sorted, byHost, input, scope, egress)];
  const routed = new Set(out.flatMap((r) => r.services.map((s) => s.hostname)));
  for (const service of sorted) {
    if (!routed.has(service.hostname)) out.push(...defaultRoutes(port, service, input, scope));
  }
  return out;
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

function* virtualServiceRoutes(
  port: number,
  sorted: readonly ServiceRecord[],
  services: PortServices,
  input: GenerateInput,
  scope: ProxyScope,
  egress: EgressScope,
): Iterable<HostRoutes> {
  const bestHost = mostSpecificHosts(egress.virtualServices, sorted);
  for (const vs of egress.virtualServices) {
    if (!vs.spec.http?.length) continue;
    const own: ServiceRecord[] = [];
    const hosts: string[] = [];
    for (const host of vs.hosts) {
      if (isWildcard(host)) {
        const matching = sorted.filter((s) => isSubsetOf(s.hostname, host));
        own.push(...matching.filter((s) => bestHost.get(s.hostname) === host));
        if (matching.length === 0) hosts.push(host);
      } else {
        const service = services.get(host);
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
    if (byPort.size === 0) continue;
    const routes = routesOf(vs, port, services, input, scope);
    if (routes.length === 0) continue;
    for (const [servicePort, list] of byPort) yield { port: servicePort, services: list, hosts, routes };
  }
}

/** For each service, the most specific host of any VirtualService that covers it; empty when all hosts are exact. */
function mostSpecificHosts(
  virtualServices: readonly VirtualService[],
  services: readonly ServiceRecord[],
): Map<string, string> {
  const out = new Map<string, string>();
  if (!virtualServices.some((vs) => vs.hosts.some(isWildcard))) return out;
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
