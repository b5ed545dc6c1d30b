// What policies and telemetry add to network filter chains. Worker threads.
import type { ProxyView } from "../../shared/model/view.ts";
import type { PushContext } from "../context/push-context.ts";
import { parseDuration } from "../encode/values.ts";
import type { NamedFilter } from "./peer-metadata.ts";
import type { TcpProxy } from "./tcp-proxy.ts";
import type { Direction } from "./telemetry/modes.ts";
import { networkTelemetry } from "./telemetry/network-telemetry.ts";

export interface NetworkPolicies {
  /** Before the filter that ends the chain. */
  readonly filters: readonly NamedFilter[];
  /** Settings of a TCP proxy that ends it. */
  readonly tcpProxy: TcpProxy;
}

/** Telemetry of a TCP chain, and how long its connections may be idle. */
export function networkPolicies(ctx: PushContext, view: ProxyView, direction: Direction): NetworkPolicies {
  const { filters, accessLog } = networkTelemetry(ctx, view, direction);
  const idleTimeout = parseDuration(view.metadata.idleTimeout);
  return {
    filters,
    tcpProxy: {
      ...(accessLog.length > 0 ? { accessLog: [...accessLog] } : {}),
      ...(idleTimeout ? { idleTimeout } : {}),
    },
  };
}
