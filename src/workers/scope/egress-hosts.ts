// Narrows what is visible to the hosts that an egress listener of a Sidecar names. Worker threads, pure.
// https://istio.io/latest/docs/reference/config/networking/sidecar/#IstioEgressListener
import type { Networking_IstioEgressListener } from "../../shared/gen/istio.js";
import { parseProtocol, type ServicePort, type ServiceRecord } from "../../shared/model/service.ts";
import { hostsMatch, isSubsetOf } from "../../shared/names/hostname.ts";
import { destinationPorts, type VirtualService } from "./virtual-services.ts";

/** One way out of a sidecar: what is configured there, and what may be reached through it. */
export interface EgressScope {
  /** The port that it is for; null for every port of its services. A Unix socket's is 0. */
  readonly port: ServicePort | null;
  /** Where it listens, `unix://path` for a socket; "" where the services' addresses, or the capture, say. */
  readonly bind: string;
  /** Whether iptables lead to it; DEFAULT where the proxy's mode says. */
  readonly captureMode: "DEFAULT" | "IPTABLES" | "NONE";
  readonly services: readonly ServiceRecord[];
  readonly virtualServices: readonly VirtualService[];
}

/** The services and VirtualServices that a namespace sees, and services by host. */
export interface VisibleMesh {
  readonly services: readonly ServiceRecord[];
  readonly virtualServices: readonly VirtualService[];
  readonly byHost: () => ReadonlyMap<string, readonly ServiceRecord[]>;
}

interface HostPattern {
  /** A namespace or "*". */
  readonly namespace: string;
  readonly host: string;
  /** True for hosts that are left out, whatever else is named. */
  readonly excluded: boolean;
}

/** What the listener imports. */
export function limitToEgressHosts(
  listener: Networking_IstioEgressListener,
  visible: VisibleMesh,
  ownNamespace: string,
): EgressScope {
  const patterns = (listener.hosts ?? []).map((text) => parsePattern(text, ownNamespace));
  const included = patterns.filter((p) => !p.excluded);
  const excluded = patterns.filter((p) => p.excluded);
  const covers = (all: readonly HostPattern[], namespace: string, host: string): boolean =>
    all.some((p) => inNamespace(p, namespace) && isSubsetOf(host, p.host));
  const { port } = listener;
  const only = portMatch(listener);
  const services = visible.services.flatMap((service): ServiceRecord[] => {
    const { hostname, namespace } = service;
    if (!covers(included, namespace, hostname) || covers(excluded, namespace, hostname)) return [];
    return atPorts(service, only);
  });
  return {
    port: port ? { name: port.name ?? "", port: port.number ?? 0, protocol: parseProtocol(port.protocol ?? "") } : null,
    bind: listener.bind ?? "",
    captureMode: listener.captureMode ?? "DEFAULT",
    services: dedupe(services, ownNamespace),
    virtualServices: visible.virtualServices.filter(({ namespace, hosts }) =>
      hosts.some(
        (host) =>
          included.some((p) => inNamespace(p, namespace) && hostsMatch(host, p.host)) &&
          !covers(excluded, namespace, host),
      ),
    ),
  };
}

/**
 * The services that the VirtualServices of a listener send to, though they need not be imported: those of the own namespace,
 * else of the first that has the host.
 */
export function routedServices(
  listener: Networking_IstioEgressListener,
  { virtualServices }: EgressScope,
  visible: VisibleMesh,
  ownNamespace: string,
): ServiceRecord[] {
  const only = portMatch(listener);
  return virtualServices.flatMap((vs) =>
    [...destinationPorts(vs)].flatMap(([host, ports]): ServiceRecord[] => {
      const all = visible.byHost().get(host) ?? [];
      const first = [...all].sort((a, b) => (a.namespace < b.namespace ? -1 : a.namespace > b.namespace ? 1 : 0))[0];
      const chosen = all.find((s) => s.namespace === ownNamespace) ?? first;
      return chosen ? atPorts(chosen, only ?? (ports.has(0) ? undefined : ports)) : [];
    }),
  );
}

/** The one port that a listener is for; undefined where it is for all, as a proxy for HTTP is. */
function portMatch({ port }: Networking_IstioEgressListener): ReadonlySet<number> | undefined {
  const number = port?.number ?? 0;
  return number === 0 || parseProtocol(port?.protocol ?? "") === "HTTP_PROXY" ? undefined : new Set([number]);
}

/** The service with these of its ports only; nothing where it has none of them. */
function atPorts(service: ServiceRecord, only: ReadonlySet<number> | undefined): ServiceRecord[] {
  if (!only) return [service];
  const ports = service.ports.filter((p) => only.has(p.port));
  if (ports.length === 0) return [];
  return [ports.length === service.ports.length ? service : { ...service, ports }];
}

/** `namespace/host`; a `~` before the namespace leaves the hosts out, and without one it is about all namespaces. */
function parsePattern(text: string, ownNamespace: string): HostPattern {
  const slash = text.indexOf("/");
  const host = slash < 0 ? text : text.slice(slash + 1);
  const named = slash < 0 ? "*" : text.slice(0, slash);
  const excluded = named.startsWith("~");
  const namespace = excluded ? named.slice(1) || "*" : named;
  return { namespace: namespace === "." ? ownNamespace : namespace, host, excluded };
}

function inNamespace(pattern: HostPattern, namespace: string): boolean {
  return pattern.namespace === "*" || pattern.namespace === namespace;
}

/** Where several namespaces have a host, the proxy's own comes first, else the oldest. */
function dedupe(services: readonly ServiceRecord[], ownNamespace: string): ServiceRecord[] {
  const namespaceOf = new Map<string, string>();
  for (const service of services) {
    const known = namespaceOf.get(service.hostname);
    if (known === undefined || (known !== ownNamespace && service.namespace === ownNamespace)) {
      namespaceOf.set(service.hostname, service.namespace);
    }
  }
  return services.filter((service) => namespaceOf.get(service.hostname) === service.namespace);
}
