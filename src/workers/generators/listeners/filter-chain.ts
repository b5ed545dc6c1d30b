// Filter chains before they are put together: what matches, what follows. Worker threads, pure.
import { envoy } from "../../../shared/gen/envoy.js";
import { any } from "../../encode/values.ts";
import type { AnyFilter } from "../../filters/extensions.ts";

export type Listener = envoy.config.listener.v3.IListener;
export type FilterChain = envoy.config.listener.v3.IFilterChain;
export type FilterChainMatch = envoy.config.listener.v3.IFilterChainMatch;
export type ListenerFilter = envoy.config.listener.v3.IListenerFilter;

const { HttpInspector } = envoy.extensions.filters.listener.http_inspector.v3;
const { TlsInspector } = envoy.extensions.filters.listener.tls_inspector.v3;
const { ProxyProtocol } = envoy.extensions.filters.listener.proxy_protocol.v3;
const { OriginalDst } = envoy.extensions.filters.listener.original_dst.v3;
const { OriginalSrc } = envoy.extensions.filters.listener.original_src.v3;

export const INBOUND = 1;
export const OUTBOUND = 2;

/** What the HTTP inspector says of plain HTTP that is served. */
export const PLAINTEXT_HTTP = ["http/1.1", "h2c"];

/** The same where the mesh's features let HTTP/1.0 in. */
export function plaintextHttp({ http10 }: { readonly http10: boolean }): string[] {
  return http10 ? ["http/1.0", ...PLAINTEXT_HTTP] : [...PLAINTEXT_HTTP];
}

export const RAW_BUFFER = "raw_buffer";
export const TLS = "tls";

/** Bytes that are read at first; a longer ClientHello makes the buffer grow. */
const TLS_INSPECTOR_BUFFER = 512;

export function tlsInspector(): ListenerFilter {
  return {
    name: "envoy.filters.listener.tls_inspector",
    typedConfig: any("envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector", TlsInspector, {
      initialReadBufferSize: { value: TLS_INSPECTOR_BUFFER },
    }),
  };
}

export function httpInspector(): ListenerFilter {
  return {
    name: "envoy.filters.listener.http_inspector",
    typedConfig: any("envoy.extensions.filters.listener.http_inspector.v3.HttpInspector", HttpInspector, {}),
  };
}

export function proxyProtocol(): ListenerFilter {
  return {
    name: "envoy.filters.listener.proxy_protocol",
    typedConfig: any("envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol", ProxyProtocol, {}),
  };
}

export function originalDst(): ListenerFilter {
  return {
    name: "envoy.filters.listener.original_dst",
    typedConfig: any("envoy.extensions.filters.listener.original_dst.v3.OriginalDst", OriginalDst, {}),
  };
}

/** The mark of the proxy's own packets, which iptables let pass: sidecars that keep the client's address set it. */
const PROXY_MARK = 1337;

/** Keeps the client's address on the way to the application. */
export function originalSrc(): ListenerFilter {
  return {
    name: "envoy.filters.listener.original_src",
    typedConfig: any("envoy.extensions.filters.listener.original_src.v3.OriginalSrc", OriginalSrc, {
      mark: PROXY_MARK,
    }),
  };
}

/** True when a chain takes whatever no other one does. */
export function matchesAll(chain: FilterChain): boolean {
  const m = chain.filterChainMatch;
  return (
    !m ||
    (!m.destinationPort &&
      !m.prefixRanges?.length &&
      !m.serverNames?.length &&
      !m.applicationProtocols?.length &&
      !m.transportProtocol &&
      !m.sourcePrefixRanges?.length)
  );
}

/** True when the chain can only be found by looking at TLS's first message. */
export function needsTlsInspector(chain: FilterChain): boolean {
  const m = chain.filterChainMatch;
  return !!m && (m.transportProtocol === TLS || (m.serverNames?.length ?? 0) > 0);
}

/** True when the chain can only be found by looking whether HTTP comes. */
export function needsHttpInspector(chain: FilterChain): boolean {
  return chain.filterChainMatch?.applicationProtocols?.includes("h2c") ?? false;
}

/** Filters of a chain in a list that the codec may keep. */
export function chainOf(filters: readonly AnyFilter[], more: FilterChain = {}): FilterChain {
  return { ...more, filters: [...filters] };
}
