// Locality load balancing: weights by distribution, or priorities by fail-over. Worker threads, pure.
// https://istio.io/latest/docs/tasks/traffic-management/locality-load-balancing/
import type { Networking_LocalityLoadBalancerSetting } from "../../shared/gen/istio.js";
import type { Locality } from "../../shared/model/proxy.ts";
import type { LocalityEndpoints } from "./cluster-endpoints.ts";

/**
 * The localities as a client at `client` gets them. Distribution goes before fail-over; fail-over needs outlier
 * detection, without which Envoy would never leave a priority. A client without a locality gets neither.
 */
export function applyLocalitySetting(
  localities: readonly LocalityEndpoints[],
  setting: Networking_LocalityLoadBalancerSetting,
  client: Locality,
  hasOutlierDetection: boolean,
): LocalityEndpoints[] {
  const out = localities.map((l) => ({ ...l }));
  if (client.region === "") return out;
  if (setting.distribute?.length) return distribute(out, setting.distribute, client);
  if (!hasOutlierDetection) return out;
  return failOver(out, setting.failover ?? [], client);
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
  // What no target names gets no traffic.
  return localities.filter((l) => taken.has(l));
}

function failOver(
  localities: LocalityEndpoints[],
  rules: NonNullable<Networking_LocalityLoadBalancerSetting["failover"]>,
  client: Locality,
): LocalityEndpoints[] {
  const rank = (l: Locality): number => {
    if (l.region !== client.region) return 3 + (preferred(l) ? 0 : 1);
    if (l.zone !== client.zone) return 2;
    return l.subZone === client.subZone ? 0 : 1;
  };
  const rule = rules.find((r) => r.from === client.region);
  const preferred = (l: Locality): boolean => rule === undefined || rule.to === l.region;
  const ranks = [...new Set(localities.map((l) => rank(toLocality(l))))].sort((a, b) => a - b);
  return localities.map((l) => {
    const priority = ranks.indexOf(rank(toLocality(l)));
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
