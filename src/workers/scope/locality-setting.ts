// Which locality settings hold for a destination: the rule's, else the mesh's. Worker threads, pure.
// https://istio.io/latest/docs/reference/config/networking/destination-rule/#LocalityLoadBalancerSetting
import type {
  Mesh_MeshConfig,
  Networking_LocalityLoadBalancerSetting,
  Networking_ZoneAwareLoadBalancerSetting,
} from "../../shared/gen/istio.js";
import type { ResolvedPolicy } from "./traffic-policy.ts";

/**
 * How a zone-aware destination keeps traffic near: only regions matter, zones are Envoy's own business. Undefined where the
 * rule, and the mesh, leave it off.
 */
export function zoneAwareSetting(
  mesh: Mesh_MeshConfig,
  policy: ResolvedPolicy,
): Networking_ZoneAwareLoadBalancerSetting | undefined {
  const setting = policy.loadBalancer?.zoneAwareLbSetting ?? mesh.zoneAwareLbSetting;
  return setting && setting.enabled !== false ? setting : undefined;
}

/** The setting in force, or undefined where localities play no part. */
export function localitySetting(
  mesh: Mesh_MeshConfig,
  policy: ResolvedPolicy,
): Networking_LocalityLoadBalancerSetting | undefined {
  const zoneAware = zoneAwareSetting(mesh, policy);
  if (zoneAware) {
    return {
      ...(zoneAware.failover ? { failover: zoneAware.failover } : {}),
      ...(zoneAware.failoverPriority ? { failoverPriority: zoneAware.failoverPriority } : {}),
    };
  }
  const own = policy.loadBalancer?.localityLbSetting;
  if (own) return own.enabled === false ? undefined : own;
  const setting = mesh.localityLbSetting;
  return setting && setting.enabled !== false ? setting : undefined;
}
