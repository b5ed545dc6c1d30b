// Narrows what is visible to the hosts that an egress listener of a Sidecar names. Worker threads, pure.
// https://istio.io/latest/docs/reference/config/networking/sidecar/#IstioEgressListener
import type { Networking_IstioEgressListener } from "../../shared/gen/istio.js";
import type { ServiceRecord } from "../../shared/model/service.ts";
import { hostsMatch, isSubsetOf } from "../../shared/names/hostname.ts";
import type { EgressScope } from "./proxy-scope.ts";
import { destinationHosts } from "./virtual-services.ts";

interface HostPattern {
  /** A namespace or "*". */
  readonly namespace: string;
  readonly host: string;
}

/** The services and VirtualServices of `all` that the listener imports. */
export function limitToEgressHosts(
  listener: Networking_IstioEgressListener,
  all: EgressScope,
  ownNamespace: string,
): EgressScope {
  const patterns = (listener.hosts ?? []).map((text) => parsePattern(text, ownNamespace));
  const virtualServices = all.virtualServices.filter((vs) =>
    patterns.some((p) => inNamespace(p, vs.namespace) && vs.hosts.some((host) => hostsMatch(host, p.host))),
  );
  const destinations = new Set(virtualServices.flatMap(destinationHosts));
  const port = listener.port?.number ?? 0;
  const services = all.services.flatMap((service): ServiceRecord[] => {
    const imported =
      destinations.has(service.hostname) ||
      patterns.some((p) => inNamespace(p, service.namespace) && isSubsetOf(service.hostname, p.host));
    if (!imported) return [];
    if (port === 0 || destinations.has(service.hostname)) return [service];
    // A listener on a port of a service is for that port; on any other it is for all of its ports.
    const own = service.ports.filter((p) => p.port === port);
    return own.length > 0 ? [{ ...service, ports: own }] : [service];
  });
  const isCatchAll = port === 0 && !listener.bind;
  return { listener: isCatchAll ? null : listener, services: dedupe(services, ownNamespace), virtualServices };
}

function parsePattern(text: string, ownNamespace: string): HostPattern {
  const slash = text.indexOf("/");
  const namespace = slash < 0 ? "*" : text.slice(0, slash);
  return { namespace: namespace === "." ? ownNamespace : namespace, host: slash < 0 ? text : text.slice(slash + 1) };
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
