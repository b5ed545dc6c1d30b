// What a router serves: the servers of all Gateways that choose it, joined by address and port. Worker threads.
// https://istio.io/latest/docs/reference/config/networking/gateway/
import type { Networking_Gateway, Networking_Server } from "../../shared/gen/istio.js";
import type { ConfigObject } from "../../shared/model/config.ts";
import { isHttp, type Protocol, parseProtocol } from "../../shared/model/service.ts";
import type { ProxyView } from "../../shared/model/view.ts";
import { labelsMatch } from "../../shared/names/labels.ts";
import type { PushContext } from "../context/push-context.ts";
import { compareConfigs } from "./visibility.ts";

/** One server at one port of the router. */
export interface GatewayServer {
  /** `namespace/name` of the Gateway. */
  readonly gateway: string;
  readonly namespace: string;
  readonly server: Networking_Server;
  readonly protocol: Protocol;
  /** Port number that the object gives; routes and virtual hosts are named by it. */
  readonly serverPort: number;
  /** Name of the route configuration; "" where no HTTP is seen. */
  readonly routeName: string;
  readonly hosts: readonly GatewayHost[];
}

export interface GatewayHost {
  /** Namespace whose VirtualServices may bind, or "*". */
  readonly namespace: string;
  readonly host: string;
}

/** The servers of one listener. */
export interface GatewayListener {
  readonly bind: string;
  readonly port: number;
  readonly servers: GatewayServer[];
}

export interface MergedGateway {
  readonly listeners: readonly GatewayListener[];
  readonly byRouteName: ReadonlyMap<string, readonly GatewayServer[]>;
  /** Every Gateway that takes part. */
  readonly gateways: ReadonlySet<string>;
}

/** True for a server that ends TLS itself. */
export function endsTls(server: Networking_Server): boolean {
  return !!server.tls && !server.tls.httpsRedirect && !passesTls(server);
}

/** True for a server that passes TLS on as it comes. */
export function passesTls(server: Networking_Server): boolean {
  return server.tls?.mode === "PASSTHROUGH" || server.tls?.mode === "AUTO_PASSTHROUGH";
}

/** The servers of a router. */
export function mergedGateway(ctx: PushContext, view: ProxyView, viewId: string): MergedGateway {
  return ctx.derive(`gateway/${viewId}`, ["Gateway", "mesh"], () => merge(ctx, view));
}

function merge(ctx: PushContext, view: ProxyView): MergedGateway {
  const scoped = ctx.mesh.features.scopeGatewayToNamespace;
  const objects = ctx
    .configs<Networking_Gateway>("Gateway")
    .filter((g) => labelsMatch(g.spec.selector ?? {}, view.labels))
    .filter((g) => !scoped || g.meta.namespace === view.namespace)
    .sort(compareConfigs);
  const listeners = new Map<string, GatewayListener>();
  const byRouteName = new Map<string, GatewayServer[]>();
  const gateways = new Set<string>();
  const tlsHosts = new Map<string, Set<string>>();
  for (const object of objects) {
    gateways.add(`${object.meta.namespace}/${object.meta.name}`);
    for (const server of object.spec.servers ?? []) {
      for (const port of listenerPorts(view, server)) {
        const entry = gatewayServer(object, server, port);
        const key = `${server.bind ?? ""}:${port}`;
        if (server.tls && !server.tls.httpsRedirect && takenHosts(tlsHosts, key, entry)) continue;
        const existing = listeners.get(key);
        if (existing && !compatible(existing.servers[0]!, entry)) continue;
        if (existing) existing.servers.push(entry);
        else listeners.set(key, { bind: server.bind ?? "", port, servers: [entry] });
        if (entry.routeName === "") continue;
        const list = byRouteName.get(entry.routeName);
        if (list) list.push(entry);
        else byRouteName.set(entry.routeName, [entry]);
      }
    }
  }
  return { listeners: [...listeners.values()], byRouteName, gateways };
}

/**
 * The ports behind a server's: those that the router's service maps it to, else the number itself, which a process without
 * privileges cannot use below 1024.
 */
function listenerPorts(view: ProxyView, server: Networking_Server): number[] {
  const number = server.port?.number ?? 0;
  const targets = view.serviceTargets.filter((t) => t.port.port === number).map((t) => t.targetPort);
  if (targets.length > 0) return [...new Set(targets)].sort((a, b) => a - b);
  if (number < 1024 && view.metadata.unprivilegedPod) return [];
  return [number];
}

function gatewayServer(
  object: ConfigObject<Networking_Gateway>,
  server: Networking_Server,
  port: number,
): GatewayServer {
  const { namespace, name } = object.meta;
  const protocol = parseProtocol(server.port?.protocol ?? "");
  const serverPort = server.port?.number ?? 0;
  return {
    gateway: `${namespace}/${name}`,
    namespace,
    server,
    protocol,
    serverPort,
    routeName: routeName(server, protocol, port, `${name}.${namespace}`),
    hosts: (server.hosts ?? []).map((text) => parseHost(text, namespace)),
  };
}

function routeName(server: Networking_Server, protocol: Protocol, port: number, gateway: string): string {
  const bind = server.bind ? `.${server.bind}` : "";
  if (isHttp(protocol) && !endsTls(server)) return `http.${port}${bind}`;
  if (protocol === "HTTPS" && endsTls(server)) {
    return `https.${server.port?.number ?? 0}.${server.port?.name ?? ""}.${gateway}${bind}`;
  }
  return "";
}

function parseHost(text: string, ownNamespace: string): GatewayHost {
  const slash = text.indexOf("/");
  if (slash < 0) return { namespace: "*", host: text };
  const namespace = text.slice(0, slash);
  return { namespace: namespace === "." ? ownNamespace : namespace, host: text.slice(slash + 1) };
}

/** Two servers cannot answer one TLS name: the older one keeps it, and the younger one is left out. */
function takenHosts(taken: Map<string, Set<string>>, key: string, entry: GatewayServer): boolean {
  const known = taken.get(key) ?? new Set();
  const hosts = entry.hosts.map((h) => h.host);
  if (hosts.some((h) => known.has(h))) return true;
  for (const host of hosts) known.add(host);
  taken.set(key, known);
  return false;
}

/** Plain HTTP shares a port with plain HTTP, TLS with TLS, and plain TCP with nothing. */
function compatible(a: GatewayServer, b: GatewayServer): boolean {
  const kind = (s: GatewayServer): string =>
    s.server.tls && !s.server.tls.httpsRedirect ? "tls" : isHttp(s.protocol) ? "http" : "tcp";
  return kind(a) === kind(b) && kind(a) !== "tcp";
}
