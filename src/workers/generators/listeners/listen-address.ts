// Where listeners listen, and how many connections they take at once. Worker threads, pure.
import type { envoy } from "../../../shared/gen/envoy.js";
import type { GenerateInput } from "../generator.ts";
import type { Listener } from "./filter-chain.ts";
import { wildcardAddress } from "./outbound.ts";

function socketAddress(address: string, port: number): envoy.config.core.v3.IAddress {
  return { socketAddress: { address, portValue: port } };
}

/** The address to listen on, and for all of a dual-stack proxy's addresses also the other family's. */
export function listenOn({ ctx, view }: GenerateInput, bind: string, port: number): Listener {
  const { ipv4, ipv6 } = view.ipFamilies;
  const both = ipv4 && ipv6 && ctx.mesh.features.dualStack && bind === wildcardAddress(view);
  return {
    address: socketAddress(bind, port),
    ...(both ? { additionalAddresses: [{ address: socketAddress("::", port) }] } : {}),
  };
}

/** Connections that one turn of the event loop takes, so that a burst doesn't hold up the others. */
export function perSocketEvent({ ctx }: GenerateInput): Listener {
  const n = ctx.mesh.features.maxConnectionsPerSocketEventLoop;
  return n > 0 ? { maxConnectionsToAcceptPerSocketEvent: { value: n } } : {};
}
