// The TCP chains of outbound listeners, made when somebody asks for them. Worker threads.
import type { ProxyScope } from "../../scope/proxy-scope.ts";
import type { GenerateInput } from "../generator.ts";
import type { FilterChainMatch } from "./filter-chain.ts";
import type { OutboundListener } from "./outbound.ts";
import { soleMatch, type TcpChain, type TcpTarget, tcpChainMaker } from "./tcp-chains.ts";

/** Chains of listeners with several targets, or routed ones: all that have the scope ask for them. */
const made = new WeakMap<ProxyScope, Map<OutboundListener, readonly TcpChain[]>>();

/** Makes listeners' chains for TCP, each match once; none for listeners that have none. */
export function listenerChainMaker(
  input: GenerateInput,
  scope: ProxyScope,
): (listener: OutboundListener) => readonly TcpChain[] {
  const chainsOf = tcpChainMaker(input, scope);
  const known = made.get(scope) ?? new Map<OutboundListener, readonly TcpChain[]>();
  made.set(scope, known);
  return (listener) => {
    const { tcp } = listener;
    // These are kept by service.
    if (tcp.length === 1 && tcp[0]!.routes.length === 0) return chainsOf(tcp[0]!);
    let chains = known.get(listener);
    if (!chains) {
      chains = merged(tcp, chainsOf);
      known.set(listener, chains);
    }
    return chains;
  };
}

/** Chains with a match that is taken are left out: the older service keeps the address. */
function merged(
  targets: readonly TcpTarget[],
  chainsOf: (target: TcpTarget) => readonly TcpChain[],
): readonly TcpChain[] {
  const out = new Map<string, TcpChain>();
  for (const target of targets) {
    if (target.routes.length === 0 && out.has(matchKey(soleMatch(target)))) continue;
    for (const own of chainsOf(target)) {
      const key = matchKey(own.chain.filterChainMatch);
      if (!out.has(key)) out.set(key, own);
    }
  }
  return [...out.values()];
}

function matchKey(match: FilterChainMatch | null | undefined): string {
  return JSON.stringify(match ?? {});
}

/** True for a listener that has a single chain, for TCP. Most of them are known without making any. */
export function isPlain({ http, tcp }: OutboundListener, chains: () => readonly TcpChain[]): boolean {
  if (http) return false;
  if (tcp.length === 1 && tcp[0]!.routes.length === 0) return true;
  const matches = new Set<string>();
  let routed = false;
  for (const target of tcp) {
    if (target.routes.length > 0) routed = true;
    else if (matches.add(matchKey(soleMatch(target))).size > 1) return false;
  }
  return !routed || chains().length === 1;
}
