// A sidecar's outbound listeners, those that it shares with others apart from its own, and the former by slices of hosts.
// Worker threads.
import { canonicalJson } from "../../../shared/canonical-json.ts";
import type { ServiceRecord } from "../../../shared/model/service.ts";
import { type Cuts, type HostSlice, itemsInSlice, sliceOf } from "../../../shared/names/host-slice.ts";
import type { PushContext } from "../../context/push-context.ts";
import { networkExtensionsKey } from "../../filters/extensions.ts";
import { networkTelemetry } from "../../filters/telemetry/network-telemetry.ts";
import { capturesNothing } from "../../scope/capture.ts";
import { type ProxyScope, SCOPE_DEPENDENCIES } from "../../scope/proxy-scope.ts";
import type { GenerateInput } from "../generator.ts";
import { listenerName } from "./listen-address.ts";
import { isPlain, listenerChainMaker } from "./listener-chains.ts";
import { type OutboundListener, outboundListeners } from "./outbound.ts";
import type { TcpChain } from "./tcp-chains.ts";

export interface SortedListeners {
  /**
   * Those with a single TCP chain: all of them, or a slice, to which they belong by the host whose DestinationRule has a say
   * in that chain.
   */
  plain(slice: HostSlice | undefined): readonly OutboundListener[];
  /** Those with a single TCP chain that have one of the names. */
  plainNamed(names: readonly string[]): readonly OutboundListener[];
  /** All others. */
  readonly others: readonly OutboundListener[];
}

/** DestinationRules have no say in which listeners there are, nor in their chains' matches. */
const DEPENDENCIES = SCOPE_DEPENDENCIES.filter((d) => d !== "DestinationRule");

/** The outbound listeners of all that see the same; worked out once for each snapshot that changes them. */
export function sortedListeners(input: GenerateInput, scope: ProxyScope): SortedListeners {
  const { ctx, view } = input;
  const { dnsCapture, unprivilegedPod, statusPort, prometheusPort, idleTimeout } = view.metadata;
  const { headless, byLabels } = facts(ctx, scope);
  const key = canonicalJson([
    view.istioFilters,
    view.ipFamilies,
    dnsCapture,
    capturesNothing(view),
    unprivilegedPod,
    [statusPort, prometheusPort],
    idleTimeout,
    networkTelemetry(ctx, view, "outbound").id,
    view.addresses,
    // Routes by label are part of chains.
    byLabels ? view.labels : {},
    headless.map((s) => ctx.endpointsVersion(s)),
    networkExtensionsKey(ctx, view),
  ]);
  return ctx.derive(`listeners/${scope.key}|${key}`, DEPENDENCIES, () => answers(sort(input, scope)));
}

/** What of a scope says on which facts of a view its listeners depend. */
interface ScopeFacts {
  /** Services that are reached at their endpoints. */
  readonly headless: readonly ServiceRecord[];
  /** True when a TCP or TLS route is only for some workloads. */
  readonly byLabels: boolean;
}

function facts(ctx: PushContext, scope: ProxyScope): ScopeFacts {
  return ctx.derive(`listeners/facts/${scope.key}`, DEPENDENCIES, () => {
    // Listeners stand for every service that is seen, also for those whose host another one has.
    const headless = scope.egress.flatMap(({ services }) =>
      services.filter((s) => s.resolution === "passthrough" && s.addresses.length === 0),
    );
    const byLabels = scope.egress.some(({ virtualServices }) =>
      virtualServices.some(({ spec }) => spec.tcp?.some(asksForLabels) || spec.tls?.some(asksForLabels)),
    );
    return { headless: [...new Set(headless)], byLabels };
  });
}

function asksForLabels({ match }: { readonly match?: readonly { readonly sourceLabels?: object }[] }): boolean {
  return match?.some((m) => m.sourceLabels) ?? false;
}

interface Sorted {
  readonly plain: readonly OutboundListener[];
  /** For each of them, the host whose rule has a say in its one chain. */
  readonly hosts: readonly string[];
  readonly others: readonly OutboundListener[];
}

function sort(input: GenerateInput, scope: ProxyScope): Sorted {
  const chainsOf = listenerChainMaker(input, scope);
  const plain: OutboundListener[] = [];
  const hosts: string[] = [];
  const others: OutboundListener[] = [];
  for (const own of outboundListeners(input, scope)) {
    const chains = (): readonly TcpChain[] => chainsOf(own);
    if (isPlain(own, chains)) {
      plain.push(own);
      hosts.push(ruledBy(own, chains));
    } else others.push(own);
  }
  return { plain, hosts, others };
}

/** Holds the lists alone: what they were made from is of one version, and they may last for many. */
function answers(lists: Sorted): SortedListeners {
  const { plain, hosts, others } = lists;
  const cuts: Cuts<number> = new Map();
  let byName: ReadonlyMap<string, OutboundListener> | undefined;
  return {
    others,
    plain(slice) {
      if (!slice) return plain;
      const places = itemsInSlice(cuts, plain.keys(), slice, (place) => sliceOf(hosts[place]!, slice.of));
      return places.map((place) => plain[place]!);
    },
    plainNamed(names) {
      byName ??= new Map(plain.map((own) => [listenerName(own.bind, own.port), own]));
      return names.flatMap((name) => byName!.get(name) ?? []);
    },
  };
}

function ruledBy({ tcp }: OutboundListener, chains: () => readonly TcpChain[]): string {
  const first = tcp[0]!;
  return first.routes.length === 0 ? first.service.hostname : chains()[0]!.host;
}
