// The traffic policies that stand in a DestinationRule. Any thread, pure.
import type {
  Networking_DestinationRule,
  Networking_TrafficPolicy,
  Networking_TrafficPolicy_PortTrafficPolicy,
} from "../gen/istio.js";

/** Of all ports, or of a single one. */
export type RulePolicy = Partial<Networking_TrafficPolicy> & Pick<Networking_TrafficPolicy_PortTrafficPolicy, "port">;

/** Every policy, in a fixed order: of the rule and of each subset, of all ports and then of single ones. */
export function rulePolicies(spec: Networking_DestinationRule): RulePolicy[] {
  const policies = [spec.trafficPolicy, ...(spec.subsets ?? []).map((s) => s.trafficPolicy)];
  return policies.flatMap((policy): RulePolicy[] => [policy ?? {}, ...(policy?.portLevelSettings ?? [])]);
}
