// Names that VirtualServices bind to, and references to Gateways of the Gateway API. Any thread.
import type { Type_PolicyTargetReference } from "../gen/istio.js";
import type { Labels } from "./labels.ts";

/** The name of the sidecars among the gateways of a VirtualService. */
export const MESH_GATEWAY = "mesh";

/** A gateway as a VirtualService in a namespace names it, as `namespace/name` or MESH_GATEWAY. */
export function gatewayName(name: string, namespace: string): string {
  if (name === MESH_GATEWAY) return name;
  return name.includes("/") ? name.replace(/^\.\//, `${namespace}/`) : `${namespace}/${name}`;
}

/** Says to which Gateway of the Gateway API a proxy belongs: https://gateway-api.sigs.k8s.io/reference/spec/ */
export const GATEWAY_NAME_LABEL = "gateway.networking.k8s.io/gateway-name";

/**
 * Whether one of an object's references means the Gateway that a workload was made for. Services and GatewayClasses are
 * targets of waypoints only; a reference doesn't leave its namespace.
 */
export function isTargetOf(
  targets: readonly Type_PolicyTargetReference[],
  objectNamespace: string,
  workload: { readonly namespace: string; readonly labels: Labels },
): boolean {
  const gateway = workload.labels[GATEWAY_NAME_LABEL];
  if (gateway === undefined || objectNamespace !== workload.namespace) return false;
  return targets.some(
    (target) =>
      target.group === "gateway.networking.k8s.io" &&
      target.kind === "Gateway" &&
      target.name === gateway &&
      (!target.namespace || target.namespace === workload.namespace),
  );
}
