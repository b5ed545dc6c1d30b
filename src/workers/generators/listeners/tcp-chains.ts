// Filter chains of outbound TCP and TLS ports: by SNI, by address, as VirtualServices route them. Worker threads.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#TLSRoute

import { isTls, type ServicePort, type ServiceRecord } from "../../../shared/model/service.ts";
import { subsetKey } from "../../../shared/names/cluster-name.ts";
import { MESH_GATEWAY } from "../../../shared/names/gateway.ts";
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
import { routeDestinations, ruledBy, singleDestination } from "./network-filters.ts";

export interface TcpTarget {
  readonly service: ServiceRecord;
  readonly port: ServicePort;
  /** A block of addresses that the service has instead of one address, or "". */
  readonly cidr: string;
  /** True when the listener has no address of the service's own, so that only SNI can tell services apart. */
  readonly wildcard: boolean;
  /** VirtualServices with TCP or TLS routes for the service's host. Without any, the target has one chain. */
  readonly routes: readonly VirtualService[];
}

/** A chain, and the host whose DestinationRule has a say in it. */
export interface TcpChain {
  readonly chain: FilterChain;
  readonly host: string;
}

const fragments = new Fragments<readonly TcpChain[]>();

/**
 * The chains of services' TCP and TLS ports, at least one for each: the same objects for all proxies that are alike, for as
 * long as nothing that they were made of changes.
 */
export function tcpChainMaker(input: GenerateInput, scope: ProxyScope): (target: TcpTarget) => readonly TcpChain[] {
  const { ctx, view } = input;
  const { id } = networkTelemetry(ctx, view, "outbound");
  const { istioFilters, ipFamilies, metadata } = view;
  const alike = [istioFilters, ipFamilies.ipv4, metadata.idleTimeout, id, networkExtensionsKey(ctx, view)].join("|");
  return (target) => {
    const build = (): TcpChain[] => [...tlsRouteChains(input, scope, target), ...tcpRouteChains(input, scope, target)];
    const { service, port, cidr, wildcard, routes } = target;
    if (routes.length > 0) return build();
    // Of services with one host the first one's rule counts, as for the cluster; and where it is from, for statistics' names.
    const named = scope.byHostname.get(service.hostname);
    const dependencies = [ctx.mesh, named?.registry, named && scope.destinationRule(named)];
    return fragments.get(service, `${port.port}|${cidr}|${wildcard}|${alike}`, dependencies, build);
  };
}

/** The match of the one chain of a target without routes: known without the chain. */
export function soleMatch({ service, port, cidr, wildcard }: TcpTarget): FilterChainMatch | undefined {
  const named = isTls(port.protocol) && (wildcard || cidr !== "");
  return matchOf({ serverNames: named ? [service.hostname] : [], subnets: cidrs(cidr) });
}

function tlsRouteChains(input: GenerateInput, scope: ProxyScope, target: TcpTarget): TcpChain[] {
  const { service, port, cidr } = target;
  const out: TcpChain[] = [];
  // Of matches that differ only in what is known already, the first one counts.
  const handled = new Set<string>();
  for (const vs of target.routes) {
    for (const tls of vs.spec.tls ?? []) {
      for (const match of tls.match ?? []) {
        if (!l4Applies(match, port.port, input)) continue;
        const subnets = match.destinationSubnets?.length ? match.destinationSubnets : cidrs(cidr);
        const key = JSON.stringify([[...(match.sniHosts ?? [])].sort(), match.destinationSubnets]);
        if (handled.has(key)) continue;
        handled.add(key);
        const filters = routeDestinations(input, scope, tls.route ?? [], port, vs);
        const chain = routed(chainOf(filters), vs, { serverNames: match.sniHosts ?? [], subnets });
        out.push({ chain, host: ruledBy(tls.route ?? []) });
      }
    }
  }
  if (out.length > 0 || !isTls(port.protocol)) return out;
  const cluster = subsetKey("outbound", "", service.hostname, port.port);
  const filters = singleDestination(input, scope, cluster, port);
  if (service.resolution === "dynamicDns") {
    filters.unshift(sniForwardProxy(service.hostname, port.port, input.view, input.ctx));
  }
  return [{ chain: timed(matching(chainOf(filters), soleMatch(target))), host: service.hostname }];
}

function tcpRouteChains(input: GenerateInput, scope: ProxyScope, target: TcpTarget): TcpChain[] {
  const { service, port, cidr } = target;
  const out: TcpChain[] = [];
  for (const vs of target.routes) {
    for (const tcp of vs.spec.tcp ?? []) {
      const add = (subnets: readonly string[]): void => {
        const filters = routeDestinations(input, scope, tcp.route ?? [], port, vs);
        const chain = routed(chainOf(filters), vs, { serverNames: [], subnets });
        out.push({ chain, host: ruledBy(tcp.route ?? []) });
      };
      const matches = (tcp.match ?? []).filter((m) => l4Applies(m, port.port, input));
      if (tcp.match?.length && matches.length === 0) continue;
      if (!tcp.match?.length || matches.some((m) => !m.destinationSubnets?.length)) {
        add(cidrs(cidr));
        return out;
      }
      const subnets = matches.flatMap((m) => m.destinationSubnets ?? []);
      add(subnets);
      // The service's own chain would have the same match, which Envoy rejects.
      if (subnets.length === 1 && subnets[0] === cidr) return out;
    }
  }
  if (isTls(port.protocol)) return out;
  const cluster = subsetKey("outbound", "", service.hostname, port.port);
  const chain = chainOf(singleDestination(input, scope, cluster, port));
  out.push({ chain: timed(matching(chain, soleMatch(target))), host: service.hostname });
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

interface Matched {
  readonly serverNames: readonly string[];
  readonly subnets: readonly string[];
}

function routed(chain: FilterChain, vs: VirtualService, matched: Matched): FilterChain {
  const config = virtualServicePath(vs);
  const metadata = { filterMetadata: { istio: struct({ config }) } };
  return timed(matching({ ...chain, metadata }, matchOf(matched)));
}

/** Chains towards the mesh give a peer this long to finish a handshake. */
export function timed(chain: FilterChain): FilterChain {
  return { ...chain, transportSocketConnectTimeout: durationMs(15_000) };
}

function matching(chain: FilterChain, filterChainMatch: FilterChainMatch | undefined): FilterChain {
  return filterChainMatch ? { ...chain, filterChainMatch } : chain;
}

/** Undefined where everything matches. */
function matchOf(matched: Matched): FilterChainMatch | undefined {
  if (matched.serverNames.length === 0 && matched.subnets.length === 0) return undefined;
  const out: FilterChainMatch = {};
  if (matched.serverNames.length > 0) out.serverNames = serverNames(matched.serverNames);
  if (matched.subnets.length > 0) out.prefixRanges = matched.subnets.map(prefixRange);
  return out;
}

/** Envoy has no name for "every name": such a match is left out. */
function serverNames(hosts: readonly string[]): string[] {
  return hosts.includes("*") ? [] : [...hosts].sort();
}
