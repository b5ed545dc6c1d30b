// Filters that resolve a request's own host, for wildcard hosts with DYNAMIC_DNS. Worker threads, pure.
// https://istio.io/latest/docs/reference/config/networking/service-entry/#ServiceEntry-Resolution
import { envoy } from "../../shared/gen/envoy.js";
import type { ProxyView } from "../../shared/model/view.ts";
import type { PushContext } from "../context/push-context.ts";
import { any } from "../encode/values.ts";
import type { NamedFilter } from "./peer-metadata.ts";

const { FilterConfig: HttpForwardProxy } = envoy.extensions.filters.http.dynamic_forward_proxy.v3;
const { FilterConfig: SniForwardProxy } = envoy.extensions.filters.network.sni_dynamic_forward_proxy.v3;

type DnsCacheConfig = envoy.extensions.common.dynamic_forward_proxy.v3.IDnsCacheConfig;

const V4_ONLY = 1;
const V6_ONLY = 2;
const ALL_FAMILIES = 4;

/** Which addresses a proxy can use (Envoy's DnsLookupFamily). */
export function dnsLookupFamily(view: Pick<ProxyView, "ipFamilies">, ctx: PushContext): number {
  const { ipv4, ipv6 } = view.ipFamilies;
  if (ipv4 && ipv6 && ctx.mesh.features.dualStack) return ALL_FAMILIES;
  return ipv4 ? V4_ONLY : V6_ONLY;
}

/** The cache that the filters and the cluster of a host share by its name. */
export function dnsCache(hostname: string, view: Pick<ProxyView, "ipFamilies">, ctx: PushContext): DnsCacheConfig {
  return { name: `${hostname}_dfp_dns_cache`, dnsLookupFamily: dnsLookupFamily(view, ctx) };
}

/** As many hosts as Envoy's own limit. */
const MAX_UNKNOWN_HOSTS = 1024;

/** The cache of hosts that the mesh doesn't know. */
export function unknownHostsCache(view: Pick<ProxyView, "ipFamilies">, ctx: PushContext): DnsCacheConfig {
  return {
    name: "allow_any_dfp_dns_cache",
    dnsLookupFamily: dnsLookupFamily(view, ctx),
    maxHosts: { value: MAX_UNKNOWN_HOSTS },
  };
}

/** Resolves the Host header by way of a cache. */
export function httpForwardProxy(dnsCacheConfig: DnsCacheConfig): NamedFilter {
  return {
    name: "envoy.filters.http.dynamic_forward_proxy",
    typedConfig: any("envoy.extensions.filters.http.dynamic_forward_proxy.v3.FilterConfig", HttpForwardProxy, {
      dnsCacheConfig,
    }),
  };
}

/** Resolves the SNI of a TLS connection. */
export function sniForwardProxy(
  hostname: string,
  port: number,
  view: Pick<ProxyView, "ipFamilies">,
  ctx: PushContext,
): NamedFilter {
  return {
    name: "envoy.extensions.filters.network.sni_dynamic_forward_proxy",
    typedConfig: any("envoy.extensions.filters.network.sni_dynamic_forward_proxy.v3.FilterConfig", SniForwardProxy, {
      portValue: port,
      dnsCacheConfig: dnsCache(hostname, view, ctx),
    }),
  };
}
