// How routes choose hosts by request, as DestinationRules with consistent hashing ask. Worker threads, pure.
// https://istio.io/latest/docs/reference/config/networking/destination-rule/#LoadBalancerSettings-ConsistentHashLB
import type { Networking_LoadBalancerSettings_ConsistentHashLB } from "../../shared/gen/istio.js";
import { parseDuration } from "../encode/values.ts";
import type { DestinationRule } from "../scope/destination-rules.ts";
import { policyFor, subsetOf } from "../scope/traffic-policy.ts";
import type { HashPolicy } from "./http-route.ts";

/** The hash policy in force for a port and subset of a rule's host, as a list of none or one. */
export function hashPoliciesOf(rule: DestinationRule | undefined, subsetName: string, port: number): HashPolicy[] {
  if (!rule) return [];
  const subset = subsetOf(rule, subsetName);
  const hash = policyFor(rule, subset, port).loadBalancer?.consistentHash;
  const policy = hash && hashPolicy(hash);
  return policy ? [policy] : [];
}

function hashPolicy(hash: Networking_LoadBalancerSettings_ConsistentHashLB): HashPolicy | undefined {
  if (hash.httpHeaderName) return { header: { headerName: hash.httpHeaderName } };
  if (hash.httpCookie) {
    const { name, path, ttl, attributes } = hash.httpCookie;
    const lifetime = parseDuration(ttl);
    return {
      cookie: {
        name: name ?? "",
        ...(path ? { path } : {}),
        ...(lifetime ? { ttl: lifetime } : {}),
        ...(attributes?.length
          ? { attributes: attributes.map((a) => ({ name: a.name ?? "", value: a.value ?? "" })) }
          : {}),
      },
    };
  }
  if (hash.useSourceIp) return { connectionProperties: { sourceIp: true } };
  if (hash.httpQueryParameterName) return { queryParameter: { name: hash.httpQueryParameterName } };
  return undefined;
}
