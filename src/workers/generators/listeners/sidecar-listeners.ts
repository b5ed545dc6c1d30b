// Puts a sidecar's filter chains into listeners: outbound ones, and the two that iptables lead to. Worker threads.
import { canonicalJson } from "../../../shared/canonical-json.ts";
import { envoy } from "../../../shared/gen/envoy.js";
import { Fragments } from "../../encode/fragments.ts";
import type { EncodedPart, ResourceSink } from "../../encode/resource-sink.ts";
import { ZERO_DURATION } from "../../encode/values.ts";
import { networkPolicies } from "../../filters/network-policies.ts";
import { tcpTo } from "../../filters/tcp-proxy.ts";
import { listenerAccessLogs } from "../../filters/telemetry/access-logs.ts";
import { capturesNothing } from "../../scope/capture.ts";
import { type ProxyScope, resolvesUnknown } from "../../scope/proxy-scope.ts";
import { sidecarFor } from "../../scope/sidecars.ts";
import type { GenerateInput } from "../generator.ts";
import {
  chainOf,
  type FilterChain,
  httpInspector,
  INBOUND,
  type Listener,
  type ListenerFilter,
  matchesAll,
  needsHttpInspector,
  needsTlsInspector,
  OUTBOUND,
  originalDst,
  originalSrc,
  tlsInspector,
} from "./filter-chain.ts";
import { blackHoleChain, detectionTimeout, type InboundChains, inboundChains } from "./inbound.ts";
import { exactBalance, listenerName, listenOn, perSocketEvent, wildcardAddress } from "./listen-address.ts";
import { listenerChainMaker } from "./listener-chains.ts";
import { httpProxyListener, type OutboundListener } from "./outbound.ts";
import { outboundHttpChain, unknownHostsChain } from "./outbound-http.ts";
import { sortedListeners } from "./sorted-listeners.ts";

const { Listener: ListenerCodec } = envoy.config.listener.v3;

const OUTBOUND_PORT = 15001;
const INBOUND_PORT = 15006;

const fragments = new Fragments<EncodedPart>();

/**
 * Puts the listeners of a sidecar into the sink. Those with nothing but a TCP chain are the shared part: they say nothing of
 * who asks.
 */
export function sidecarListeners(input: GenerateInput, scope: ProxyScope, sink: ResourceSink): void {
  const sorted = sortedListeners(input, scope);
  const chainsOf = listenerChainMaker(input, scope);
  const tcpOf = (own: OutboundListener): FilterChain[] => chainsOf(own).map(({ chain }) => chain);
  if (input.part !== "own") {
    const facts = plainFacts(input, scope);
    for (const own of input.names ? sorted.plainNamed(input.names) : sorted.plain(input.slice)) {
      const part = plainPart(input, scope, own, chainsOf(own)[0]!.chain, facts, sink);
      sink.addBytes(part.name, part.bytes, part.hash);
    }
  }
  if (input.part === "shared") return;
  const add = (listener: Listener): void => sink.add(listener.name!, ListenerCodec, listener);
  const inbound = inboundChains(input, scope, sink);
  if (!capturesNothing(input.view)) {
    add(virtualOutbound(input, scope));
    add(virtualInbound(input, inbound));
  }
  // A proxy refuses a name that comes twice, and everything with it. Outbound listeners, of which some are shared, go first.
  const taken = new Set(sorted.others.map((own) => listenerName(own.bind, own.port)));
  const isFirst = (name: string): boolean => {
    if (sorted.plainNamed([name]).length === 0 && taken.size < taken.add(name).size) return true;
    warnOfClash(input, name, sink);
    return false;
  };
  for (const listener of boundListeners(input, inbound)) if (isFirst(listener.name!)) add(listener);
  for (const own of sorted.others) add(outboundListener(input, scope, own, tcpOf(own)));
  const httpProxy = httpProxyListener(input, scope);
  if (httpProxy && isFirst(listenerName(httpProxy.bind, httpProxy.port)))
    add(outboundListener(input, scope, httpProxy, []));
}

function warnOfClash({ ctx, view }: GenerateInput, name: string, sink: ResourceSink): void {
  const sidecar = sidecarFor(ctx, view);
  const object = sidecar ? `Sidecar/${sidecar.meta.namespace}/${sidecar.meta.name}` : "";
  sink.warn(object, `there is a listener ${name} already, so that there can't be another one`);
}

/** What a listener with a single TCP chain depends on beside the chain and its own address. */
function plainFacts({ view: { ipFamilies, metadata } }: GenerateInput, scope: ProxyScope): string {
  const { idleTimeout, outboundExactBalance } = metadata;
  return canonicalJson([ipFamilies, scope.outboundPolicy, scope.egressProxy, idleTimeout, outboundExactBalance]);
}

/** A serialized listener with a single TCP chain, kept for all that have the same facts. */
function plainPart(
  input: GenerateInput,
  scope: ProxyScope,
  own: OutboundListener,
  chain: FilterChain,
  facts: string,
  sink: ResourceSink,
): EncodedPart {
  const encode = (): EncodedPart => {
    const listener = outboundListener(input, scope, own, [chain]);
    return sink.encode(listener.name!, ListenerCodec, listener);
  };
  const key = `${own.bind}|${own.port}|${own.bound}|${facts}`;
  return fragments.get(chain, key, [input.ctx.mesh], encode);
}

function outboundListener(
  input: GenerateInput,
  scope: ProxyScope,
  own: OutboundListener,
  tcp: readonly FilterChain[],
): Listener {
  const chains: FilterChain[] = [...(own.http ? [outboundHttpChain(input, own.http)] : []), ...tcp];
  const listener: Listener = {
    name: listenerName(own.bind, own.port),
    ...listenOn(input, own.bind, own.port, true),
    trafficDirection: OUTBOUND,
    ...(own.bound ? perSocketEvent(input) : { bindToPort: { value: false } }),
    // Only what tells HTTP from other things has to wait for first bytes.
    listenerFiltersTimeout: chains.some(needsHttpInspector) ? detectionTimeout(input) : ZERO_DURATION,
    continueOnListenerFiltersTimeout: true,
    ...exactBalance(input.view.metadata.outboundExactBalance),
  };
  const all = chains.findIndex(matchesAll);
  if (all >= 0 && chains.length > 1) {
    listener.defaultFilterChain = chains[all]!;
    chains.splice(all, 1);
  } else if (all < 0) {
    // Traffic to hosts that the mesh doesn't know may come to the same port.
    listener.defaultFilterChain = passthroughChain(input, scope);
  }
  listener.filterChains = chains;
  const filters: ListenerFilter[] = [];
  if (chains.some(needsTlsInspector)) filters.push(tlsInspector());
  if (chains.some(needsHttpInspector)) filters.push(httpInspector());
  if (filters.length > 0) listener.listenerFilters = filters;
  return listener;
}

/** Everything as it came, or to the proxy for it, or to nowhere where only known hosts may be reached. */
function passthroughFilters(input: GenerateInput, scope: ProxyScope): FilterChain {
  const closed = scope.outboundPolicy === "REGISTRY_ONLY";
  const cluster = closed ? "BlackHoleCluster" : scope.egressProxy || "PassthroughCluster";
  const policies = networkPolicies(input.ctx, input.view, "outbound");
  return chainOf([...policies.filters, tcpTo(cluster, policies.tcpProxy)]);
}

function passthroughChain(input: GenerateInput, scope: ProxyScope): FilterChain {
  return { ...passthroughFilters(input, scope), name: "PassthroughFilterChain", filterChainMatch: {} };
}

function virtualOutbound(input: GenerateInput, scope: ProxyScope): Listener {
  const { ctx, view } = input;
  const port = ctx.mesh.mesh.proxyListenPort ?? OUTBOUND_PORT;
  const { filters } = networkPolicies(ctx, view, "outbound");
  const accessLog = listenerAccessLogs(ctx, view, "outbound");
  const unknown = resolvesUnknown(scope);
  return {
    name: "virtualOutbound",
    ...listenOn(input, wildcardAddress(view), port),
    trafficDirection: OUTBOUND,
    useOriginalDst: { value: true },
    ...transparency(input),
    ...perSocketEvent(input),
    ...(accessLog.length > 0 ? { accessLog } : {}),
    filterChains: [
      chainOf([...filters, tcpTo("BlackHoleCluster")], {
        name: "virtualOutbound-blackhole",
        filterChainMatch: { destinationPort: { value: port } },
      }),
      ...(unknown ? [unknownHostsChain(input)] : []),
      { ...passthroughFilters(input, scope), name: "virtualOutbound-catchall-tcp" },
    ],
    ...(unknown ? { listenerFilters: [httpInspector()] } : {}),
  };
}

function virtualInbound(input: GenerateInput, inbound: InboundChains): Listener {
  const { ctx, view } = input;
  const port = ctx.mesh.mesh.proxyInboundListenPort ?? INBOUND_PORT;
  const chains = [blackHoleChain(input, port), ...inbound.chains];
  const accessLog = listenerAccessLogs(ctx, view, "inbound");
  return {
    name: "virtualInbound",
    ...listenOn(input, wildcardAddress(view), port),
    trafficDirection: INBOUND,
    listenerFiltersTimeout: detectionTimeout(input),
    continueOnListenerFiltersTimeout: true,
    ...transparency(input),
    ...exactBalance(view.metadata.inboundExactBalance),
    ...perSocketEvent(input),
    ...(accessLog.length > 0 ? { accessLog } : {}),
    filterChains: chains,
    listenerFilters: [
      originalDst(),
      ...(view.metadata.interceptionMode === "TPROXY" ? [originalSrc()] : []),
      ...inspectors(chains),
    ],
  };
}

/**
 * Inspectors, switched off at the ports whose chains don't need them; where no chain is for all other ports, switched on at
 * those that do.
 */
function inspectors(chains: readonly FilterChain[]): ListenerFilter[] {
  const out: ListenerFilter[] = [];
  const add = (filter: ListenerFilter, needs: (chain: FilterChain) => boolean): void => {
    if (!chains.some(needs)) return;
    const ports = new Map<number, boolean>();
    for (const chain of chains) {
      const port = chain.filterChainMatch?.destinationPort?.value ?? 0;
      if (port !== 0) ports.set(port, (ports.get(port) ?? false) || needs(chain));
    }
    const general = chains.some((chain) => !chain.filterChainMatch?.destinationPort && needs(chain));
    const named = [...ports].filter(([, needed]) => needed !== general).map(([port]) => port);
    const match = portsMatch(named.sort((a, b) => a - b));
    if (match) out.push({ ...filter, filterDisabled: general ? match : { notMatch: match } });
    else out.push(filter);
  };
  add(tlsInspector(), needsTlsInspector);
  add(httpInspector(), needsHttpInspector);
  return out;
}

function portsMatch(ports: readonly number[]): ListenerFilter["filterDisabled"] {
  const ranges = ports.map((port) => ({ destinationPortRange: { start: port, end: port + 1 } }));
  return ranges.length > 1 ? { orMatch: { rules: ranges } } : ranges[0];
}

function boundListeners(input: GenerateInput, inbound: InboundChains): Listener[] {
  const accessLog = listenerAccessLogs(input.ctx, input.view, "inbound");
  return inbound.bound.map(({ inbound: { bind, targetPort }, chains }) => {
    const filters = inspectors(chains);
    return {
      name: listenerName(bind, targetPort),
      ...listenOn(input, bind, targetPort),
      trafficDirection: INBOUND,
      listenerFiltersTimeout: detectionTimeout(input),
      continueOnListenerFiltersTimeout: true,
      ...exactBalance(input.view.metadata.inboundExactBalance),
      ...perSocketEvent(input),
      ...(accessLog.length > 0 ? { accessLog } : {}),
      filterChains: [...chains],
      ...(filters.length > 0 ? { listenerFilters: filters } : {}),
    };
  });
}

/** TPROXY keeps the client's address on the way to the application. */
function transparency({ view }: GenerateInput): Listener {
  return view.metadata.interceptionMode === "TPROXY" ? { transparent: { value: true } } : {};
}
