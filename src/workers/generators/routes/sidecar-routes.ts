// The route configurations of a sidecar's outbound listeners, joined from serialized virtual hosts. Worker threads.
import type { ProxyView } from "../../../shared/model/view.ts";
import { parseSubsetKey } from "../../../shared/names/cluster-name.ts";
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
import { hostRoutesAt } from "./host-routes.ts";
import { type NamedHost, namedHosts } from "./named-hosts.ts";
import { type RouteHosts, routeHosts } from "./route-hosts.ts";

/** The route configurations of one view in one snapshot, of which those on the same port share their work. */
export class SidecarRoutes {
  private readonly input: GenerateInput;
  private readonly scope: ProxyScope;
  private readonly headers: HostHeaders;
  private readonly byPort = new Map<string, RouteHosts>();

  constructor(input: GenerateInput, scope: ProxyScope) {
    this.input = input;
    this.scope = scope;
    this.headers = hostHeaders(proxyConfigOf(input.ctx, input.view));
  }

  /**
   * The serialized configuration named `80`, `host:80` for a listener that detects HTTP at one service's address, `http_proxy`
   * for one that applications use as their proxy, or `unix://path`. Undefined for a name that no listener has.
   */
  config(name: string): Uint8Array | undefined {
    const parsed = parseRouteName(name);
    if (!parsed) return undefined;
    const catchAll = encodedCatchAll(this.scope, this.input.view, this.headers);
    const list = this.hostsAt(name, parsed.port);
    if (parsed.hostname === "") return this.join(name, [...this.allEncoded(list), catchAll]);
    const own = list.hosts.find((h) => h.name === name);
    return this.join(name, [own ? this.encoded(own, ["*"]) : catchAll]);
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
    const hosts = this.hostsAt(name, key.port).hosts.filter((host) => host.source.port === key.port);
    return joinedRoutes(
      { name },
      hosts.map((host) => this.encoded(host, host.domains)),
    );
  }

  private hostsAt(name: string, port: number): RouteHosts {
    const key = port === 0 ? name : String(port);
    let list = this.byPort.get(key);
    if (!list) {
      const { ctx, view, viewId } = this.input;
      const egress = egressFor(this.scope, name, port);
      // Clients of a proxy name the port that they mean.
      const all = port === 0 || egress?.port?.protocol === "HTTP_PROXY";
      const routes = egress ? hostRoutesAt(all ? 0 : port, this.input, this.scope, egress) : [];
      // gRPC's clients look for what they were told to call, with the port.
      const ports = view.generator === "grpc" ? "both" : all ? "only" : "none";
      list = routeHosts(`${viewId}|${key}`, ctx.mesh, routes, (sources) => namedHosts(sources, ports, this.input));
      this.byPort.set(key, list);
    }
    return list;
  }

  private allEncoded({ hosts, bytes }: RouteHosts): Uint8Array[] {
    return hosts.map((host, i) => {
      const encoded = bytes[i] ?? this.encoded(host, host.domains);
      bytes[i] = encoded;
      return encoded;
    });
  }

  private join(name: string, virtualHosts: readonly Uint8Array[]): Uint8Array {
    return joinedRoutes(routeConfiguration(name, []), virtualHosts);
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
