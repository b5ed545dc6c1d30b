// Puts a sidecar's filter chains into listeners: outbound ones, and the two that iptables lead to. Worker threads.
import { canonicalJson } from "../../../shared/canonical-json.ts";
import { envoy } from "../../../shared/gen/envoy.js";
import { Fragments } from "../../encode/fragments.ts";
import type { EncodedPart, ResourceSink } from "../../encode/resource-sink.ts";
import { networkPolicies } from "../../filters/network-policies.ts";
import { tcpTo } from "../../filters/tcp-proxy.ts";
import { listenerAccessLogs } from "../../filters/telemetry.ts";
import { type ProxyScope, SCOPE_DEPENDENCIES } from "../../scope/proxy-scope.ts";
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
  tlsInspector,
} from "./filter-chain.ts";
import { blackHoleChain, detectionTimeout, type InboundChains, inboundChains } from "./inbound.ts";
import { listenOn, perSocketEvent } from "./listen-address.ts";
import { type OutboundListener, outboundListeners, wildcardAddress } from "./outbound.ts";

const { Listener: ListenerCodec } = envoy.config.listener.v3;

const OUTBOUND_PORT = 15001;
const INBOUND_PORT = 15006;

const fragments = new Fragments<EncodedPart>();

/**
 * Puts the listeners of a sidecar into the sink. Those with nothing but a TCP chain are the shared part: they say nothing of
 * who asks.
 */
export function sidecarListeners(input: GenerateInput, scope: ProxyScope, sink: ResourceSink): void {
  const capture = input.view.metadata.interceptionMode !== "NONE";
  const { plain, others } = sortedListeners(input, scope);
  if (input.part !== "own") {
    for (const own of plain) {
      const part = plainPart(input, scope, own, capture, sink);
      sink.addBytes(part.name, part.bytes, part.hash);
    }
  }
  if (input.part === "shared") return;
  const add = (listener: Listener): void => sink.add(listener.name!, ListenerCodec, listener);
  const inbound = inboundChains(input, scope, sink);
  if (capture) {
    add(virtualOutbound(input, scope));
    add(virtualInbound(input, inbound));
  }
  for (const listener of boundListeners(input, inbound, capture)) add(listener);
  for (const own of others) add(outboundListener(input, scope, own, capture));
}

interface SortedListeners {
  /** With a single TCP chain. */
  readonly plain: readonly OutboundListener[];
  readonly others: readonly OutboundListener[];
}

/** The outbound listeners of all that see the same; worked out once for each snapshot that changes them. */
function sortedListeners(input: GenerateInput, scope: ProxyScope): SortedListeners {
  const { ctx, view } = input;
  const { dnsCapture } = view.metadata;
  const headless = scope.services.filter((s) => s.resolution === "passthrough" && s.addresses.length === 0);
  const facts = canonicalJson([
    view.istioFilters,
    view.ipFamilies,
    dnsCapture,
    view.addresses,
    // Routes by label are part of chains.
    ctx.configs("VirtualService").length > 0 && usesLabels(scope) ? view.labels : {},
    headless.map((s) => ctx.endpointsVersion(s)),
  ]);
  return ctx.derive(`listeners/${scope.key}|${facts}`, SCOPE_DEPENDENCIES, () => {
    const all = [...outboundListeners(input, scope).values()];
    const isPlain = (l: OutboundListener): boolean => !l.http && l.tcp.size === 1;
    return { plain: all.filter(isPlain), others: all.filter((l) => !isPlain(l)) };
  });
}

/** True when a TCP or TLS route is only for some workloads. */
function usesLabels(scope: ProxyScope): boolean {
  return scope.egress.some((egress) =>
    egress.virtualServices.some((vs) =>
      [...(vs.spec.tcp ?? []), ...(vs.spec.tls ?? [])].some((r) => r.match?.some((m) => m.sourceLabels)),
    ),
  );
}

/** A serialized listener with a single TCP chain, kept for all. */
function plainPart(
  input: GenerateInput,
  scope: ProxyScope,
  own: OutboundListener,
  capture: boolean,
  sink: ResourceSink,
): EncodedPart {
  const encode = (): EncodedPart => {
    const listener = outboundListener(input, scope, own, capture);
    return sink.encode(listener.name!, ListenerCodec, listener);
  };
  const [chain] = own.tcp.values();
  const { metadata, ipFamilies } = input.view;
  const families = `${ipFamilies.ipv4}${ipFamilies.ipv6}`;
  const key = `${own.bind}_${own.port}|${metadata.interceptionMode}|${families}|${scope.outboundPolicy}`;
  return fragments.get(chain!, key, [input.ctx.mesh], encode);
}

function outboundListener(input: GenerateInput, scope: ProxyScope, own: OutboundListener, capture: boolean): Listener {
  const chains: FilterChain[] = [...(own.http ? [own.http(input)] : []), ...own.tcp.values()];
  const listener: Listener = {
    name: `${own.bind}_${own.port}`,
    ...listenOn(input, own.bind, own.port),
    trafficDirection: OUTBOUND,
    bindToPort: { value: !capture },
    listenerFiltersTimeout: detectionTimeout(input),
    continueOnListenerFiltersTimeout: true,
    ...transparency(input),
  };
  const accessLog = listenerAccessLogs(input.ctx);
  if (accessLog.length > 0) listener.accessLog = accessLog;
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

/** Everything as it came, or to nowhere where only known hosts may be reached. */
function passthroughFilters(input: GenerateInput, scope: ProxyScope): FilterChain {
  const cluster = scope.outboundPolicy === "ALLOW_ANY" ? "PassthroughCluster" : "BlackHoleCluster";
  const policies = networkPolicies(input.ctx, input.view, "outbound");
  return chainOf([...policies.filters, tcpTo(cluster, policies.tcpProxy)]);
}

function passthroughChain(input: GenerateInput, scope: ProxyScope): FilterChain {
  return { ...passthroughFilters(input, scope), name: "PassthroughFilterChain", filterChainMatch: {} };
}

function virtualOutbound(input: GenerateInput, scope: ProxyScope): Listener {
  const { ctx, view } = input;
  const port = ctx.mesh.mesh.proxyListenPort ?? OUTBOUND_PORT;
  const policies = networkPolicies(ctx, view, "outbound");
  const accessLog = listenerAccessLogs(ctx);
  return {
    name: "virtualOutbound",
    ...listenOn(input, wildcardAddress(view), port),
    trafficDirection: OUTBOUND,
    useOriginalDst: { value: true },
    ...transparency(input),
    ...perSocketEvent(input),
    ...(accessLog.length > 0 ? { accessLog } : {}),
    filterChains: [
      chainOf([...policies.filters, tcpTo("BlackHoleCluster", policies.tcpProxy)], {
        name: "virtualOutbound-blackhole",
        filterChainMatch: { destinationPort: { value: port } },
      }),
      { ...passthroughFilters(input, scope), name: "virtualOutbound-catchall-tcp" },
    ],
  };
}

function virtualInbound(input: GenerateInput, inbound: InboundChains): Listener {
  const { ctx, view } = input;
  const port = ctx.mesh.mesh.proxyInboundListenPort ?? INBOUND_PORT;
  const chains = [blackHoleChain(input, port), ...inbound.chains];
  const accessLog = listenerAccessLogs(ctx);
  return {
    name: "virtualInbound",
    ...listenOn(input, wildcardAddress(view), port),
    trafficDirection: INBOUND,
    listenerFiltersTimeout: detectionTimeout(input),
    continueOnListenerFiltersTimeout: true,
    ...transparency(input),
    ...perSocketEvent(input),
    ...(accessLog.length > 0 ? { accessLog } : {}),
    filterChains: chains,
    listenerFilters: [originalDst(), ...inspectors(chains)],
  };
}

/** Inspectors, switched off at the ports whose chains don't need them. */
function inspectors(chains: readonly FilterChain[]): ListenerFilter[] {
  const out: ListenerFilter[] = [];
  const add = (filter: ListenerFilter, needs: (chain: FilterChain) => boolean): void => {
    if (!chains.some(needs)) return;
    const ports = new Map<number, boolean>();
    for (const chain of chains) {
      const port = chain.filterChainMatch?.destinationPort?.value ?? 0;
      if (port !== 0) ports.set(port, (ports.get(port) ?? false) || needs(chain));
    }
    const disabled = [...ports].filter(([, needed]) => !needed).map(([port]) => port);
    out.push({ ...filter, ...disabledAt(disabled.sort((a, b) => a - b)) });
  };
  add(tlsInspector(), needsTlsInspector);
  add(httpInspector(), needsHttpInspector);
  return out;
}

function disabledAt(ports: readonly number[]): ListenerFilter {
  const ranges = ports.map((port) => ({ destinationPortRange: { start: port, end: port + 1 } }));
  if (ranges.length === 0) return {};
  return { filterDisabled: ranges.length === 1 ? ranges[0]! : { orMatch: { rules: ranges } } };
}

function boundListeners(input: GenerateInput, inbound: InboundChains, capture: boolean): Listener[] {
  return inbound.bound.map(({ inbound: port, chains }) => ({
    name: `${port.bind}_${port.targetPort}`,
    ...listenOn(input, port.bind, port.targetPort),
    trafficDirection: INBOUND,
    listenerFiltersTimeout: detectionTimeout(input),
    continueOnListenerFiltersTimeout: true,
    ...(capture ? {} : { bindToPort: { value: true } }),
    filterChains: [...chains],
    listenerFilters: inspectors(chains),
  }));
}

/** TPROXY keeps the client's address on the way to the application. */
function transparency({ view }: GenerateInput): Listener {
  return view.metadata.interceptionMode === "TPROXY" ? { transparent: { value: true } } : {};
}
