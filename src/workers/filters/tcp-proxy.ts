// TCP proxy filters. Worker threads, pure.
import { envoy } from "../../shared/gen/envoy.js";
import { any } from "../encode/values.ts";
import type { NamedFilter } from "./peer-metadata.ts";

export type TcpProxy = envoy.extensions.filters.network.tcp_proxy.v3.ITcpProxy;

const { TcpProxy: TcpProxyCodec } = envoy.extensions.filters.network.tcp_proxy.v3;

/** The network filter. */
export function tcpProxy(config: TcpProxy): NamedFilter {
  return {
    name: "envoy.filters.network.tcp_proxy",
    typedConfig: any("envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy", TcpProxyCodec, config),
  };
}

/** Everything to one cluster, counted under its name. */
export function tcpTo(cluster: string, more: TcpProxy = {}): NamedFilter {
  return tcpProxy({ statPrefix: cluster, cluster, ...more });
}
