// Outbound listeners of a sidecar in outline, without their chains: one for each address and port, services that share one
// merged. Worker threads.
import { isIP } from "node:net";
import { isHttp, type ServicePort, type ServiceRecord } from "../../../shared/model/service.ts";
import { bindsEgress, isPrivileged } from "../../scope/capture.ts";
import type { EgressScope } from "../../scope/egress-hosts.ts";
import { type ProxyScope, resolvesUnknown } from "../../scope/proxy-scope.ts";
import { listenAddresses } from "../../scope/service-address.ts";
import type { GenerateInput } from "../generator.ts";
import { type L4Routes, l4Routes } from "./l4-routes.ts";
import { listenerName, loopbackAddress, wildcardAddress } from "./listen-address.ts";
import type { OutboundHttp } from "./outbound-http.ts";
import type { TcpTarget } from "./tcp-chains.ts";

/** What a listener is for, without its chains. */
export interface OutboundListener {
  /** An address, or `unix://path`. */
  readonly bind: string;
  /** 0 for a Unix socket. */
  readonly port: number;
  /** True where it takes connections itself; others are handed over by the one that iptables lead to. */
  readonly bound: boolean;
  /** What its chain for HTTP says, which names the workload. */
  http: OutboundHttp | undefined;
  /** What takes TCP, the older service first: it keeps a match that a younger one has, too. */
  tcp: TcpTarget[];
}

const NO_TARGETS: TcpTarget[] = [];

/** Listeners in order, and by port and address. */
interface OutboundListeners {
  readonly all: OutboundListener[];
  readonly byPort: Map<number, Map<string, OutboundListener>>;
}

/** Where one egress listener puts what. */
interface Egress {
  readonly input: GenerateInput;
  readonly scope: ProxyScope;
  readonly egress: EgressScope;
  readonly routes: L4Routes;
  readonly bound: boolean;
  /** "" where each service's addresses say. */
  readonly bind: string;
  readonly listeners: OutboundListeners;
  /** Listeners to which nothing is added. */
  readonly locked: ReadonlySet<OutboundListener>;
  /** Ports whose HTTP has its listener. */
  readonly httpPorts: Set<number>;
}

/** Everything that a sidecar's scope lets out. DestinationRules have no say in it, and nothing in it keeps the scope. */
export function outboundListeners(input: GenerateInput, scope: ProxyScope): readonly OutboundListener[] {
  const listeners: OutboundListeners = { all: [], byPort: new Map() };
  for (const egress of scope.egress) {
    const bound = bindsEgress(input.view, egress);
    const bind = egress.bind || (bound ? loopbackAddress(input.view) : "");
    // What captures everything adds nothing to the listeners with a port of their own, which come before it.
    const locked = new Set(egress.port ? [] : listeners.all);
    const routes = l4Routes(egress.virtualServices);
    const to: Egress = { input, scope, egress, routes, bound, bind, listeners, locked, httpPorts: new Set() };
    for (const service of egress.services) {
      if (service.resolution === "alias") continue;
      for (const port of egress.port ? [egress.port] : service.ports) {
        if (port.protocol !== "UDP" && canListen(to, port)) addPort(to, service, port);
      }
    }
  }
  return listeners.all;
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
    if (to.httpPorts.has(port.port)) return;
    to.httpPorts.add(port.port);
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
  const at: ServedPort = { service, port, served: servedPort(to, service, port), routes: to.routes(service.hostname) };
  if (bind !== "") {
    addTcp(to, at, bind, "");
    return;
  }
  const addresses = listenAddresses(service, input.view);
  if (addresses.length > 0) {
    for (const address of addresses) {
      if (address.includes("/")) addTcp(to, at, any, address);
      else addTcp(to, at, address, "");
    }
    return;
  }
  const headless = service.resolution === "passthrough" && !egress.port;
  // A headless service is reached at its endpoints' addresses, each of which gets a listener.
  for (const address of (headless && endpointAddresses(input, service, port)) || [any]) addTcp(to, at, address, "");
}

/** A service's port, and what its chains say of it. */
interface ServedPort extends Pick<TcpTarget, "service" | "routes"> {
  readonly port: ServicePort;
  readonly served: ServicePort;
}

function addTcp(to: Egress, { service, port, served, routes }: ServedPort, address: string, cidr: string): void {
  const wildcard = address === wildcardAddress(to.input.view);
  if (port.protocol === "Unsupported") {
    const routeName = wildcard ? String(port.port) : `${service.hostname}:${port.port}`;
    addHttp(to, address, port, routeName, { grpcWeb: false, detects: true, wildcards: () => [] });
  }
  const listener = listenerAt(to, address, port.port);
  if (!listener) return;
  const target: TcpTarget = { service, port: served, cidr, wildcard, routes };
  // Nearly all have just one: a list that is made of it has no room to spare.
  if (listener.tcp === NO_TARGETS) listener.tcp = [target];
  else listener.tcp.push(target);
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
  listener.http = {
    statPrefix: listenerName(bind, port),
    port,
    routes: { name: port === 0 ? bind : name },
    resolvesUnknown: resolvesUnknown(to.scope),
    ...options,
    wildcards: options.wildcards(),
  };
}

/** The listener, made when something is put there; undefined where nothing may be added. */
function listenerAt({ listeners, locked, bound }: Egress, bind: string, port: number): OutboundListener | undefined {
  let ofPort = listeners.byPort.get(port);
  if (!ofPort) {
    ofPort = new Map();
    listeners.byPort.set(port, ofPort);
  }
  const known = ofPort.get(bind);
  if (known) return locked.has(known) ? undefined : known;
  const listener = { bind, port, bound, http: undefined, tcp: NO_TARGETS };
  ofPort.set(bind, listener);
  listeners.all.push(listener);
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
  return { bind, port, bound: true, http, tcp: NO_TARGETS };
}
