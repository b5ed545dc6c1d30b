// The route configurations of a sidecar's outbound listeners, joined from serialized virtual hosts. Worker threads.
import { envoy } from "../../../shared/gen/envoy.js";
import type { ServiceRecord } from "../../../shared/model/service.ts";
import type { ProxyView } from "../../../shared/model/view.ts";
import { Fragments } from "../../encode/fragments.ts";
import { joinRepeated } from "../../encode/join.ts";
import { statefulSession } from "../../filters/stateful-session.ts";
import { catchAllVirtualHost, type VirtualHost } from "../../routing/default-routes.ts";
import { bracketed, hostDomains } from "../../routing/domains.ts";
import type { EgressScope, ProxyScope } from "../../scope/proxy-scope.ts";
import { serviceAddresses } from "../../scope/service-address.ts";
import type { GenerateInput } from "../generator.ts";
import { type HostRoutes, hostRoutesAt } from "./host-routes.ts";
import { routeConfiguration } from "./route-configuration.ts";
import { virtualHostFor } from "./upstream-routes.ts";

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
  private readonly byPort = new Map<number, readonly NamedHost[]>();

  constructor(input: GenerateInput, scope: ProxyScope) {
    this.input = input;
    this.scope = scope;
  }

  /**
   * The serialized configuration named `80`, or `host:80` for a listener that detects HTTP at one service's address.
   * Undefined for a name that no listener has.
   */
  config(name: string): Uint8Array | undefined {
    const parsed = parseRouteName(name);
    if (!parsed) return undefined;
    const catchAll = encodedCatchAll(this.scope, this.input.view);
    const hosts = this.hostsAt(parsed.port);
    if (parsed.hostname === "") {
      return this.join(name, [...hosts.map((h) => this.encoded(h, h.domains)), catchAll]);
    }
    const own = hosts.find((h) => h.name === name);
    return this.join(name, [own ? this.encoded(own, ["*"]) : catchAll]);
  }

  private hostsAt(port: number): readonly NamedHost[] {
    let hosts = this.byPort.get(port);
    if (!hosts) {
      const egress = egressFor(this.scope, port);
      hosts = namedHosts(hostRoutesAt(port, this.input, this.scope, egress), this.input);
      this.byPort.set(port, hosts);
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
  const key = `${scope.outboundPolicy} ${view.istioFilters}`;
  let bytes = catchAlls.get(key);
  if (!bytes) {
    bytes = VirtualHostCodec.encode(virtualHostFor(view, catchAllVirtualHost(scope.outboundPolicy))).finish();
    catchAlls.set(key, bytes);
  }
  return bytes;
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

/** Virtual hosts with each domain once: the first that asks for one has it. */
function namedHosts(all: readonly HostRoutes[], input: GenerateInput): NamedHost[] {
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
    const take = (domain: string): void => {
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
