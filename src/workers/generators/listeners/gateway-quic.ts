// What differs in a router's listener for HTTP/3 from the one for TCP beside it. Worker threads, pure.
// https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/http/http3
import { envoy } from "../../../shared/gen/envoy.js";
import type { Networking_ServerTLSSettings } from "../../../shared/gen/istio.js";
import type { PushContext } from "../../context/push-context.ts";
import { any } from "../../encode/values.ts";
import type { ConnectionManager } from "../../filters/connection-manager.ts";
import type { Listener } from "./filter-chain.ts";
import { gatewayTlsContext } from "./gateway-tls.ts";

const { QuicDownstreamTransport } = envoy.extensions.transport_sockets.quic.v3;

const UDP = 1;
const HTTP3_CODEC = 3;

/** Name of the listener at an address, which a TCP listener has, too. */
export function quicListenerName(bind: string, port: number): string {
  return `udp_${bind}_${port}`;
}

/** The fields by which a listener takes QUIC. Balancing connections and buffer limits are of TCP. */
export function listenForQuic(bind: string, port: number): Listener {
  return {
    name: quicListenerName(bind, port),
    address: { socketAddress: { address: bind, portValue: port, protocol: UDP } },
    udpListenerConfig: { quicOptions: {}, downstreamSocketConfig: {} },
  };
}

/** The connection manager's fields. */
export const QUIC_MANAGER: ConnectionManager = { codecType: HTTP3_CODEC, http3ProtocolOptions: {} };

/** TLS of QUIC. Envoy has no client certificates there: it would refuse a listener that asks for them. */
export function quicSocket(ctx: PushContext, tls: Networking_ServerTLSSettings): envoy.config.core.v3.ITransportSocket {
  const downstreamTlsContext = {
    ...gatewayTlsContext(ctx, tls, { carries: "http3", peerExchange: false }),
    requireClientCertificate: { value: false },
  };
  return {
    name: "envoy.transport_sockets.quic",
    typedConfig: any("envoy.extensions.transport_sockets.quic.v3.QuicDownstreamTransport", QuicDownstreamTransport, {
      downstreamTlsContext,
    }),
  };
}
