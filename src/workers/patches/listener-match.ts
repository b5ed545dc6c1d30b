// Which listeners, chains and filters a patch is about. Worker threads, pure.
import type { Message } from "./message-types.ts";
import type { Patch } from "./selected-patches.ts";

/** The two listeners that traffic comes to by way of iptables: their chains stand for ports. */
function isVirtual(listener: Message): boolean {
  return listener.name === "virtualInbound" || listener.name === "virtualOutbound";
}

export function listenerMatches(listener: Message, { match, applyTo }: Patch): boolean {
  const { name = "", portNumber = 0 } = match.listener ?? {};
  if (name !== "" && name !== listener.name) return false;
  // Inside of these, the port is the chain's.
  if (applyTo !== "LISTENER" && isVirtual(listener)) return true;
  return portNumber === 0 || portNumber === portOf(listener);
}

function portOf({ address }: Message): number | undefined {
  const socket = (address as { socketAddress?: { portValue?: number } } | undefined)?.socketAddress;
  return socket && (socket.portValue ?? 0);
}

interface ChainMatch {
  readonly destinationPort?: { readonly value?: number };
  readonly serverNames?: readonly string[];
  readonly transportProtocol?: string;
  readonly applicationProtocols?: readonly string[];
}

/** For a chain of a listener that matches. */
export function chainMatches(listener: Message, chain: Message, { match }: Patch): boolean {
  const own = (chain.filterChainMatch ?? {}) as ChainMatch;
  const portNumber = match.listener?.portNumber ?? 0;
  const port = own.destinationPort && (own.destinationPort.value ?? 0);
  if (isVirtual(listener) && portNumber !== 0 && (port ?? 0) !== portNumber) return false;
  const {
    name = "",
    sni = "",
    transportProtocol = "",
    applicationProtocols = "",
    destinationPort = 0,
  } = match.listener?.filterChain ?? {};
  if (name !== "" && name !== chain.name) return false;
  if (sni !== "" && !own.serverNames?.includes(sni)) return false;
  if (transportProtocol !== "" && transportProtocol !== own.transportProtocol) return false;
  if (applicationProtocols !== "") {
    const wanted = applicationProtocols.split(",");
    if (!wanted.every((protocol) => own.applicationProtocols?.includes(protocol))) return false;
  }
  return destinationPort === 0 || destinationPort === port;
}

/** The network filter that a patch is about, or "" where it is about any. */
export function filterName({ match }: Patch): string {
  return match.listener?.filterChain?.filter?.name ?? "";
}

/** The HTTP filter that a patch is about, or "" where it is about any. */
export function subFilterName({ match }: Patch): string {
  return match.listener?.filterChain?.filter?.subFilter?.name ?? "";
}

export function networkFilterMatches(filter: Message, patch: Patch): boolean {
  const name = filterName(patch);
  return name === "" || name === filter.name;
}
