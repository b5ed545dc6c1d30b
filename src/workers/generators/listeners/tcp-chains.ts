// Filter chains of outbound TCP and TLS ports: by SNI, by address, as VirtualServices route them. Worker threads.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#TLSRoute

import { isTls, type ServicePort, type ServiceRecord } from "../../../shared/model/service.ts";
import { subsetKey } from "../../../shared/names/cluster-name.ts";
import { MESH_GATEWAY } from "../../../shared/names/gateway.ts";
import { hostsMatch } from "../../../shared/names/hostname.ts";
import { labelsMatch } from "../../../shared/names/labels.ts";
import { Fragments } from "../../encode/fragments.ts";
import { prefixRange } from "../../encode/prefix-range.ts";
import { durationMs, struct } from "../../encode/values.ts";
import { sniForwardProxy } from "../../filters/dynamic-forward-proxy.ts";
import { networkExtensionsKey } from "../../filters/extensions.ts";
import { networkTelemetry } from "../../filters/telemetry/network-telemetry.ts";
import { virtualServicePath } from "../../routing/http-route.ts";
import type { ProxyScope } from "../../scope/proxy-scope.ts";
import type { VirtualService } from "../../scope/virtual-services.ts";
import type { GenerateInput } from "../generator.ts";
import { chainOf, type FilterChain, type FilterChainMatch } from "./filter-chain.ts";
import { routeDestinations, singleDestination } from "./network-filters.ts";

export interface TcpTarget {
  readonly service: ServiceRecord;
  readonly port: ServicePort;
  /** A block of addresses that the service has instead of one address, or "". */
  readonly cidr: string;
  /** True when the listener has no address of the service's own, so that only SNI can tell services apart. */
  readonly wildcard: boolean;
}

const fragments = new Fragments<FilterChain[]>();

/**
 * The chains of a service's TCP or TLS port: the same objects for all proxies that are alike, for as long as nothing that
 * they were made of changes.
 */
export function tcpChains(
  input: GenerateInput,
  scope: ProxyScope,
  virtualServices: readonly VirtualService[],
  target: TcpTarget,
): FilterChain[] {
  const own = virtualServices.filter(
    (vs) => (vs.spec.tcp || vs.spec.tls) && vs.hosts.some((h) => hostsMatch(h, target.service.hostname)),
  );
  const build = (): FilterChain[] => [
    ...tlsRouteChains(input, scope, own, target),
    ...tcpRouteChains(input, scope, own, target),
  ];
  if (own.length > 0) return build();
  const { service, port, cidr, wildcard } = target;
  const { istioFilters, ipFamilies, metadata } = input.view;
  const { id } = networkTelemetry(input.ctx, input.view, "outbound");
  const alike = [istioFilters, ipFamilies.ipv4, metadata.idleTimeout, id, networkExtensionsKey(input.ctx, input.view)];
  const key = `${port.port}|${cidr}|${wildcard}|${alike.join("|")}`;
  // Of services with one host the first one's rule counts, as for the cluster; and where it is from, for statistics' names.
  const named = scope.byHostname.get(service.hostname);
  const dependencies = [input.ctx.mesh, named?.registry, named && scope.destinationRule(named)];
  return fragments.get(service, key, dependencies, build);
}

function tlsRouteChains(
  input: GenerateInput,
  scope: ProxyScope,
  virtualServices: readonly VirtualService[],
  target: TcpTarget,
): FilterChain[] {
  const { service, port, cidr, wildcard } = target;
  const out: FilterChain[] = [];
  // Of matches that differ only in what is known already, the first one counts.
  const handled = new Set<string>();
  for (const vs of virtualServices) {
    for (const tls of vs.spec.tls ?? []) {
      for (const match of tls.match ?? []) {
        if (!l4Applies(match, port.port, input)) continue;
        const subnets = match.destinationSubnets?.length ? match.destinationSubnets : cidrs(cidr);
        const key = JSON.stringify([[...(match.sniHosts ?? [])].sort(), match.destinationSubnets]);
        if (handled.has(key)) continue;
        handled.add(key);
        const filters = routeDestinations(input, scope, tls.route ?? [], port, vs);
        out.push(routed(chainOf(filters), vs, { serverNames: match.sniHosts ?? [], subnets }));
      }
    }
  }
  if (out.length > 0 || !isTls(port.protocol)) return out;
  const cluster = subsetKey("outbound", "", service.hostname, port.port);
  const serverNames = wildcard || cidr ? [service.hostname] : [];
  const filters = singleDestination(input, scope, cluster, port);
  if (service.resolution === "dynamicDns") {
    filters.unshift(sniForwardProxy(service.hostname, port.port, input.view, input.ctx));
  }
  const chain = chainOf(filters);
  return [timed(matching(chain, { serverNames, subnets: cidrs(cidr) }))];
}

function tcpRouteChains(
  input: GenerateInput,
  scope: ProxyScope,
  virtualServices: readonly VirtualService[],
  target: TcpTarget,
): FilterChain[] {
  const { service, port, cidr } = target;
  const out: FilterChain[] = [];
  for (const vs of virtualServices) {
    for (const tcp of vs.spec.tcp ?? []) {
      const filters = (): ReturnType<typeof routeDestinations> =>
        routeDestinations(input, scope, tcp.route ?? [], port, vs);
      const matches = (tcp.match ?? []).filter((m) => l4Applies(m, port.port, input));
      if (tcp.match?.length && matches.length === 0) continue;
      if (!tcp.match?.length || matches.some((m) => !m.destinationSubnets?.length)) {
        out.push(routed(chainOf(filters()), vs, { serverNames: [], subnets: cidrs(cidr) }));
        return out;
      }
      const subnets = matches.flatMap((m) => m.destinationSubnets ?? []);
      out.push(routed(chainOf(filters()), vs, { serverNames: [], subnets }));
      // The service's own chain would have the same match, which Envoy rejects.
      if (subnets.length === 1 && subnets[0] === cidr) return out;
    }
  }
  if (isTls(port.protocol)) return out;
  const cluster = subsetKey("outbound", "", service.hostname, port.port);
  out.push(
    timed(matching(chainOf(singleDestination(input, scope, cluster, port)), { serverNames: [], subnets: cidrs(cidr) })),
  );
  return out;
}

interface L4Match {
  readonly port?: number;
  readonly sourceLabels?: Readonly<Record<string, string>>;
  readonly gateways?: readonly string[];
  readonly sourceNamespace?: string;
}

function l4Applies(match: L4Match, port: number, { view }: GenerateInput): boolean {
  if (match.port && match.port !== port) return false;
  if (match.gateways?.length && !match.gateways.includes(MESH_GATEWAY)) return false;
  if (match.sourceNamespace && match.sourceNamespace !== view.namespace) return false;
  return labelsMatch(match.sourceLabels ?? {}, view.labels);
}

function cidrs(cidr: string): string[] {
  return cidr === "" ? [] : [cidr];
}

function routed(
  chain: FilterChain,
  vs: VirtualService,
  match: { readonly serverNames: readonly string[]; readonly subnets: readonly string[] },
): FilterChain {
  const config = virtualServicePath(vs);
  return timed(matching({ ...chain, metadata: { filterMetadata: { istio: struct({ config }) } } }, match));
}

/** Chains towards the mesh give a peer this long to finish a handshake. */
export function timed(chain: FilterChain): FilterChain {
  return { ...chain, transportSocketConnectTimeout: durationMs(15_000) };
}

function matching(
  chain: FilterChain,
  match: { readonly serverNames: readonly string[]; readonly subnets: readonly string[] },
): FilterChain {
  const out: FilterChainMatch = {};
  if (match.serverNames.length > 0) out.serverNames = serverNames(match.serverNames);
  if (match.subnets.length > 0) out.prefixRanges = match.subnets.map(prefixRange);
  return Object.keys(out).length > 0 ? { ...chain, filterChainMatch: out } : chain;
}

/** Envoy has no name for "every name": such a match is left out. */
function serverNames(hosts: readonly string[]): string[] {
  return hosts.includes("*") ? [] : [...hosts].sort();
}
