// Outbound listeners of a sidecar: one for each address and port, services that share one merged. Worker threads.
import { isIP } from "node:net";
import { isHttp, type ServicePort, type ServiceRecord } from "../../../shared/model/service.ts";
import type { ProxyView } from "../../../shared/model/view.ts";
import { connectionManager } from "../../filters/connection-manager.ts";
import { httpForwardProxy } from "../../filters/dynamic-forward-proxy.ts";
import { httpFilters } from "../../filters/http-filters.ts";
import { accessLogs, httpStatsFilters } from "../../filters/telemetry.ts";
import type { EgressScope, ProxyScope } from "../../scope/proxy-scope.ts";
import { listenAddresses } from "../../scope/service-address.ts";
import type { GenerateInput } from "../generator.ts";
import { chainOf, type FilterChain, PLAINTEXT_HTTP, RAW_BUFFER } from "./filter-chain.ts";
import { type TcpTarget, tcpChains, timed } from "./tcp-chains.ts";

/** A listener under construction. */
export interface OutboundListener {
  readonly bind: string;
  readonly port: number;
  /** True when a Sidecar's egress listener asks for it: what captures everything adds nothing to it. */
  readonly locked: boolean;
  /** Makes the chain for HTTP, which names the workload: only for who asks. */
  http: ((input: GenerateInput) => FilterChain) | undefined;
  /** Chains that take TCP, by their match. */
  readonly tcp: Map<string, FilterChain>;
}

/** Listeners by `address:port`. */
export type OutboundListeners = Map<string, OutboundListener>;

/** The address that stands for all addresses of a proxy. */
export function wildcardAddress(view: ProxyView): string {
  return view.ipFamilies.ipv4 ? "0.0.0.0" : "::";
}

/** Everything that a sidecar's scope lets out. */
export function outboundListeners(input: GenerateInput, scope: ProxyScope): OutboundListeners {
  const listeners: OutboundListeners = new Map();
  // Listeners with a port of their own come first and keep it.
  for (const egress of scope.egress) if (egress.listener) addEgressListener(listeners, input, scope, egress);
  for (const egress of scope.egress) {
    if (egress.listener) continue;
    for (const service of egress.services) {
      if (service.resolution === "alias") continue;
      for (const port of service.ports) {
        if (port.protocol !== "UDP") addServicePort(listeners, input, scope, egress, service, port);
      }
    }
  }
  return listeners;
}

function addEgressListener(
  listeners: OutboundListeners,
  input: GenerateInput,
  scope: ProxyScope,
  egress: EgressScope,
): void {
  const spec = egress.listener!;
  const number = spec.port?.number ?? 0;
  if (number === 0) return;
  const bind = spec.bind || wildcardAddress(input.view);
  const at = new Place(listeners, bind, number, true);
  const protocol = (spec.port?.protocol ?? "").toUpperCase();
  const isHttpPort = protocol.startsWith("HTTP") && protocol !== "HTTPS";
  if (isHttpPort || protocol.startsWith("GRPC") || protocol === "") {
    at.http((who) => httpChain(who, bind, number, String(number), false));
  }
  if (isHttpPort) return;
  for (const service of egress.services) {
    for (const port of service.ports) {
      if (isHttp(port.protocol) || (port.port !== number && service.ports.length > 1)) continue;
      at.tcp(tcpChains(input, scope, egress.virtualServices, { service, port, cidr: "", wildcard: true }));
    }
  }
}

function addServicePort(
  listeners: OutboundListeners,
  input: GenerateInput,
  scope: ProxyScope,
  egress: EgressScope,
  service: ServiceRecord,
  port: ServicePort,
): void {
  const { view } = input;
  const any = wildcardAddress(view);
  if (isHttp(port.protocol)) {
    // All HTTP services of a port share one listener: routes tell them apart by host.
    const at = new Place(listeners, any, port.port, false);
    const grpcWeb = port.protocol === "GRPC-Web";
    const wildcards = egress.services.filter(
      (s) => s.resolution === "dynamicDns" && s.ports.some((p) => p.port === port.port && isHttp(p.protocol)),
    );
    at.http((who) => httpChain(who, any, port.port, String(port.port), grpcWeb, wildcards));
    return;
  }
  const autoDetected = port.protocol === "Unsupported";
  const add = (bind: string, target: TcpTarget, routeName: string): void => {
    const at = new Place(listeners, bind, port.port, false);
    if (autoDetected) at.http((who) => httpChain(who, bind, port.port, routeName, false));
    at.tcp(tcpChains(input, scope, egress.virtualServices, target));
  };
  const hostRoute = `${service.hostname}:${port.port}`;
  const addresses = listenAddresses(service, view);
  if (addresses.length === 0) {
    const endpoints = service.resolution === "passthrough" ? endpointAddresses(input, service, port) : undefined;
    if (endpoints === undefined) {
      add(any, { service, port, cidr: "", wildcard: true }, String(port.port));
      return;
    }
    // A headless service is reached at its endpoints' addresses, each of which gets a listener.
    for (const address of endpoints) add(address, { service, port, cidr: "", wildcard: false }, hostRoute);
    return;
  }
  for (const address of addresses) {
    if (address.includes("/")) add(any, { service, port, cidr: address, wildcard: true }, String(port.port));
    else add(address, { service, port, cidr: "", wildcard: false }, hostRoute);
  }
}

/**
 * Addresses of a headless service's endpoints but the proxy's own one; undefined where the service isn't about workloads at
 * all, such as a ServiceEntry that only names a host.
 */
function endpointAddresses(
  { ctx, view }: GenerateInput,
  service: ServiceRecord,
  port: ServicePort,
): string[] | undefined {
  const endpoints = ctx.endpoints(service).filter((ep) => ep.servicePortName === port.name);
  if (endpoints.length === 0 && service.registry !== "Kubernetes" && service.selector === null) return undefined;
  const out = new Set<string>();
  for (const ep of endpoints) {
    const address = ep.addresses[0] ?? "";
    if (isIP(address) !== 0 && !view.addresses.includes(address)) out.add(address);
  }
  return [...out].sort();
}

/** One listener's place in the map; made when something is put there. */
class Place {
  private readonly listeners: OutboundListeners;
  private readonly bind: string;
  private readonly port: number;
  private readonly own: boolean;

  constructor(listeners: OutboundListeners, bind: string, port: number, own: boolean) {
    this.listeners = listeners;
    this.bind = bind;
    this.port = port;
    this.own = own;
  }

  http(chain: (input: GenerateInput) => FilterChain): void {
    const listener = this.listener();
    if (listener && !listener.http) listener.http = chain;
  }

  /** Chains with a match that is taken are left out: the older service keeps the address. */
  tcp(chains: readonly FilterChain[]): void {
    const listener = this.listener();
    if (!listener) return;
    for (const chain of chains) {
      const key = JSON.stringify(chain.filterChainMatch ?? {});
      if (!listener.tcp.has(key)) listener.tcp.set(key, chain);
    }
  }

  private listener(): OutboundListener | undefined {
    const key = `${this.bind}:${this.port}`;
    let listener = this.listeners.get(key);
    if (!listener) {
      listener = { bind: this.bind, port: this.port, locked: this.own, http: undefined, tcp: new Map() };
      this.listeners.set(key, listener);
    }
    return listener.locked && !this.own ? undefined : listener;
  }
}

function httpChain(
  input: GenerateInput,
  bind: string,
  port: number,
  routeName: string,
  grpcWeb: boolean,
  wildcards: readonly ServiceRecord[] = [],
): FilterChain {
  const { ctx, view } = input;
  const accessLog = accessLogs(ctx, view, "http");
  const manager = connectionManager(ctx, view, {
    statPrefix: `outbound_${bind}_${port};`,
    httpFilters: httpFilters(ctx, view, {
      direction: "outbound",
      grpcWeb,
      resolvers: wildcards.map((service) => httpForwardProxy(service.hostname, view, ctx)),
      stats: httpStatsFilters(ctx, view, "outbound"),
    }),
    routes: { name: routeName },
    useRemoteAddress: ctx.mesh.features.sidecarUseRemoteAddress,
    ...(accessLog.length > 0 ? { extra: { accessLog } } : {}),
  });
  return timed(
    chainOf([manager], {
      filterChainMatch: { applicationProtocols: PLAINTEXT_HTTP, transportProtocol: RAW_BUFFER },
    }),
  );
}
