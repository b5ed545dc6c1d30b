// Services and endpoints by host, and who stands behind an address. Main thread, no I/O.

import { canonicalJson } from "../../shared/canonical-json.ts";
import { addCount } from "../../shared/counts.ts";
import { type ServiceKey, serviceKeyString } from "../../shared/model/push-request.ts";
import type { EndpointRecord, ServiceRecord, ServiceTarget } from "../../shared/model/service.ts";

/** Services of one object, such as a ServiceEntry's hosts. */
interface OwnedServices {
  readonly records: readonly ServiceRecord[];
  readonly fingerprint: string;
}

/** What setting the endpoints of one owner changed. */
export interface EndpointsChange {
  readonly changed: boolean;
  /** The set of identities, or (for services whose generated clusters or listeners name endpoints) the addresses differ. */
  readonly affectsService: boolean;
}

/** Joins the services and endpoints that single objects give; several objects may describe one host. */
export class ServiceIndex {
  private records = 0;
  private readonly byOwner = new Map<string, OwnedServices>();
  private readonly byNamespace = new Map<string, Map<string, ServiceRecord[]>>();
  /** Service key to owner to endpoints. */
  private readonly endpoints = new Map<string, Map<string, readonly EndpointRecord[]>>();
  private readonly keys = new Map<string, ServiceKey>();
  /** Address to the service keys with an endpoint there. */
  private readonly byAddress = new Map<string, Map<string, number>>();

  /** Services. */
  get count(): number {
    return this.records;
  }

  /** Replaces the services of an owner, and gives the keys of those that differ. */
  setServices(owner: string, records: readonly ServiceRecord[]): ServiceKey[] {
    const previous = this.byOwner.get(owner);
    const fingerprint = canonicalJson(records);
    if (previous?.fingerprint === fingerprint) return [];
    const touched = new Map<string, ServiceKey>();
    for (const record of previous?.records ?? []) {
      this.removeRecord(record);
      touched.set(serviceKeyString(record), record);
    }
    for (const record of records) {
      this.addRecord(record);
      touched.set(serviceKeyString(record), record);
    }
    if (records.length > 0) this.byOwner.set(owner, { records, fingerprint });
    else this.byOwner.delete(owner);
    return [...touched.values()].map(({ hostname, namespace }) => ({ hostname, namespace }));
  }

  ownedBy(owner: string): readonly ServiceRecord[] {
    return this.byOwner.get(owner)?.records ?? [];
  }

  /** Replaces what one owner puts behind a service. */
  setEndpoints(key: ServiceKey, owner: string, endpoints: readonly EndpointRecord[]): EndpointsChange {
    const id = serviceKeyString(key);
    const owners = this.endpoints.get(id);
    const previous = owners?.get(owner) ?? [];
    if (sameEndpoints(previous, endpoints)) return { changed: false, affectsService: false };
    this.keys.set(id, key);
    this.countAddresses(id, previous, -1);
    this.countAddresses(id, endpoints, 1);
    if (endpoints.length > 0) {
      if (owners) owners.set(owner, endpoints);
      else this.endpoints.set(id, new Map([[owner, endpoints]]));
    } else {
      owners?.delete(owner);
      if (owners?.size === 0) this.endpoints.delete(id);
    }
    const affectsService =
      identities(previous) !== identities(endpoints) ||
      this.services(key).some((s) => s.resolution !== "static" && s.resolution !== "alias");
    return { changed: true, affectsService };
  }

  /** Services of a host in a namespace, the oldest object's first. */
  services(key: ServiceKey): readonly ServiceRecord[] {
    return this.byNamespace.get(key.namespace)?.get(key.hostname) ?? [];
  }

  /** Namespaces with a service of this host. */
  namespacesOf(hostname: string): string[] {
    return [...this.byNamespace].filter(([, hosts]) => hosts.has(hostname)).map(([namespace]) => namespace);
  }

  /** Services of a namespace, by host and then by age. */
  inNamespace(namespace: string): ServiceRecord[] {
    const hosts = this.byNamespace.get(namespace);
    if (!hosts) return [];
    return [...hosts.keys()].sort().flatMap((host) => hosts.get(host) ?? []);
  }

  /** Hosts of a namespace. */
  countIn(namespace: string): number {
    return this.byNamespace.get(namespace)?.size ?? 0;
  }

  namespaces(): Iterable<string> {
    return this.byNamespace.keys();
  }

  /** All services, in order of namespace and host. */
  *all(): Iterable<ServiceRecord> {
    for (const namespace of [...this.byNamespace.keys()].sort()) yield* this.inNamespace(namespace);
  }

  /** Endpoints of a service, by owner. */
  endpointsOf(key: ServiceKey): EndpointRecord[] {
    const owners = this.endpoints.get(serviceKeyString(key));
    if (!owners) return [];
    return [...owners.keys()].sort().flatMap((owner) => owners.get(owner) ?? []);
  }

  endpointKeys(): Iterable<ServiceKey> {
    const ids = this.endpoints.keys();
    const keys = this.keys;
    return (function* () {
      for (const id of ids) yield keys.get(id)!;
    })();
  }

  /** The service ports that something at one of the addresses serves, sorted by host and port. */
  targetsAt(addresses: readonly string[], namespace: string): ServiceTarget[] {
    const out = new Map<string, ServiceTarget>();
    for (const address of addresses) {
      for (const id of this.byAddress.get(address)?.keys() ?? []) {
        const key = this.keys.get(id)!;
        if (key.namespace !== namespace) continue;
        for (const endpoint of this.endpointsOf(key)) {
          if (!endpoint.addresses.includes(address)) continue;
          for (const service of this.services(key)) {
            const port = service.ports.find((p) => p.name === endpoint.servicePortName);
            if (!port) continue;
            const target: ServiceTarget = {
              hostname: key.hostname,
              namespace: key.namespace,
              port,
              targetPort: endpoint.port,
              tlsMode: endpoint.tlsMode,
            };
            out.set(`${key.hostname}|${String(port.port).padStart(5, "0")}|${endpoint.port}`, target);
          }
        }
      }
    }
    return [...out.keys()].sort().map((k) => out.get(k)!);
  }

  /** The endpoint at one of the addresses, of a service of the namespace; undefined when none is known. */
  endpointAt(addresses: readonly string[], namespace: string): EndpointRecord | undefined {
    for (const address of addresses) {
      // In order, so that the answer doesn't depend on which service was there first.
      for (const id of [...(this.byAddress.get(address)?.keys() ?? [])].sort()) {
        const key = this.keys.get(id)!;
        if (key.namespace !== namespace) continue;
        const endpoint = this.endpointsOf(key).find((e) => e.addresses.includes(address));
        if (endpoint) return endpoint;
      }
    }
    return undefined;
  }

  private addRecord(record: ServiceRecord): void {
    this.records++;
    let hosts = this.byNamespace.get(record.namespace);
    if (!hosts) {
      hosts = new Map();
      this.byNamespace.set(record.namespace, hosts);
    }
    const list = [...(hosts.get(record.hostname) ?? []), record];
    list.sort((a, b) => a.creationTimestamp - b.creationTimestamp || (a.objectName < b.objectName ? -1 : 1));
    hosts.set(record.hostname, list);
  }

  private removeRecord(record: ServiceRecord): void {
    this.records--;
    const hosts = this.byNamespace.get(record.namespace);
    const list = hosts?.get(record.hostname)?.filter((r) => r !== record) ?? [];
    if (list.length > 0) hosts?.set(record.hostname, list);
    else hosts?.delete(record.hostname);
    if (hosts?.size === 0) this.byNamespace.delete(record.namespace);
  }

  private countAddresses(id: string, endpoints: readonly EndpointRecord[], step: 1 | -1): void {
    for (const endpoint of endpoints) {
      for (const address of endpoint.addresses) {
        let counts = this.byAddress.get(address);
        if (!counts) {
          counts = new Map();
          this.byAddress.set(address, counts);
        }
        addCount(counts, id, step);
        if (counts.size === 0) this.byAddress.delete(address);
      }
    }
  }
}

function sameEndpoints(a: readonly EndpointRecord[], b: readonly EndpointRecord[]): boolean {
  if (a.length !== b.length) return false;
  return a.every((x, i) => x === b[i] || canonicalJson(x) === canonicalJson(b[i]));
}

function identities(endpoints: readonly EndpointRecord[]): string {
  return [...new Set(endpoints.map((e) => e.serviceAccount))].sort().join();
}
