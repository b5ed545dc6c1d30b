// NDS: host names and addresses for the DNS proxy beside a workload. Worker threads.
import { istio } from "../../../shared/gen/envoy.js";
import type { ServiceRecord } from "../../../shared/model/service.ts";
import { hostDomains } from "../../routing/domains.ts";
import { type ProxyScope, proxyScope } from "../../scope/proxy-scope.ts";
import { listenAddresses } from "../../scope/service-address.ts";
import type { GenerateInput, Generator } from "../generator.ts";

const { NameTable } = istio.networking.nds.v1;

type NameInfo = istio.networking.nds.v1.NameTable.INameInfo;

/** The table is the type's only resource, and has no name. */
export const NAME_TABLE = "";

export const generateNames: Generator = (input, sink) => {
  if (!input.view.metadata.dnsCapture) return;
  const scope = proxyScope(input.ctx, input.view);
  sink.add(NAME_TABLE, NameTable, { table: nameTable(input, scope) });
};

function nameTable(input: GenerateInput, scope: ProxyScope): Record<string, NameInfo> {
  const table = new Map<string, NameInfo>();
  for (const service of scope.services) {
    const ips = addressesOf(input, service);
    if (ips.length === 0) continue;
    const kubernetes = service.registry === "Kubernetes";
    table.set(service.hostname, {
      ips,
      registry: service.registry,
      ...(kubernetes
        ? {
            shortname: service.name,
            namespace: service.namespace,
            altHosts: [...hostDomains(service.hostname, input.view.dnsDomain, { absolute: false }).short],
          }
        : {}),
    });
    if (kubernetes && service.resolution === "passthrough") addPods(table, input, service);
  }
  return Object.fromEntries([...table].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function addressesOf(input: GenerateInput, service: ServiceRecord): string[] {
  const own = listenAddresses(service, input.view).filter((a) => !a.includes("/"));
  // istiod's order, which resolvers may show to people.
  if (own.length > 0) return [...own].reverse();
  if (service.registry !== "Kubernetes" || service.resolution !== "passthrough") return [];
  const ips = input.ctx.endpoints(service).flatMap((ep) => ep.addresses.slice(0, 1));
  return [...new Set(ips)].sort();
}

/** Pods with a host name of their own are known by it under a headless service. */
function addPods(table: Map<string, NameInfo>, input: GenerateInput, service: ServiceRecord): void {
  for (const ep of input.ctx.endpoints(service)) {
    if (!ep.hostname || !ep.subdomain) continue;
    const rest = service.hostname.split(".").slice(1).join(".");
    const host = `${ep.hostname}.${ep.subdomain}.${rest}`;
    table.set(host, {
      ips: ep.addresses.slice(0, 1),
      registry: service.registry,
      shortname: `${ep.hostname}.${ep.subdomain}`,
      namespace: service.namespace,
      altHosts: [...hostDomains(host, input.view.dnsDomain, { absolute: false }).short],
    });
  }
}
