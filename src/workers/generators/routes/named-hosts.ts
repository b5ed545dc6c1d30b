// The names of a sidecar's virtual hosts, and the domains under which each is found. Worker threads.
import type { ServiceRecord } from "../../../shared/model/service.ts";
import type { ProxyView } from "../../../shared/model/view.ts";
import type { PushContext } from "../../context/push-context.ts";
import { Fragments } from "../../encode/fragments.ts";
import { bracketed, hostDomains, sharedLabels } from "../../routing/domains.ts";
import { serviceAddresses } from "../../scope/service-address.ts";
import type { HostRoutes } from "./host-routes.ts";

/** A virtual host, whose bytes are made when they are asked for. */
export interface NamedHost {
  readonly hostname: string;
  readonly name: string;
  readonly domains: readonly string[];
  readonly source: HostRoutes;
  /** Which of the sources that is. */
  readonly at: number;
  readonly service: ServiceRecord | undefined;
}

/** Virtual hosts, each of whose domains no other one has. */
export interface NamedHosts {
  readonly hosts: readonly NamedHost[];
  /** All domains that one of them has. */
  readonly taken: ReadonlySet<string>;
  /** Hosts of services: a short name gives way to one that is really called so. */
  readonly known: ReadonlySet<string>;
}

/** Whether requests name the port with the host: never, always, or as they like. */
export type PortsInDomains = "none" | "only" | "both";

/** How clients write names. */
export interface Naming {
  readonly ctx: PushContext;
  readonly view: ProxyView;
  readonly ports: PortsInDomains;
}

function withPort(name: string, port: number, ports: PortsInDomains): readonly string[] {
  if (ports === "none") return [name];
  return ports === "only" ? [`${name}:${port}`] : [name, `${name}:${port}`];
}

interface HostNames {
  readonly full: readonly string[];
  readonly short: readonly string[];
  readonly addresses: readonly string[];
  /** In this order. */
  readonly all: readonly string[];
}

const nameFragments = new Fragments<HostNames>();

function namesOf(service: ServiceRecord, { ctx, view }: Naming, searchDomain: string): HostNames {
  const key = `${sharedLabels(service.hostname, searchDomain)} ${view.metadata.dnsCapture} ${view.ipFamilies.ipv4} ${view.ipFamilies.ipv6}`;
  return nameFragments.get(service, key, [ctx.mesh], () => {
    const { absoluteFqdnVhostDomain: absolute } = ctx.mesh.features;
    const { full, short } = hostDomains(service.hostname, searchDomain, { absolute });
    const addresses = serviceAddresses(service, view).map(bracketed);
    return { full, short, addresses, all: [...full, ...short, ...addresses] };
  });
}

function namesOfHost(hostname: string): HostNames {
  const full = [bracketed(hostname)];
  return { full, short: [], addresses: [], all: full };
}

/** Virtual hosts as proxies with the search domain name them. Of two that ask for a domain, the first one has it. */
export function namedHosts(all: readonly HostRoutes[], naming: Naming, searchDomain: string): NamedHosts {
  const { ports } = naming;
  const known = new Set<string>();
  for (const r of all) for (const service of r.services) known.add(service.hostname);
  const names = new Set<string>();
  const taken = new Set<string>();
  const hosts: NamedHost[] = [];
  const add = (hostname: string, at: number, service: ServiceRecord | undefined): void => {
    const source = all[at]!;
    const name = `${bracketed(hostname)}:${source.port}`;
    if (names.has(name)) return;
    names.add(name);
    const {
      full,
      short,
      addresses,
      all: own,
    } = service ? namesOf(service, naming, searchDomain) : namesOfHost(hostname);
    const domains: string[] = [];
    const take = (name: string): void => {
      for (const domain of withPort(name, source.port, ports)) {
        if (taken.has(domain)) continue;
        taken.add(domain);
        domains.push(domain);
      }
    };
    for (const domain of full) take(domain);
    for (const domain of short) if (!known.has(domain)) take(domain);
    for (const address of addresses) take(address);
    if (domains.length === 0) return;
    // Most hosts have all their names, in one list for the proxies of all namespaces.
    const shared = ports === "none" && domains.length === own.length ? own : domains;
    hosts.push({ hostname, name, domains: shared, source, at, service });
  };
  all.forEach(({ hosts, services }, at) => {
    for (const host of hosts) add(host, at, undefined);
    for (const service of services) add(service.hostname, at, service);
  });
  return { hosts, taken, known };
}

/**
 * The domains of one of the hosts for proxies of its own namespace, who may leave that out. Nobody else's domain is taken for it.
 */
export function ownDomains(
  { service, domains, source }: NamedHost,
  { taken, known }: NamedHosts,
  naming: Naming,
): readonly string[] {
  if (!service?.hostname.endsWith(`.${naming.view.dnsDomain}`)) return domains;
  const { all } = namesOf(service, naming, naming.view.dnsDomain);
  const has = new Set(domains);
  const out = all.flatMap((name) =>
    withPort(name, source.port, naming.ports).filter(
      (domain) => has.has(domain) || (!taken.has(domain) && !known.has(name)),
    ),
  );
  return naming.ports === "none" && out.length === all.length ? all : out;
}
