// The traffic policy of a port and subset: subset over rule, port level over destination level. Worker threads, pure.
// https://istio.io/latest/docs/reference/config/networking/destination-rule/#TrafficPolicy
import type {
  Mesh_MeshConfig,
  Networking_ClientTLSSettings,
  Networking_ConnectionPoolSettings,
  Networking_LoadBalancerSettings,
  Networking_OutlierDetection,
  Networking_Subset,
  Networking_TrafficPolicy,
} from "../../shared/gen/istio.js";
import type { DestinationRule } from "./destination-rules.ts";

/** What is left of a TrafficPolicy for one port. */
export interface ResolvedPolicy {
  readonly connectionPool?: Networking_ConnectionPoolSettings | undefined;
  readonly outlierDetection?: Networking_OutlierDetection | undefined;
  readonly loadBalancer?: Networking_LoadBalancerSettings | undefined;
  readonly tls?: Networking_ClientTLSSettings | undefined;
  readonly tunnel?: Networking_TrafficPolicy["tunnel"] | undefined;
  readonly proxyProtocol?: Networking_TrafficPolicy["proxyProtocol"] | undefined;
  readonly retryBudget?: Networking_TrafficPolicy["retryBudget"] | undefined;
}

/** The subset with a name, or undefined. */
export function subsetOf(rule: DestinationRule | undefined, name: string): Networking_Subset | undefined {
  return name === "" ? undefined : rule?.spec.subsets?.find((s) => s.name === name);
}

/** The policy for a port of the rule's host, in a subset where one is given. */
export function policyFor(
  rule: DestinationRule | undefined,
  subset: Networking_Subset | undefined,
  port: number,
): ResolvedPolicy {
  const base = atPort(rule?.spec.trafficPolicy, port);
  if (!subset) return base;
  const policy = subset.trafficPolicy;
  // A tunnel is the only thing that a subset doesn't inherit.
  return { ...(policy ? override(base, policy, port) : base), tunnel: policy?.tunnel };
}

/** The policy with the mesh's connection pool and outlier detection, each where the rule has none. */
export function withMeshDefaults(
  { defaultTrafficPolicy: base }: Mesh_MeshConfig,
  policy: ResolvedPolicy,
): ResolvedPolicy {
  if (!base) return policy;
  return {
    ...policy,
    connectionPool: policy.connectionPool ?? base.connectionPool,
    outlierDetection: policy.outlierDetection ?? base.outlierDetection,
  };
}

/** Settings of a port replace the destination's as a whole: what they leave out has its default. */
function atPort(policy: Networking_TrafficPolicy | undefined, port: number): ResolvedPolicy {
  if (!policy) return {};
  const own = policy.portLevelSettings?.find((p) => p.port?.number === port);
  const { connectionPool, outlierDetection, loadBalancer, tls } = own ?? policy;
  return {
    connectionPool,
    outlierDetection,
    loadBalancer,
    tls,
    tunnel: policy.tunnel,
    proxyProtocol: policy.proxyProtocol,
    retryBudget: policy.retryBudget,
  };
}

/** A subset's settings replace the rule's one by one, those of a port in it all of them that a port can have. */
function override(base: ResolvedPolicy, subset: Networking_TrafficPolicy, port: number): ResolvedPolicy {
  const own = subset.portLevelSettings?.find((p) => p.port?.number === port);
  const { connectionPool, outlierDetection, loadBalancer, tls } = own ?? {
    connectionPool: subset.connectionPool ?? base.connectionPool,
    outlierDetection: subset.outlierDetection ?? base.outlierDetection,
    loadBalancer: subset.loadBalancer ?? base.loadBalancer,
    tls: subset.tls ?? base.tls,
  };
  return {
    connectionPool,
    outlierDetection,
    loadBalancer,
    tls,
    proxyProtocol: subset.proxyProtocol ?? base.proxyProtocol,
    retryBudget: subset.retryBudget ?? base.retryBudget,
  };
}
