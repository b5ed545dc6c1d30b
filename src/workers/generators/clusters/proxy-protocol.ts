// PROXY protocol towards servers: tells them the client's address before anything else. Worker threads, pure.
// https://istio.io/latest/docs/reference/config/networking/destination-rule/#TrafficPolicy-ProxyProtocol
import { envoy } from "../../../shared/gen/envoy.js";
import type { Networking_TrafficPolicy } from "../../../shared/gen/istio.js";
import { any } from "../../encode/values.ts";
import { RAW_BUFFER_SOCKET } from "../../filters/tls-context.ts";
import type { Cluster } from "./cluster-base.ts";

type TransportSocket = envoy.config.core.v3.ITransportSocket;

const { ProxyProtocolUpstreamTransport } = envoy.extensions.transport_sockets.proxy_protocol.v3;

const V1 = 0;
const V2 = 1;

/** Wraps the cluster's sockets, whatever they are. */
export function applyProxyProtocol(cluster: Cluster, setting: Networking_TrafficPolicy["proxyProtocol"]): void {
  if (!setting) return;
  const version = setting.version === "V2" ? V2 : V1;
  const wrap = (inner: TransportSocket): TransportSocket => ({
    name: "envoy.transport_sockets.upstream_proxy_protocol",
    typedConfig: any(
      "envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport",
      ProxyProtocolUpstreamTransport,
      { config: { version }, transportSocket: inner },
    ),
  });
  if (cluster.transportSocketMatches?.length) {
    cluster.transportSocketMatches = cluster.transportSocketMatches.map((m) => ({
      ...m,
      ...(m.transportSocket ? { transportSocket: wrap(m.transportSocket) } : {}),
    }));
    return;
  }
  cluster.transportSocket = wrap(cluster.transportSocket ?? { ...RAW_BUFFER_SOCKET, name: "raw_buffer" });
}
