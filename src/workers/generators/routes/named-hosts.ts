// The names of a sidecar's virtual hosts, and the domains under which each is found. Worker threads.
import type { ServiceRecord } from "../../../shared/model/service.ts";
import { Fragments } from "../../encode/fragments.ts";
import { bracketed, hostDomains, sharedLabels } from "../../routing/domains.ts";
import { serviceAddresses } from "../../scope/service-address.ts";
import type { GenerateInput } from "../generator.ts";
import type { HostRoutes } from "./host-routes.ts";

/** A virtual host, whose bytes are made when they are asked for. */
export interface NamedHost {
  readonly name: string;
  readonly domains: readonly string[];
  readonly source: HostRoutes;
  /** Which of the sources that is. */
  readonly at: number;
  readonly service: ServiceRecord | undefined;
}

/** Whether requests name the port with the host: never, always, or as they like. */
export type PortsInDomains = "none" | "only" | "both";

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

function namesOf(service: ServiceRecord, { ctx, view }: GenerateInput): HostNames {
  const key = `${sharedLabels(service.hostname, view.dnsDomain)} ${view.metadata.dnsCapture} ${view.ipFamilies.ipv4} ${view.ipFamilies.ipv6}`;
  return nameFragments.get(service, key, [ctx.mesh], () => {
    const { absoluteFqdnVhostDomain: absolute } = ctx.mesh.features;
    const { full, short } = hostDomains(service.hostname, view.dnsDomain, { absolute });
    const addresses = serviceAddresses(service, view).map(bracketed);
    return { full, short, addresses, all: [...full, ...short, ...addresses] };
  });
}

function namesOfHost(hostname: string): HostNames {
  const full = [bracketed(hostname)];
  return { full, short: [], addresses: [], all: full };
}

/** Virtual hosts with each domain once: the first that asks for one has it. */
export function namedHosts(all: readonly HostRoutes[], ports: PortsInDomains, input: GenerateInput): NamedHost[] {
  const known = new Set<string>();
  for (const r of all) for (const service of r.services) known.add(service.hostname);
  const names = new Set<string>();
  const taken = new Set<string>();
  const out: NamedHost[] = [];
  const add = (hostname: string, at: number, service: ServiceRecord | undefined): void => {
    const source = all[at]!;
    const name = `${bracketed(hostname)}:${source.port}`;
    if (names.has(name)) return;
    names.add(name);
    const { full, short, addresses, all: own } = service ? namesOf(service, input) : namesOfHost(hostname);
    const domains: string[] = [];
    const take = (name: string): void => {
      for (const domain of withPort(name, source.port, ports)) {
        if (taken.has(domain)) continue;
        taken.add(domain);
        domains.push(domain);
      }
    };
    for (const domain of full) take(domain);
    // A short name gives way to a host that is really called so.
    for (const domain of short) if (!known.has(domain)) take(domain);
    for (const address of addresses) take(address);
    if (domains.length === 0) return;
    // Most hosts have all their names, in one list for the proxies of all namespaces.
    const shared = ports === "none" && domains.length === own.length ? own : domains;
    out.push({ name, domains: shared, source, at, service });
  };
  all.forEach(({ hosts, services }, at) => {
    for (const host of hosts) add(host, at, undefined);
    for (const service of services) add(service.hostname, at, service);
  });
  return out;
}
