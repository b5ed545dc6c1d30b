// Names of segments. Any thread.
import type { IstioKind } from "../model/config.ts";
import type { ServiceKey } from "../model/push-request.ts";

/** MeshSettings: one record. */
export const MESH_SEGMENT = "mesh";

/** Objects of one kind in one namespace. */
export function configSegment(kind: IstioKind, namespace: string): string {
  return `config/${kind}/${namespace}`;
}

/** ServiceRecords of one namespace. */
export function servicesSegment(namespace: string): string {
  return `services/${namespace}`;
}

/** Endpoints of one service. */
export function endpointsSegment(key: ServiceKey): string {
  return `endpoints/${key.namespace}/${key.hostname}`;
}

export type SegmentId =
  | { readonly kind: "mesh" }
  | { readonly kind: "config"; readonly configKind: IstioKind; readonly namespace: string }
  | { readonly kind: "services"; readonly namespace: string }
  | { readonly kind: "endpoints"; readonly namespace: string; readonly hostname: string };

/** What a segment's name says. */
export function parseSegmentName(name: string): SegmentId {
  if (name === MESH_SEGMENT) return { kind: "mesh" };
  const [kind, a = "", ...rest] = name.split("/");
  const b = rest.join("/");
  if (kind === "config") return { kind, configKind: a as IstioKind, namespace: b };
  if (kind === "services") return { kind, namespace: a };
  return { kind: "endpoints", namespace: a, hostname: b };
}
