// The route configurations of a sidecar's outbound listeners, joined from serialized virtual hosts. Worker threads.
import type { ProxyView } from "../../../shared/model/view.ts";
import { parseSubsetKey } from "../../../shared/names/cluster-name.ts";
import { commonDomain } from "../../../shared/names/route-slice.ts";
import { Fragments } from "../../encode/fragments.ts";
import { hostHeaders } from "../../filters/proxy-headers.ts";
import { statefulSession } from "../../filters/stateful-session.ts";
import { proxyConfigOf } from "../../filters/telemetry/tracing.ts";
import { catchAllVirtualHost, type VirtualHost } from "../../routing/default-routes.ts";
import { encodedVirtualHost, joinedRoutes } from "../../routing/encoded-routes.ts";
import { type HostHeaders, hostHeadersKey } from "../../routing/host-headers.ts";
import { routeConfiguration } from "../../routing/route-configuration.ts";
import type { EgressScope } from "../../scope/egress-hosts.ts";
import type { ProxyScope } from "../../scope/proxy-scope.ts";
import type { GenerateInput } from "../generator.ts";
import { hostRoutesAt, type PortRoutes } from "./host-routes.ts";
import { type NamedHost, type Naming, namedHosts, ownDomains } from "./named-hosts.ts";
import { hostsInSlice, type RouteHosts, routeHosts } from "./route-hosts.ts";

/** The hosts of a port, with how this view's clients name them. */
interface PortHosts {
  readonly list: RouteHosts;
  readonly naming: Naming;
}

/** The route configurations of one view in one snapshot, of which those on the same port share their work. */
export class SidecarRoutes {
  private readonly input: GenerateInput;
  private readonly scope: ProxyScope;
  private readonly headers: HostHeaders;
  /** What the view's search domain has in common with that of other namespaces. */
  private readonly common: string;
  private readonly byPort = new Map<string, PortHosts>();

  constructor(input: GenerateInput, scope: ProxyScope) {
    this.input = input;
    this.scope = scope;
    this.headers = hostHeaders(proxyConfigOf(input.ctx, input.view));
    this.common = commonDomain(input.view.dnsDomain);
  }

  /**
   * The serialized configuration named `80`, `host:80` for a listener that detects HTTP at one service's address, `http_proxy`
   * for one that applications use as their proxy, or `unix://path`. Undefined for a name that no listener has.
   *
   * Of a slice, what of it the slice has: the slices' bytes, one after the other, are the configuration. Undefined where that is
   * nothing.
   */
  config(name: string): Uint8Array | undefined {
    const parsed = parseRouteName(name);
    if (!parsed) return undefined;
    const { slice } = this.input;
    const catchAll = encodedCatchAll(this.scope, this.input.view, this.headers);
    const at = this.hostsAt(name, parsed.port);
    if (parsed.hostname !== "") {
      const own = at.list.hosts.find((h) => h.name === name);
      return joinedRoutes(routeConfiguration(name, []), [own ? this.encoded(own, ["*"]) : catchAll]);
    }
    if (!slice) {
      const all = at.list.hosts.map((_, place) => this.encodedAt(at, place));
      return joinedRoutes(routeConfiguration(name, []), [...all, catchAll]);
    }
    const some = hostsInSlice(at.list, slice, this.common).map((place) => this.encodedAt(at, place));
    if (slice.index === slice.of - 1) some.push(catchAll);
    if (slice.index === 0) return joinedRoutes(routeConfiguration(name, []), some);
    return some.length === 0 ? undefined : joinedRoutes({}, some);
  }

  /**
   * The serialized configuration that a gRPC client asks for by a cluster's name, `outbound|80||host`: all hosts of the port, as
   * for a listener that they share. Undefined where the host has no such port.
   */
  grpcConfig(name: string): Uint8Array | undefined {
    const key = parseSubsetKey(name);
    if (key?.direction !== "outbound" || key.subset !== "") return undefined;
    const service = this.scope.byHostname.get(key.hostname);
    if (!service?.ports.some((p) => p.port === key.port)) return undefined;
    const at = this.hostsAt(name, key.port);
    const virtualHosts: Uint8Array[] = [];
    at.list.hosts.forEach(({ source }, place) => {
      if (source.port === key.port) virtualHosts.push(this.encodedAt(at, place));
    });
    return joinedRoutes({ name }, virtualHosts);
  }

  private hostsAt(name: string, port: number): PortHosts {
    const key = port === 0 ? name : String(port);
    let at = this.byPort.get(key);
    if (!at) {
      at = this.newHostsAt(key, name, port);
      this.byPort.set(key, at);
    }
    return at;
  }

  private newHostsAt(key: string, name: string, port: number): PortHosts {
    const { ctx, view } = this.input;
    const egress = egressFor(this.scope, name, port);
    // Clients of a proxy name the port that they mean.
    const all = port === 0 || egress?.port?.protocol === "HTTP_PROXY";
    // gRPC's clients look for what they were told to call, with the port.
    const ports = view.generator === "grpc" ? "both" : all ? "only" : "none";
    const naming: Naming = { ctx, view, ports };
    const from = all ? 0 : port;
    const routes = egress ? hostRoutesAt(from, this.input, this.scope, egress) : NO_ROUTES;
    const { metadata, ipFamilies, istioFilters } = view;
    const alike = [metadata.dnsCapture, ipFamilies.ipv4, ipFamilies.ipv6, istioFilters, hostHeadersKey(this.headers)];
    const listKey = `${routes.key}|${key}|${ports}|${this.common}|${alike.join()}`;
    const list = routeHosts(listKey, ctx.mesh, routes.list, (some) => namedHosts(some, naming, this.common));
    return { list, naming };
  }

  /** A host under the domains that this view's clients have for it; most have one that all namespaces share. */
  private encodedAt({ list, naming }: PortHosts, place: number): Uint8Array {
    const host = list.hosts[place]!;
    const domains = ownDomains(host, list, naming);
    if (domains !== host.domains) return this.encoded(host, domains);
    const encoded = list.bytes[place] ?? this.encoded(host, domains);
    list.bytes[place] = encoded;
    return encoded;
  }

  private encoded(host: NamedHost, domains: readonly string[]): Uint8Array {
    const { ctx, view } = this.input;
    const { routes } = host.source;
    const { headers } = this;
    const key = `${host.name} ${domains.join()} ${view.generator} ${view.istioFilters} ${hostHeadersKey(headers)}`;
    return hostFragments.get(routes, key, [host.service, ctx.mesh], () => {
      const sessions = statefulSession(ctx, host.service);
      const message: VirtualHost = {
        name: host.name,
        domains: [...domains],
        routes: [...routes],
        ...(sessions ? { typedPerFilterConfig: sessions } : {}),
      };
      return encodedVirtualHost(view, message, headers);
    });
  }
}

const NO_ROUTES: PortRoutes = { key: "", list: [] };

const hostFragments = new Fragments<Uint8Array>();
const catchAlls = new Map<string, Uint8Array>();

function encodedCatchAll(scope: ProxyScope, view: ProxyView, headers: HostHeaders): Uint8Array {
  const { outboundPolicy, egressProxy } = scope;
  const key = `${outboundPolicy} ${egressProxy} ${view.istioFilters} ${hostHeadersKey(headers)}`;
  let bytes = catchAlls.get(key);
  if (!bytes) {
    bytes = encodedVirtualHost(view, catchAllVirtualHost(outboundPolicy, egressProxy), headers);
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
