// Where listeners listen, and how many connections they take at once. Worker threads, pure.
import type { ProxyView } from "../../../shared/model/view.ts";
import { envoyAddress } from "../../endpoints/lb-endpoint.ts";
import type { GenerateInput } from "../generator.ts";
import type { Listener } from "./filter-chain.ts";

/** The address that stands for all addresses of a proxy. */
export function wildcardAddress(view: ProxyView): string {
  return view.ipFamilies.ipv4 ? "0.0.0.0" : "::";
}

/** The address that only the proxy's own host has. */
export function loopbackAddress(view: ProxyView): string {
  return view.ipFamilies.ipv4 ? "127.0.0.1" : "::1";
}

/** Name of a listener: of a Unix socket its path. */
export function listenerName(bind: string, port: number): string {
  return port === 0 ? bind : `${bind}_${port}`;
}

/**
 * The address or Unix socket to listen on, and for all of a dual-stack proxy's addresses also the other family's. `always`
 * where that is so whether or not the mesh has dual stack on.
 */
export function listenOn({ ctx, view }: GenerateInput, bind: string, port: number, always = false): Listener {
  const { ipv4, ipv6 } = view.ipFamilies;
  const both = ipv4 && ipv6 && (always || ctx.mesh.features.dualStack) && bind === wildcardAddress(view);
  return {
    address: envoyAddress(bind, port),
    ...(both ? { additionalAddresses: [{ address: envoyAddress("::", port) }] } : {}),
  };
}

/** Connections spread evenly over the proxy's threads, where its metadata asks for it. TCP only. */
export function exactBalance(asked: boolean): Listener {
  return asked ? { connectionBalanceConfig: { exactBalance: {} } } : {};
}

/** Connections that one turn of the event loop takes, so that a burst doesn't hold up the others. */
export function perSocketEvent({ ctx }: GenerateInput): Listener {
  const n = ctx.mesh.features.maxConnectionsPerSocketEventLoop;
  return n > 0 ? { maxConnectionsToAcceptPerSocketEvent: { value: n } } : {};
}
