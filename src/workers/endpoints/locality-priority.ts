// Locality load balancing: weights by distribution, or priorities by fail-over. Worker threads, pure.
// https://istio.io/latest/docs/tasks/traffic-management/locality-load-balancing/
import type { Networking_LocalityLoadBalancerSetting } from "../../shared/gen/istio.js";
import type { Locality } from "../../shared/model/proxy.ts";
import type { EndpointRecord } from "../../shared/model/service.ts";
import type { ProxyView, ViewMetadata } from "../../shared/model/view.ts";
import type { ResolvedPolicy } from "../scope/traffic-policy.ts";
import { type LocalityEndpoints, type LocalityGroup, localityEndpoints } from "./cluster-endpoints.ts";
import type { LbEndpointOptions } from "./lb-endpoint.ts";

/** What of a client decides which endpoints are near. */
export interface LocalityView extends Pick<ProxyView, "locality" | "labels"> {
  readonly metadata: Pick<ViewMetadata, "network" | "clusterId">;
}

/**
 * The groups as a client gets them. Distribution goes before fail-over; fail-over needs outlier detection, without which
 * Envoy would never leave a priority. A client without a locality gets no fail-over by locality.
 */
export function localEndpoints(
  groups: readonly LocalityGroup[],
  options: LbEndpointOptions,
  setting: Networking_LocalityLoadBalancerSetting | undefined,
  policy: ResolvedPolicy,
  view: LocalityView,
): LocalityEndpoints[] {
  if (!setting) return localityEndpoints(groups, options);
  const client = view.locality;
  if (setting.distribute?.length) {
    return client.region === ""
      ? localityEndpoints(groups, options)
      : distribute(localityEndpoints(groups, options), setting.distribute, client);
  }
  if (!policy.outlierDetection) return localityEndpoints(groups, options);
  if (setting.failoverPriority?.length) return byLabels(groups, options, setting.failoverPriority, view);
  if (client.region === "") return localityEndpoints(groups, options);
  const byZone = !policy.loadBalancer?.zoneAwareLbSetting?.enabled;
  return failOver(localityEndpoints(groups, options), setting.failover ?? [], client, byZone);
}

function distribute(
  localities: LocalityEndpoints[],
  rules: NonNullable<Networking_LocalityLoadBalancerSetting["distribute"]>,
  client: Locality,
): LocalityEndpoints[] {
  const rule = rules.find((r) => covers(r.from ?? "", client));
  if (!rule) return localities;
  const taken = new Set<LocalityEndpoints>();
  // More specific targets take their localities before wildcards.
  const targets = Object.entries(rule.to ?? {}).sort(([a], [b]) => (a < b ? 1 : -1));
  for (const [to, weight] of targets) {
    const matching = localities.filter((l) => !taken.has(l) && covers(to, toLocality(l)));
    const total = matching.reduce((sum, l) => sum + (l.loadBalancingWeight?.value ?? 0), 0);
    for (const l of matching) {
      taken.add(l);
      const share = total === 0 ? 0 : ((l.loadBalancingWeight?.value ?? 0) * weight) / total;
      l.loadBalancingWeight = { value: Math.max(1, Math.ceil(share)) };
    }
  }
  // What no target names stays, without hosts, and gets no traffic.
  return localities.map((l) => (taken.has(l) ? l : { ...l, lbEndpoints: [] }));
}

function failOver(
  localities: LocalityEndpoints[],
  rules: NonNullable<Networking_LocalityLoadBalancerSetting["failover"]>,
  client: Locality,
  byZone: boolean,
): LocalityEndpoints[] {
  const rule = rules.find((r) => r.from === client.region);
  const rank = (l: Locality): number => {
    if (l.region !== client.region) return rule === undefined || rule.to === l.region ? 3 : 4;
    // Zone awareness is Envoy's own business: the whole region is one priority.
    if (!byZone) return 0;
    if (l.zone !== client.zone) return 2;
    return l.subZone === client.subZone ? 0 : 1;
  };
  return ranked(localities, (l) => rank(toLocality(l)));
}

/**
 * Priorities by how many of the labels, from the first on, an endpoint has alike with the client
 * (https://istio.io/latest/docs/reference/config/networking/destination-rule/#LocalityLoadBalancerSetting).
 */
function byLabels(
  groups: readonly LocalityGroup[],
  options: LbEndpointOptions,
  priorities: readonly string[],
  view: LocalityView,
): LocalityEndpoints[] {
  const rank = (ep: EndpointRecord): number => {
    const matched = priorities.findIndex((priority) => {
      const [label = "", value] = priority.split("=");
      return endpointLabel(ep, label) !== (value ?? clientLabel(view, label));
    });
    return matched < 0 ? 0 : priorities.length - matched;
  };
  const split: { rank: number; locality: LocalityEndpoints }[] = [];
  for (const { locality, records } of groups) {
    const byRank = new Map<number, EndpointRecord[]>();
    for (const ep of records) {
      const list = byRank.get(rank(ep));
      if (list) list.push(ep);
      else byRank.set(rank(ep), [ep]);
    }
    for (const [r, list] of byRank) {
      split.push({ rank: r, locality: localityEndpoints([{ locality, records: list }], options)[0]! });
    }
  }
  const ranks = new Map(split.map((s) => [s.locality, s.rank]));
  return ranked(
    split.map((s) => s.locality),
    (l) => ranks.get(l)!,
  );
}

const REGION = "topology.kubernetes.io/region";
const ZONE = "topology.kubernetes.io/zone";
const SUBZONE = "topology.istio.io/subzone";
const NETWORK = "topology.istio.io/network";
const CLUSTER = "topology.istio.io/cluster";

function endpointLabel(ep: EndpointRecord, label: string): string | undefined {
  const [region, zone, subZone] = ep.locality.split("/");
  switch (label) {
    case REGION:
      return region ?? "";
    case ZONE:
      return zone ?? "";
    case SUBZONE:
      return subZone ?? "";
    case NETWORK:
      return ep.network;
    case CLUSTER:
      return ep.clusterId;
    default:
      return ep.labels[label];
  }
}

function clientLabel(view: LocalityView, label: string): string | undefined {
  switch (label) {
    case REGION:
      return view.locality.region;
    case ZONE:
      return view.locality.zone;
    case SUBZONE:
      return view.locality.subZone;
    case NETWORK:
      return view.metadata.network;
    case CLUSTER:
      return view.metadata.clusterId;
    default:
      return view.labels[label];
  }
}

/** Ranks become priorities without gaps, since Envoy takes no others. */
function ranked(localities: readonly LocalityEndpoints[], rank: (l: LocalityEndpoints) => number): LocalityEndpoints[] {
  const ranks = [...new Set(localities.map(rank))].sort((a, b) => a - b);
  return localities.map((l) => {
    const priority = ranks.indexOf(rank(l));
    return priority > 0 ? { ...l, priority } : l;
  });
}

function toLocality(l: LocalityEndpoints): Locality {
  return { region: l.locality?.region ?? "", zone: l.locality?.zone ?? "", subZone: l.locality?.subZone ?? "" };
}

/** True when a pattern such as `us-west/*` or `us-west/zone-1` covers a locality. */
function covers(pattern: string, locality: Locality): boolean {
  const parts = pattern.split("/");
  const own = [locality.region, locality.zone, locality.subZone];
  return parts.every((part, i) => part === "*" || part === own[i]);
}
