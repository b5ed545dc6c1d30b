// The route configurations of a sidecar's outbound listeners, joined from serialized virtual hosts. Worker threads.
import { envoy } from "../../../shared/gen/envoy.js";
import type { ServiceRecord } from "../../../shared/model/service.ts";
import type { ProxyView } from "../../../shared/model/view.ts";
import { Fragments } from "../../encode/fragments.ts";
import { joinRepeated } from "../../encode/join.ts";
import { statefulSession } from "../../filters/stateful-session.ts";
import { catchAllVirtualHost, type VirtualHost } from "../../routing/default-routes.ts";
import { bracketed, hostDomains } from "../../routing/domains.ts";
import { routeConfiguration } from "../../routing/route-configuration.ts";
import { virtualHostFor } from "../../routing/upstream-routes.ts";
import type { EgressScope } from "../../scope/egress-hosts.ts";
import type { ProxyScope } from "../../scope/proxy-scope.ts";
import { serviceAddresses } from "../../scope/service-address.ts";
import type { GenerateInput } from "../generator.ts";
import { type HostRoutes, hostRoutesAt } from "./host-routes.ts";

const { RouteConfiguration, VirtualHost: VirtualHostCodec } = envoy.config.route.v3;

/** Number of RouteConfiguration.virtual_hosts. */
const VIRTUAL_HOSTS = 2;

/** A virtual host, whose bytes are made when they are asked for. */
interface NamedHost {
  readonly name: string;
  readonly domains: readonly string[];
  readonly source: HostRoutes;
  readonly service: ServiceRecord | undefined;
}

/** The route configurations of one view in one snapshot, of which those on the same port share their work. */
export class SidecarRoutes {
  private readonly input: GenerateInput;
  private readonly scope: ProxyScope;
  private readonly byPort = new Map<string, readonly NamedHost[]>();

  constructor(input: GenerateInput, scope: ProxyScope) {
    this.input = input;
    this.scope = scope;
  }

  /**
   * The serialized configuration named `80`, `host:80` for a listener that detects HTTP at one service's address, `http_proxy`
   * for one that applications use as their proxy, or `unix://path`. Undefined for a name that no listener has.
   */
  config(name: string): Uint8Array | undefined {
    const parsed = parseRouteName(name);
    if (!parsed) return undefined;
    const catchAll = encodedCatchAll(this.scope, this.input.view);
    const hosts = this.hostsAt(name, parsed.port);
    if (parsed.hostname === "") {
      return this.join(name, [...hosts.map((h) => this.encoded(h, h.domains)), catchAll]);
    }
    const own = hosts.find((h) => h.name === name);
    return this.join(name, [own ? this.encoded(own, ["*"]) : catchAll]);
  }

  private hostsAt(name: string, port: number): readonly NamedHost[] {
    const key = port === 0 ? name : String(port);
    let hosts = this.byPort.get(key);
    if (!hosts) {
      const egress = egressFor(this.scope, name, port);
      // Clients of a proxy name the port that they mean.
      const all = port === 0 || egress?.port?.protocol === "HTTP_PROXY";
      const routes = egress ? hostRoutesAt(all ? 0 : port, this.input, this.scope, egress) : [];
      hosts = namedHosts(routes, all, this.input);
      this.byPort.set(key, hosts);
    }
    return hosts;
  }

  private join(name: string, virtualHosts: readonly Uint8Array[]): Uint8Array {
    return joinRepeated(RouteConfiguration, routeConfiguration(name, []), VIRTUAL_HOSTS, virtualHosts);
  }

  private encoded(host: NamedHost, domains: readonly string[]): Uint8Array {
    const { ctx, view } = this.input;
    const { routes } = host.source;
    const key = `${host.name} ${domains.join()} ${view.istioFilters}`;
    return hostFragments.get(routes, key, [host.service, ctx.mesh], () => {
      const sessions = statefulSession(ctx, host.service);
      const message: VirtualHost = {
        name: host.name,
        domains: [...domains],
        routes: [...routes],
        includeRequestAttemptCount: true,
        ...(sessions ? { typedPerFilterConfig: sessions } : {}),
      };
      return VirtualHostCodec.encode(virtualHostFor(view, message)).finish();
    });
  }
}

const hostFragments = new Fragments<Uint8Array>();
const catchAlls = new Map<string, Uint8Array>();

function encodedCatchAll(scope: ProxyScope, view: ProxyView): Uint8Array {
  const { outboundPolicy, egressProxy } = scope;
  const key = `${outboundPolicy} ${egressProxy} ${view.istioFilters}`;
  let bytes = catchAlls.get(key);
  if (!bytes) {
    const host = virtualHostFor(view, catchAllVirtualHost(outboundPolicy, egressProxy));
    bytes = VirtualHostCodec.encode(host).finish();
    catchAlls.set(key, bytes);
  }
  return bytes;
}

function parseRouteName(name: string): { hostname: string; port: number } | undefined {
  if (name === "http_proxy" || name.startsWith("unix://")) return { hostname: "", port: 0 };
  const at = name.lastIndexOf(":");
  const port = Number(name.slice(at + 1));
  if (!Number.isInteger(port) || port <= 0) return undefined;
  return { hostname: at < 0 ? "" : name.slice(0, at), port };
}

/** The egress listener on the port or Unix socket, else the one for every port. */
function egressFor({ egress }: ProxyScope, name: string, port: number): EgressScope | undefined {
  return egress.find((e) => !e.port || (e.port.port === port && (port !== 0 || e.bind === name)));
}

interface HostNames {
  readonly full: readonly string[];
  readonly short: readonly string[];
  readonly addresses: readonly string[];
}

const nameFragments = new Fragments<HostNames>();

function namesOf(service: ServiceRecord, { ctx, view }: GenerateInput): HostNames {
  const key = `${view.dnsDomain} ${view.metadata.dnsCapture} ${view.ipFamilies.ipv4} ${view.ipFamilies.ipv6}`;
  return nameFragments.get(service, key, [ctx.mesh], () => ({
    ...hostDomains(service.hostname, view.dnsDomain, { absolute: ctx.mesh.features.absoluteFqdnVhostDomain }),
    addresses: serviceAddresses(service, view).map(bracketed),
  }));
}

/** Virtual hosts with each domain once: the first that asks for one has it. `ports`: domains name the port. */
function namedHosts(all: readonly HostRoutes[], ports: boolean, input: GenerateInput): NamedHost[] {
  const known = new Set<string>();
  for (const r of all) for (const service of r.services) known.add(service.hostname);
  const names = new Set<string>();
  const taken = new Set<string>();
  const out: NamedHost[] = [];
  const add = (hostname: string, source: HostRoutes, service: ServiceRecord | undefined): void => {
    const name = `${bracketed(hostname)}:${source.port}`;
    if (names.has(name)) return;
    names.add(name);
    const { full, short, addresses } = service
      ? namesOf(service, input)
      : { full: [bracketed(hostname)], short: [], addresses: [] };
    const domains: string[] = [];
    const take = (name: string): void => {
      const domain = ports ? `${name}:${source.port}` : name;
      if (taken.has(domain)) return;
      taken.add(domain);
      domains.push(domain);
    };
    for (const domain of full) take(domain);
    // A short name gives way to a host that is really called so.
    for (const domain of short) if (!known.has(domain)) take(domain);
    for (const address of addresses) take(address);
    if (domains.length > 0) out.push({ name, domains, source, service });
  };
  for (const r of all) {
    for (const host of r.hosts) add(host, r, undefined);
    for (const service of r.services) add(service.hostname, r, service);
  }
  return out;
}
