// Which route configurations, virtual hosts and routes a patch is about. Worker threads, pure.
import { parseSubsetKey } from "../../shared/names/cluster-name.ts";
import type { Message } from "./message-types.ts";
import type { Patch } from "./selected-patches.ts";

/** Service ports of a router by the ports that it listens on. */
export type GatewayPorts = ReadonlyMap<number, ReadonlySet<number>>;

/** `gatewayPorts`: undefined for sidecars. */
export function configurationMatches(name: string, { match }: Patch, gatewayPorts: GatewayPorts | undefined): boolean {
  const wanted = match.routeConfiguration;
  if (!wanted) return true;
  if (wanted.name && wanted.name !== name) return false;
  const { portNumber = 0 } = wanted;
  if (!gatewayPorts) return portNumber === 0 || portNumber === sidecarPort(name);
  const own = gatewayNameParts(name);
  if (wanted.portName && wanted.portName !== own.portName) return false;
  if (wanted.gateway && wanted.gateway !== own.gateway) return false;
  if (portNumber === 0) return true;
  const ports = gatewayPorts.get(own.port);
  return ports ? ports.has(portNumber) : portNumber === own.port;
}

/** The port in `8080` or `inbound|8080||`; 0 for other names. */
function sidecarPort(name: string): number {
  return name.startsWith("inbound") ? (parseSubsetKey(name)?.port ?? 0) : Number(name) || 0;
}

/** `http.8080`, of which no more is known, or `https.443.port-name.gateway.namespace`. */
function gatewayNameParts(name: string): {
  readonly port: number;
  readonly portName: string;
  readonly gateway: string;
} {
  const [kind, port, portName = "", gateway, namespace] = name.split(".");
  if (kind === "https" && namespace !== undefined) {
    return { port: Number(port) || 0, portName, gateway: `${namespace}/${gateway}` };
  }
  return { port: kind === "http" ? Number(port) || 0 : 0, portName: "", gateway: "" };
}

export function hostMatches(host: Message, { match }: Patch): boolean {
  const { name, domainName } = match.routeConfiguration?.vhost ?? {};
  if (name && name !== host.name) return false;
  return !domainName || ((host.domains ?? []) as string[]).includes(domainName);
}

/** True where a patch says which route it means, be it any. */
export function namesRoute({ match }: Patch): boolean {
  return match.routeConfiguration?.vhost?.route !== undefined;
}

export function routeMatches(route: Message, { match }: Patch): boolean {
  const { name, action = "ANY" } = match.routeConfiguration?.vhost?.route ?? {};
  if (name && name !== route.name) return false;
  if (action === "ANY") return true;
  const own = route.route ? "ROUTE" : route.redirect ? "REDIRECT" : route.directResponse ? "DIRECT_RESPONSE" : "";
  // What a route does otherwise has no name, and is everything.
  return own === "" || own === action;
}
