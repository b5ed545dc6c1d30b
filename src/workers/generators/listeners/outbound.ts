// Outbound listeners of a sidecar: one for each address and port, services that share one merged. Worker threads.
import { isIP } from "node:net";
import { isHttp, type ServicePort, type ServiceRecord } from "../../../shared/model/service.ts";
import { bindsEgress, isPrivileged } from "../../scope/capture.ts";
import type { EgressScope } from "../../scope/egress-hosts.ts";
import { type ProxyScope, resolvesUnknown } from "../../scope/proxy-scope.ts";
import { listenAddresses } from "../../scope/service-address.ts";
import type { GenerateInput } from "../generator.ts";
import type { FilterChain } from "./filter-chain.ts";
import { listenerName, loopbackAddress, wildcardAddress } from "./listen-address.ts";
import { type OutboundHttp, outboundHttpChain } from "./outbound-http.ts";
import { type TcpTarget, tcpChains } from "./tcp-chains.ts";

/** A listener under construction. */
export interface OutboundListener {
  /** An address, or `unix://path`. */
  readonly bind: string;
  /** 0 for a Unix socket. */
  readonly port: number;
  /** True where it takes connections itself; others are handed over by the one that iptables lead to. */
  readonly bound: boolean;
  /** Makes the chain for HTTP, which names the workload: only for who asks. */
  http: ((input: GenerateInput) => FilterChain) | undefined;
  /** Chains that take TCP, by their match. */
  readonly tcp: Map<string, FilterChain>;
}

/** Listeners by `address:port`. */
export type OutboundListeners = Map<string, OutboundListener>;

/** Where one egress listener puts what. */
interface Egress {
  readonly input: GenerateInput;
  readonly scope: ProxyScope;
  readonly egress: EgressScope;
  readonly bound: boolean;
  /** "" where each service's addresses say. */
  readonly bind: string;
  readonly listeners: OutboundListeners;
  /** Listeners to which nothing is added. */
  readonly locked: ReadonlySet<string>;
}

/** Everything that a sidecar's scope lets out. */
export function outboundListeners(input: GenerateInput, scope: ProxyScope): OutboundListeners {
  const listeners: OutboundListeners = new Map();
  for (const egress of scope.egress) {
    const bound = bindsEgress(input.view, egress);
    const bind = egress.bind || (bound ? loopbackAddress(input.view) : "");
    // What captures everything adds nothing to the listeners with a port of their own, which come before it.
    const locked = new Set(egress.port ? [] : listeners.keys());
    const to: Egress = { input, scope, egress, bound, bind, listeners, locked };
    for (const service of egress.services) {
      if (service.resolution === "alias") continue;
      for (const port of egress.port ? [egress.port] : service.ports) {
        if (port.protocol !== "UDP" && canListen(to, port)) addPort(to, service, port);
      }
    }
  }
  return listeners;
}

/** False for ports that the process may not bind, and for those that are the proxy's own. */
function canListen({ input, bound, bind }: Egress, { port, protocol }: ServicePort): boolean {
  const { view, ctx } = input;
  if (bound && isPrivileged(view, port)) return false;
  const onAll = bind === "" ? isHttp(protocol) : bind === wildcardAddress(view);
  if (!onAll) return true;
  const { mesh } = ctx.mesh;
  const { statusPort, prometheusPort } = view.metadata;
  return ![statusPort, prometheusPort, mesh.proxyListenPort, mesh.proxyInboundListenPort].includes(port);
}

function addPort(to: Egress, service: ServiceRecord, port: ServicePort): void {
  const { input, egress, bind } = to;
  const any = wildcardAddress(input.view);
  if (isHttp(port.protocol)) {
    // All HTTP services of a port share one listener: routes tell them apart by host.
    addHttp(to, bind || any, port, String(port.port), {
      grpcWeb: port.protocol === "GRPC-Web",
      detects: bind === "" || bind === any,
      wildcards: () =>
        egress.services.filter(
          (s) => s.resolution === "dynamicDns" && s.ports.some((p) => p.port === port.port && isHttp(p.protocol)),
        ),
    });
    return;
  }
  const add = (address: string, cidr: string): void => {
    if (port.protocol === "Unsupported") {
      const routeName = address === any ? String(port.port) : `${service.hostname}:${port.port}`;
      addHttp(to, address, port, routeName, { grpcWeb: false, detects: true, wildcards: () => [] });
    }
    addTcp(to, address, port, { service, port: servedPort(to, service, port), cidr, wildcard: address === any });
  };
  if (bind !== "") {
    add(bind, "");
    return;
  }
  const addresses = listenAddresses(service, input.view);
  if (addresses.length > 0) {
    for (const address of addresses) {
      if (address.includes("/")) add(any, address);
      else add(address, "");
    }
    return;
  }
  const headless = service.resolution === "passthrough" && !egress.port;
  // A headless service is reached at its endpoints' addresses, each of which gets a listener.
  for (const address of (headless && endpointAddresses(input, service, port)) || [any]) add(address, "");
}

/**
 * What a listener says of its port: one that stands for the service's port has no name for statistics, and behind a Unix
 * socket, which has no port, is the service's.
 */
function servedPort({ egress }: Egress, service: ServiceRecord, port: ServicePort): ServicePort {
  if (!egress.port) return { ...port, name: "" };
  return port.port === 0 ? { ...port, port: service.ports[0]?.port ?? 0 } : port;
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

/** Only the first service of a port decides: what follows from all of them is worked out once. */
interface HttpOptions extends Pick<OutboundHttp, "grpcWeb" | "detects"> {
  readonly wildcards: () => OutboundHttp["wildcards"];
}

function addHttp(to: Egress, bind: string, { port }: ServicePort, name: string, options: HttpOptions): void {
  const listener = listenerAt(to, bind, port);
  if (!listener || listener.http) return;
  const routeName = port === 0 ? bind : name;
  const wildcards = options.wildcards();
  listener.http = (who) =>
    outboundHttpChain(who, {
      statPrefix: listenerName(bind, port),
      port,
      routes: { name: routeName },
      resolvesUnknown: resolvesUnknown(to.scope),
      ...options,
      wildcards,
    });
}

/** Chains with a match that is taken are left out: the older service keeps the address. */
function addTcp(to: Egress, bind: string, { port }: ServicePort, target: TcpTarget): void {
  const listener = listenerAt(to, bind, port);
  if (!listener) return;
  for (const chain of tcpChains(to.input, to.scope, to.egress.virtualServices, target)) {
    const key = JSON.stringify(chain.filterChainMatch ?? {});
    if (!listener.tcp.has(key)) listener.tcp.set(key, chain);
  }
}

/** The listener, made when something is put there; undefined where nothing may be added. */
function listenerAt({ listeners, locked, bound }: Egress, bind: string, port: number): OutboundListener | undefined {
  const key = `${bind}:${port}`;
  if (locked.has(key)) return undefined;
  let listener = listeners.get(key);
  if (!listener) {
    listener = { bind, port, bound, http: undefined, tcp: new Map() };
    listeners.set(key, listener);
  }
  return listener;
}

/** The route configuration of all HTTP services on all of their ports. */
const HTTP_PROXY_ROUTE = "http_proxy";

/** The listener for applications that use their sidecar as an HTTP proxy; undefined where nobody asks for it. */
export function httpProxyListener({ ctx, view }: GenerateInput, scope: ProxyScope): OutboundListener | undefined {
  const port = view.metadata.httpProxyPort || (ctx.mesh.mesh.proxyHttpPort ?? 0);
  if (port === 0) return undefined;
  const bind = loopbackAddress(view);
  const http: OutboundHttp = {
    statPrefix: listenerName(bind, port),
    port,
    routes: { name: HTTP_PROXY_ROUTE },
    resolvesUnknown: resolvesUnknown(scope),
    grpcWeb: false,
    detects: false,
    proxies: true,
    wildcards: [],
    // A proxy is asked for whole URLs.
    extra: { httpProtocolOptions: { allowAbsoluteUrl: { value: true } } },
  };
  return { bind, port, bound: true, http: (who) => outboundHttpChain(who, http), tcp: new Map() };
}
