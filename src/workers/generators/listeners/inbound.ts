// The listeners of a sidecar that take what comes to its application. Worker threads.
import type { envoy } from "../../../shared/gen/envoy.js";
import type { Networking_ServerTLSSettings } from "../../../shared/gen/istio.js";
import { isHttp2, type Protocol } from "../../../shared/model/service.ts";
import type { PushContext } from "../../context/push-context.ts";
import type { ResourceSink } from "../../encode/resource-sink.ts";
import { durationMs, parseDuration, struct } from "../../encode/values.ts";
import { type ConnectionManager, connectionManager } from "../../filters/connection-manager.ts";
import { type AnyFilter, httpExtensions, inOrder, networkExtensions } from "../../filters/extensions.ts";
import { httpFilters } from "../../filters/http-filters.ts";
import { networkPolicies } from "../../filters/network-policies.ts";
import { type NamedFilter, speaksPeerExchange, TCP_METADATA_EXCHANGE } from "../../filters/peer-metadata.ts";
import { type SecurityPolicies, securityPolicies, warnOfProblems } from "../../filters/security-policies.ts";
import { inboundStatName, passthroughStatName } from "../../filters/stat-name.ts";
import { tcpProxy, tcpTo } from "../../filters/tcp-proxy.ts";
import { statsFilters } from "../../filters/telemetry/metrics.ts";
import { meshServerTlsSocket } from "../../filters/tls-context.ts";
import { inboundRoute } from "../../routing/default-routes.ts";
import { type InboundPort, type IngressPort, inboundPorts } from "../../scope/inbound-ports.ts";
import { type MtlsMode, workloadMtls } from "../../scope/peer-authentication.ts";
import type { ProxyScope } from "../../scope/proxy-scope.ts";
import type { GenerateInput } from "../generator.ts";
import { chainOf, type FilterChain, type FilterChainMatch, PLAINTEXT_HTTP, plaintextHttp } from "./filter-chain.ts";
import { gatewayTlsSocket } from "./gateway-tls.ts";
import { type InboundMatch, inboundMatches, ownTlsMatches } from "./inbound-match.ts";
import { listenerName, wildcardAddress } from "./listen-address.ts";
import { protocolFilters } from "./network-filters.ts";

/** What one port's chains lead to. */
interface InboundTarget {
  /** TLS that the port's chains end, of the user's own. */
  readonly tls: Networking_ServerTLSSettings | undefined;
  /** Configuration that the chains come from, or "". */
  readonly config: string;
  /** Name of the chains. */
  readonly name: string;
  /** Name of HTTP chains, where it is another one. */
  readonly httpName: string;
  /** 0 where the chains are for all ports that have none of their own. */
  readonly port: number;
  readonly protocol: Protocol;
  readonly cluster: string;
  readonly tcpStatPrefix: string;
  readonly httpStatPrefix: string;
  readonly routeName: string;
  readonly virtualHost: string;
  readonly operation: string;
}

export const PASSTHROUGH_CLUSTER = "InboundPassthroughCluster";

/** A listener of its own, which a Sidecar's ingress with an address asks for. */
export interface BoundPort {
  readonly inbound: BoundInboundPort;
  readonly chains: readonly FilterChain[];
}

/** The port of a listener of its own. */
type BoundInboundPort = Pick<InboundPort, "targetPort"> & Pick<IngressPort, "bind">;

export interface InboundChains {
  /** Of the virtual inbound listener, without the one that keeps it from calling itself. */
  readonly chains: FilterChain[];
  readonly bound: readonly BoundPort[];
}

/** All inbound chains of a sidecar. */
export function inboundChains(input: GenerateInput, scope: ProxyScope, sink: ResourceSink): InboundChains {
  const { ctx, view } = input;
  const security = securityPolicies(ctx, view, "inbound");
  warnOfProblems(security, sink);
  const mtls = workloadMtls(ctx, view.namespace, view.labels);
  const modeOf = (port: number): MtlsMode => mtls.ports.get(port) ?? mtls.mode;
  const chains: FilterChain[] = [];
  const bound: BoundPort[] = [];
  const ports = inboundPorts(ctx, view, scope);
  chains.push(...chainsFor(input, security, passthroughTarget(ctx, 0), mtls.mode));
  // Ports with an mTLS mode of their own that no service has pass traffic on, too.
  for (const [port, mode] of [...mtls.ports].sort(([a], [b]) => a - b)) {
    if (!ports.some((p) => p.targetPort === port))
      chains.push(...chainsFor(input, security, passthroughTarget(ctx, port), mode));
  }
  for (const inbound of [...ports].sort((a, b) => a.targetPort - b.targetPort)) {
    const own = chainsFor(input, security, targetOf(input, scope, inbound), modeOf(inbound.targetPort));
    const { ingress, targetPort } = inbound;
    if (ingress?.bound) bound.push({ inbound: { bind: ingress.bind, targetPort }, chains: own });
    else chains.push(...own);
  }
  return { chains, bound };
}

function passthroughTarget(ctx: PushContext, port: number): InboundTarget {
  return {
    tls: undefined,
    config: "",
    name: "virtualInbound",
    httpName: "virtualInbound-catchall-http",
    port,
    protocol: "Unsupported",
    cluster: PASSTHROUGH_CLUSTER,
    tcpStatPrefix: passthroughStatName(ctx) ?? PASSTHROUGH_CLUSTER,
    httpStatPrefix: `${PASSTHROUGH_CLUSTER};`,
    routeName: PASSTHROUGH_CLUSTER,
    virtualHost: "inbound|http|0",
    operation: ":0/*",
  };
}

function targetOf({ ctx, view }: GenerateInput, scope: ProxyScope, inbound: InboundPort): InboundTarget {
  const { ingress, port, targetPort, host } = inbound;
  const name = listenerName(ingress?.bind ?? wildcardAddress(view), targetPort);
  return {
    tls: ingress?.tls,
    config: ingress?.config ?? "",
    name,
    httpName: name,
    port: targetPort,
    protocol: port.protocol,
    cluster: inbound.clusterName,
    tcpStatPrefix: inboundStatName(ctx, scope, inbound) ?? inbound.clusterName,
    httpStatPrefix: `inbound_${name};`,
    routeName: inbound.clusterName,
    virtualHost: `inbound|http|${port.port}`,
    operation: `${host}:${port.port}/*`,
  };
}

function chainsFor(
  input: GenerateInput,
  security: SecurityPolicies,
  target: InboundTarget,
  mode: MtlsMode,
): FilterChain[] {
  const { ctx, view } = input;
  // TLS of the user's own, and of the mesh, don't go together.
  const tls = mode === "DISABLE" ? target.tls : undefined;
  return (tls ? ownTlsMatches(target.protocol) : inboundMatches(target.protocol, mode)).map((match) => {
    const filterChainMatch: FilterChainMatch = {};
    if (target.port !== 0) filterChainMatch.destinationPort = { value: target.port };
    if (match.applicationProtocols) {
      const plain = match.applicationProtocols === PLAINTEXT_HTTP;
      filterChainMatch.applicationProtocols = plain
        ? plaintextHttp(ctx.mesh.features)
        : [...match.applicationProtocols];
    }
    if (match.transportProtocol) filterChainMatch.transportProtocol = match.transportProtocol;
    const chain: FilterChain = {
      name: match.http ? target.httpName : target.name,
      filterChainMatch,
    };
    if (target.config !== "") {
      chain.metadata = { filterMetadata: { istio: struct({ config: target.config }) } };
    }
    if (tls)
      chain.transportSocket = gatewayTlsSocket(ctx, tls, {
        carries: "tcp",
        peerExchange: speaksPeerExchange(ctx, view),
      });
    else if (match.endsTls) chain.transportSocket = tlsSocket(input, match);
    const filters = match.http ? httpFilterChain(input, security, target) : tcpFilterChain(input, security, target);
    return chainOf(filters, chain);
  });
}

function tlsSocket({ ctx, view }: GenerateInput, match: InboundMatch): envoy.config.core.v3.ITransportSocket {
  const { mesh } = ctx.mesh;
  const domains = [mesh.trustDomain ?? "cluster.local", ...(mesh.trustDomainAliases ?? [])];
  return meshServerTlsSocket({
    http: match.http,
    trustDomains: ctx.mesh.features.skipValidateTrustDomain ? [] : domains,
    metadata: view.metadata,
    peerExchange: speaksPeerExchange(ctx, view),
    ...(mesh.meshMTLS?.minProtocolVersion === "TLSV1_3" ? { minVersion: 4 } : {}),
    ...(mesh.meshMTLS?.cipherSuites?.length ? { ciphers: mesh.meshMTLS.cipherSuites } : {}),
  });
}

function metadataExchange({ ctx, view }: GenerateInput): NamedFilter[] {
  return view.istioFilters && ctx.mesh.features.metadataExchange ? [TCP_METADATA_EXCHANGE] : [];
}

function tcpFilterChain(input: GenerateInput, security: SecurityPolicies, target: InboundTarget): AnyFilter[] {
  const { ctx, view } = input;
  const policies = networkPolicies(ctx, view, "inbound");
  const extensions = networkExtensions(ctx, view, { mode: "SERVER", port: target.port });
  const proxy = tcpProxy({ statPrefix: target.tcpStatPrefix, cluster: target.cluster, ...policies.tcpProxy });
  return [
    ...metadataExchange(input),
    ...security.tcp.custom,
    ...(extensions ? [...extensions.AUTHN, ...extensions.AUTHZ] : []),
    ...security.tcp.authorization,
    ...(extensions ? [...extensions.STATS, ...extensions.UNSPECIFIED] : []),
    ...policies.filters,
    ...protocolFilters(ctx, target.protocol, target.tcpStatPrefix, target.cluster, proxy, view.istioFilters),
  ];
}

const APPEND_FORWARD = 2;

function httpFilterChain(input: GenerateInput, security: SecurityPolicies, target: InboundTarget): AnyFilter[] {
  const { ctx, view } = input;
  const http2 = isHttp2(target.protocol);
  const extra: ConnectionManager = {
    forwardClientCertDetails: APPEND_FORWARD,
    setCurrentClientCertDetails: { subject: { value: true }, uri: true, dns: true },
    serverName: "istio-envoy",
    ...(http2 ? { http2ProtocolOptions: {} } : {}),
  };
  const manager = connectionManager(ctx, view, {
    direction: "inbound",
    statPrefix: target.httpStatPrefix,
    httpFilters: httpFilters(ctx, view, {
      direction: "inbound",
      grpcWeb: target.protocol === "GRPC-Web",
      policies: security.http,
      extensions: httpExtensions(ctx, view, { mode: "SERVER", port: target.port }),
      stats: statsFilters(ctx, view, "inbound"),
    }),
    routes: {
      config: {
        name: target.routeName,
        validateClusters: { value: false },
        virtualHosts: [
          {
            name: target.virtualHost,
            domains: ["*"],
            routes: [
              inboundRoute(target.cluster, target.operation, {
                retries: ctx.mesh.mesh.defaultInboundHttpRetryPolicy,
                // A stream that ends is not tried again: gRPC clients do that themselves.
                enabled: !http2,
              }),
            ],
          },
        ],
      },
    },
    useRemoteAddress: false,
    extra,
  });
  const extensions = networkExtensions(ctx, view, { mode: "SERVER", port: target.port });
  return [...metadataExchange(input), ...inOrder(extensions), manager];
}

/** The chain that ends calls of the listener to itself. */
export function blackHoleChain(input: GenerateInput, port: number): FilterChain {
  const { filters } = networkPolicies(input.ctx, input.view, "inbound");
  return chainOf([...metadataExchange(input), ...filters, tcpTo("BlackHoleCluster")], {
    name: "virtualInbound-blackhole",
    filterChainMatch: { destinationPort: { value: port } },
  });
}

export function detectionTimeout(input: GenerateInput): ReturnType<typeof durationMs> {
  return parseDuration(input.ctx.mesh.mesh.protocolDetectionTimeout) ?? durationMs(0);
}
