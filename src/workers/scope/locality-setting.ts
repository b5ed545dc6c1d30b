// Which locality settings hold for a destination: the rule's, else the mesh's. Worker threads, pure.
// https://istio.io/latest/docs/reference/config/networking/destination-rule/#LocalityLoadBalancerSetting
import type { Mesh_MeshConfig, Networking_LocalityLoadBalancerSetting } from "../../shared/gen/istio.js";
import type { ResolvedPolicy } from "./traffic-policy.ts";

/** The setting in force, or undefined where localities play no part. */
export function localitySetting(
  mesh: Mesh_MeshConfig,
  policy: ResolvedPolicy,
): Networking_LocalityLoadBalancerSetting | undefined {
  const own = policy.loadBalancer?.localityLbSetting;
  if (own) return own.enabled === false ? undefined : own;
  const setting = mesh.localityLbSetting;
  return setting && setting.enabled !== false ? setting : undefined;
}
