// Names that VirtualServices bind to. Any thread.

/** The name of the sidecars among the gateways of a VirtualService. */
export const MESH_GATEWAY = "mesh";

/** A gateway as a VirtualService in a namespace names it, as `namespace/name` or MESH_GATEWAY. */
export function gatewayName(name: string, namespace: string): string {
  if (name === MESH_GATEWAY) return name;
  return name.includes("/") ? name.replace(/^\.\//, `${namespace}/`) : `${namespace}/${name}`;
}
