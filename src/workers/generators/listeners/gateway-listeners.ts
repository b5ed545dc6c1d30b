// A router's listeners: HTTP by route configuration, TLS by SNI, TCP by port. Worker threads.
import { isHttp, type ServicePort } from "../../../shared/model/service.ts";
import { hostsMatch, isSubsetOf } from "../../../shared/names/hostname.ts";
import { prefixRange } from "../../encode/prefix-range.ts";
import type { ResourceSink } from "../../encode/resource-sink.ts";
import { durationMs } from "../../encode/values.ts";
import { type ConnectionManager, connectionManager } from "../../filters/connection-manager.ts";
import { listenerBufferLimit } from "../../filters/connection-settings.ts";
import { type AnyFilter, httpExtensions } from "../../filters/extensions.ts";
import { httpFilters } from "../../filters/http-filters.ts";
import { type NamedFilter, speaksPeerExchange, TCP_METADATA_EXCHANGE } from "../../filters/peer-metadata.ts";
import { CLIENT_CERTIFICATES } from "../../filters/proxy-headers.ts";
import { type SecurityPolicies, securityPolicies, warnOfProblems } from "../../filters/security-policies.ts";
import { listenerAccessLogs } from "../../filters/telemetry/access-logs.ts";
import { statsFilters } from "../../filters/telemetry/metrics.ts";
import { proxyConfigOf } from "../../filters/telemetry/tracing.ts";
import { endsTls, type GatewayListener, type GatewayServer, mergedGateway } from "../../scope/gateways.ts";
import { offersHttp3 } from "../../scope/http3.ts";
import type { ProxyScope } from "../../scope/proxy-scope.ts";
import { type VirtualService, virtualServicesFor } from "../../scope/virtual-services.ts";
import type { GenerateInput } from "../generator.ts";
import {
  chainOf,
  type FilterChain,
  type FilterChainMatch,
  type Listener,
  type ListenerFilter,
  needsTlsInspector,
  OUTBOUND,
  proxyProtocol,
  tlsInspector,
} from "./filter-chain.ts";
import { withoutClashes } from "./gateway-clashes.ts";
import { autoPassthrough } from "./gateway-passthrough.ts";
import { listenForQuic, QUIC_MANAGER, quicListenerName, quicSocket } from "./gateway-quic.ts";
import { gatewayTlsSocket } from "./gateway-tls.ts";
import { exactBalance, listenOn, perSocketEvent, wildcardAddress } from "./listen-address.ts";
import { routeDestinations } from "./network-filters.ts";

export function gatewayListeners(input: GenerateInput, scope: ProxyScope, sink: ResourceSink): Listener[] {
  const merged = mergedGateway(input.ctx, input.view, input.viewId);
  const security = securityPolicies(input.ctx, input.view, "gateway");
  warnOfProblems(security, sink);
  return merged.listeners.flatMap((own): Listener[] => {
    const chains = chainsOf(input, scope, security, own);
    if (chains.length === 0) return [];
    const quic = quicChains(input, security, own);
    return [listener(input, own, chains), ...(quic.length > 0 ? [quicListener(input, own, quic)] : [])];
  });
}

function listener(input: GenerateInput, own: GatewayListener, chains: FilterChain[]): Listener {
  const { ctx, view } = input;
  const bind = own.bind || wildcardAddress(view);
  const accessLog = listenerAccessLogs(ctx, view, "gateway");
  const config = proxyConfigOf(ctx, view);
  const bufferLimit = listenerBufferLimit(config.connectionSettings ?? ctx.mesh.mesh.defaultConfig?.connectionSettings);
  const listenerFilters: ListenerFilter[] = [];
  if (config.gatewayTopology?.proxyProtocol) listenerFilters.push(proxyProtocol());
  if (chains.some((chain) => needsTlsInspector(chain) || chain.transportSocket)) listenerFilters.push(tlsInspector());
  return {
    name: `${bind}_${own.port}`,
    ...listenOn(input, bind, own.port),
    trafficDirection: OUTBOUND,
    filterChains: chains,
    ...(listenerFilters.length > 0 ? { listenerFilters } : {}),
    ...perSocketEvent(input),
    ...exactBalance(view.metadata.outboundExactBalance),
    ...(bufferLimit ? { perConnectionBufferLimitBytes: { value: bufferLimit } } : {}),
    ...(accessLog.length > 0 ? { accessLog } : {}),
  };
}

/** HTTP/3 beside the TLS of a listener. */
function quicListener(input: GenerateInput, own: GatewayListener, filterChains: FilterChain[]): Listener {
  const { ctx, view } = input;
  const accessLog = listenerAccessLogs(ctx, view, "gateway");
  return {
    ...listenForQuic(own.bind || wildcardAddress(view), own.port),
    trafficDirection: OUTBOUND,
    filterChains,
    ...perSocketEvent(input),
    ...(accessLog.length > 0 ? { accessLog } : {}),
  };
}

function quicChains(input: GenerateInput, security: SecurityPolicies, own: GatewayListener): FilterChain[] {
  const { ctx, view } = input;
  const chains = own.servers
    .filter((server) => offersHttp3(ctx, view, server))
    .map((server) => {
      const name = quicListenerName(own.bind || wildcardAddress(view), own.port);
      const filters = [manager(input, security, { name, extra: QUIC_MANAGER }, server)];
      const chain = chainOf(filters, { transportSocket: quicSocket(ctx, server.server.tls ?? {}) });
      return named(timed(input, chain), server);
    });
  return withoutClashes(chains, []);
}

/** The chain for the server's names. Envoy has no name for "every name": such a server takes all TLS. */
function named(chain: FilterChain, server: GatewayServer): FilterChain {
  const serverNames = sniNames(server.hosts.map((h) => h.host));
  return serverNames.length > 0 ? { ...chain, filterChainMatch: { serverNames } } : chain;
}

function chainsOf(
  input: GenerateInput,
  scope: ProxyScope,
  security: SecurityPolicies,
  own: GatewayListener,
): FilterChain[] {
  const first = own.servers[0]!;
  const at = { name: `${own.bind || wildcardAddress(input.view)}_${own.port}`, extra: {} };
  // Servers without TLS share one chain: routes tell their hosts apart.
  if (isHttp(first.protocol) && !endsTls(first.server))
    return [timed(input, chainOf([manager(input, security, at, first)]))];
  const ending: FilterChain[] = [];
  const chains = own.servers.flatMap((server) => {
    if (server.server.tls?.mode === "AUTO_PASSTHROUGH") {
      return autoPassthrough(input, scope, security, server).map((chain) => timed(input, chain));
    }
    if (!endsTls(server.server)) return l4Chains(input, scope, security, server);
    const http = server.protocol === "HTTPS";
    const socket = gatewayTlsSocket(input.ctx, server.server.tls ?? {}, {
      carries: http ? "http" : "tcp",
      peerExchange: speaksPeerExchange(input.ctx, input.view),
    });
    const exchange = server.server.tls?.mode === "ISTIO_MUTUAL" && !http ? metadataExchange(input) : [];
    const ended = http
      ? [[manager(input, security, at, server)]]
      : tcpDestinations(input, scope, server).map((filters) => [
          ...security.tcp.custom,
          ...security.tcp.authorization,
          ...filters,
        ]);
    const made = ended.map((filters) => {
      const chain = chainOf([...exchange, ...filters], { transportSocket: socket });
      return named(timed(input, chain), server);
    });
    ending.push(...made);
    return made;
  });
  return withoutClashes(chains, ending);
}

function timed(input: GenerateInput, chain: FilterChain): FilterChain {
  const ms = input.ctx.mesh.features.gatewayTransportSocketConnectTimeoutMs;
  return ms > 0 ? { ...chain, transportSocketConnectTimeout: durationMs(ms) } : chain;
}

function sniNames(hosts: readonly string[]): string[] {
  return hosts.includes("*") ? [] : [...new Set(hosts)].sort();
}

function metadataExchange({ ctx, view }: GenerateInput): NamedFilter[] {
  return view.istioFilters && ctx.mesh.features.metadataExchange ? [TCP_METADATA_EXCHANGE] : [];
}

function manager(
  input: GenerateInput,
  security: SecurityPolicies,
  at: { readonly name: string; readonly extra: ConnectionManager },
  server: GatewayServer,
): NamedFilter {
  const { ctx, view } = input;
  const topology = proxyConfigOf(ctx, view).gatewayTopology;
  const extra: ConnectionManager = {
    forwardClientCertDetails:
      CLIENT_CERTIFICATES[topology?.forwardClientCertDetails ?? "SANITIZE_SET"] ?? CLIENT_CERTIFICATES.SANITIZE_SET!,
    setCurrentClientCertDetails: { subject: { value: true }, cert: true, uri: true, dns: true },
    serverName: "istio-envoy",
    httpProtocolOptions: {},
    ...at.extra,
    ...(topology?.numTrustedProxies ? { xffNumTrustedHops: topology.numTrustedProxies } : {}),
  };
  return connectionManager(ctx, view, {
    direction: "gateway",
    statPrefix: `outbound_${at.name};`,
    httpFilters: httpFilters(ctx, view, {
      direction: "gateway",
      grpcWeb: server.protocol === "GRPC-Web",
      policies: security.http,
      extensions: httpExtensions(ctx, view, { mode: "CLIENT", port: server.serverPort }),
      stats: statsFilters(ctx, view, "gateway"),
    }),
    routes: { name: server.routeName },
    useRemoteAddress: true,
    extra,
  });
}

function servicePort(server: GatewayServer): ServicePort {
  return { name: server.server.port?.name ?? "", port: server.serverPort, protocol: server.protocol };
}

function boundServices(input: GenerateInput, server: GatewayServer): VirtualService[] {
  return virtualServicesFor(input.ctx, server.gateway, input.view.namespace).filter((vs) =>
    server.hosts.some(
      ({ namespace, host }) =>
        (namespace === "*" || namespace === vs.namespace) && vs.hosts.some((own) => hostsMatch(own, host)),
    ),
  );
}

/** The filters of each TCP route that may lead on from a server. */
function tcpDestinations(input: GenerateInput, scope: ProxyScope, server: GatewayServer): AnyFilter[][] {
  const port = servicePort(server);
  for (const vs of boundServices(input, server)) {
    for (const tcp of vs.spec.tcp ?? []) {
      const matches = tcp.match ?? [];
      const applies = (m: (typeof matches)[number]): boolean =>
        (!m.port || m.port === server.serverPort) && (!m.gateways?.length || m.gateways.includes(server.gateway));
      if (matches.length === 0 || matches.some(applies)) {
        return [routeDestinations(input, scope, tcp.route ?? [], port, vs)];
      }
    }
  }
  return [];
}

/** Plain TCP by port, and TLS that is passed through by its name. */
function l4Chains(
  input: GenerateInput,
  scope: ProxyScope,
  security: SecurityPolicies,
  server: GatewayServer,
): FilterChain[] {
  if (!server.server.tls) {
    return tcpDestinations(input, scope, server).map((filters) =>
      timed(input, chainOf([...security.tcp.custom, ...security.tcp.authorization, ...filters])),
    );
  }
  const port = servicePort(server);
  const out: FilterChain[] = [];
  for (const vs of boundServices(input, server)) {
    for (const tls of vs.spec.tls ?? []) {
      for (const match of tls.match ?? []) {
        if (match.port && match.port !== server.serverPort) continue;
        if (match.gateways?.length && !match.gateways.includes(server.gateway)) continue;
        const names = (match.sniHosts ?? []).filter((sni) => server.hosts.some((h) => isSubsetOf(sni, h.host)));
        if (names.length === 0) continue;
        const filterChainMatch: FilterChainMatch = {};
        const sni = sniNames(names);
        if (sni.length > 0) filterChainMatch.serverNames = sni;
        if (match.destinationSubnets?.length) {
          filterChainMatch.prefixRanges = match.destinationSubnets.map(prefixRange);
        }
        const filters = [
          ...security.tcp.custom,
          ...security.tcp.authorization,
          ...routeDestinations(input, scope, tls.route ?? [], port, vs),
        ];
        out.push(timed(input, chainOf(filters, { filterChainMatch })));
      }
    }
  }
  return out;
}
