// The addresses of a service as a proxy sees them. Worker threads, pure.
import type { ServiceRecord } from "../../shared/model/service.ts";
import type { ProxyView } from "../../shared/model/view.ts";

/**
 * The addresses on which clients reach a service: its own, else the ones allocated to it, which only proxies that capture
 * DNS can know. Empty when there are none.
 */
export function listenAddresses(service: ServiceRecord, view: ProxyView): readonly string[] {
  if (service.addresses.length > 0) return service.addresses;
  if (!view.metadata.dnsCapture || service.resolution === "alias") return [];
  const { ipv4, ipv6 } = view.ipFamilies;
  const out: string[] = [];
  if (ipv4 && service.autoAllocatedIpv4) out.push(service.autoAllocatedIpv4);
  if (ipv6 && service.autoAllocatedIpv6) out.push(service.autoAllocatedIpv6);
  return out.slice(0, 1);
}

/** The address by which a virtual host knows the service. Of several the last one of the first one's family counts. */
export function serviceAddresses(service: ServiceRecord, view: ProxyView): readonly string[] {
  const all = listenAddresses(service, view);
  const first = all[0];
  if (first === undefined) return [];
  const sameFamily = all.filter((a) => a.includes(":") === first.includes(":"));
  return sameFamily.slice(-1);
}
