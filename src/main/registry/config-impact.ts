// What a change of one object can touch at most, from what it said before and says now. Main thread, pure.
import { isDeepStrictEqual } from "node:util";
import type { Networking_DestinationRule, Networking_VirtualService } from "../../shared/gen/istio.js";
import type { ConfigObject } from "../../shared/model/config.ts";
import { type RulePolicy, rulePolicies } from "../../shared/model/rule-policies.ts";
import { resolveShortName } from "../../shared/names/hostname.ts";
import { isEmptyLabels } from "../../shared/names/labels.ts";
import { ruleHost } from "../../shared/names/rule-host.ts";
import type { XdsType } from "../../shared/xds-types.ts";

/**
 * Narrower than the object's kind alone would tell; undefined where the kind has to decide, as for an object that came, went,
 * or is about other hosts now: such a one may hide or uncover others.
 */
export function typesOfEdit(before: ConfigObject, after: ConfigObject): ReadonlySet<XdsType> | undefined {
  switch (after.kind) {
    case "VirtualService":
      return virtualServiceEdit(
        (before as ConfigObject<Networking_VirtualService>).spec,
        (after as ConfigObject<Networking_VirtualService>).spec,
      );
    case "DestinationRule":
      return destinationRuleEdit(
        (before as ConfigObject<Networking_DestinationRule>).spec,
        (after as ConfigObject<Networking_DestinationRule>).spec,
      );
    default:
      return undefined;
  }
}

/** The hosts in full that a rule is about, in all its versions; undefined for other kinds. */
export function hostsOf(
  versions: readonly (ConfigObject | undefined)[],
  domainSuffix: string,
): ReadonlySet<string> | undefined {
  const hosts = new Set<string>();
  for (const version of versions) {
    if (!version) continue;
    if (version.kind !== "DestinationRule") return undefined;
    hosts.add(ruleHost(version as ConfigObject<Networking_DestinationRule>, domainSuffix));
  }
  return hosts;
}

/**
 * The hosts in full of a VirtualService whose edit changes nothing but these hosts' routes. Undefined for other kinds; for a
 * delegate, whose routes are those of its roots' hosts; and for one that may leave its hosts to others now, or did before.
 */
export function routedHosts(
  before: ConfigObject,
  after: ConfigObject,
  domainSuffix: string,
): ReadonlySet<string> | undefined {
  if (after.kind !== "VirtualService") return undefined;
  const [old, now] = [before, after].map(({ spec }) => spec as Networking_VirtualService);
  const { hosts = [] } = now!;
  if (hosts.length === 0 || virtualServiceEdit(old!, now!) === undefined) return undefined;
  if (!routesAlways(old!) || !routesAlways(now!)) return undefined;
  return new Set(hosts.map((host) => resolveShortName(host, after.meta.namespace, domainSuffix)));
}

/** True when there is a route for each client and port. */
function routesAlways({ http = [] }: Networking_VirtualService): boolean {
  return http.some(
    ({ match = [], delegate }) =>
      !delegate &&
      (match.length === 0 ||
        match.some((m) => !m.port && !m.gateways?.length && !m.sourceNamespace && isEmptyLabels(m.sourceLabels))),
  );
}

/** HTTP routes stand in route configurations, TCP and TLS routes in listeners; destinations bring services into scope. */
function virtualServiceEdit(
  before: Networking_VirtualService,
  after: Networking_VirtualService,
): ReadonlySet<XdsType> | undefined {
  const same = (part: (spec: Networking_VirtualService) => unknown): boolean =>
    isDeepStrictEqual(part(before), part(after));
  if (!same((s) => [s.hosts, s.gateways, s.exportTo, [...destinationsOf(s)].sort()])) return undefined;
  const types = new Set<XdsType>();
  if (!same((s) => s.http)) types.add("RDS");
  if (!same((s) => [s.tcp, s.tls])) types.add("LDS");
  return types;
}

const DESTINATION_FIELDS: ReadonlySet<string> = new Set(["destination", "mirror", "delegate"]);

/** Every service and delegate that routes name, wherever in the routes they do. */
function destinationsOf(value: unknown, found = new Set<string>()): Set<string> {
  if (typeof value !== "object" || value === null) return found;
  for (const [field, part] of Object.entries(value)) {
    if (part !== undefined && DESTINATION_FIELDS.has(field)) found.add(`${field} ${JSON.stringify(part)}`);
    destinationsOf(part, found);
  }
  return found;
}

/** Rules make clusters; only some of their fields reach further. */
function destinationRuleEdit(
  before: Networking_DestinationRule,
  after: Networking_DestinationRule,
): ReadonlySet<XdsType> | undefined {
  const reach = (spec: Networking_DestinationRule): unknown => [
    spec.host,
    spec.exportTo,
    spec.workloadSelector,
    // A rule without a policy, or without a subset, leaves it to another rule of the same host.
    spec.trafficPolicy !== undefined && spec.trafficPolicy !== null,
    (spec.subsets ?? []).map((s) => s.name),
  ];
  if (!isDeepStrictEqual(reach(before), reach(after))) return undefined;
  const types = new Set<XdsType>(["CDS"]);
  for (const [type, part] of [
    ["EDS", endpointPart],
    ["RDS", routePart],
    ["LDS", listenerPart],
  ] as const) {
    if (!isDeepStrictEqual(rulePolicies(before).map(part), rulePolicies(after).map(part))) types.add(type);
  }
  if (!isDeepStrictEqual(subsetLabels(before), subsetLabels(after))) types.add("EDS");
  return types;
}

function subsetLabels(spec: Networking_DestinationRule): unknown {
  return (spec.subsets ?? []).map((s) => s.labels);
}

/** Priorities and weights follow the load balancing and whether outliers are detected, metadata follows TLS. */
function endpointPart({ loadBalancer, outlierDetection, tls, port }: RulePolicy): unknown {
  return [loadBalancer, outlierDetection !== undefined, tls, port];
}

/** Routes hash by what the load balancer wants. */
function routePart({ loadBalancer, port }: RulePolicy): unknown {
  return [loadBalancer, port];
}

/** TCP proxies hash by source, have timeouts, and may tunnel. */
function listenerPart({ loadBalancer, connectionPool, tunnel, port }: RulePolicy): unknown {
  const tcp = connectionPool?.tcp;
  return [loadBalancer, tcp?.idleTimeout, tcp?.maxConnectionDuration, tunnel, port];
}
