// Names of clusters and of their SNI form, which dashboards, EnvoyFilters and east-west gateways rely on. Any thread.

export type TrafficDirection = "outbound" | "inbound" | "inbound-vip";

/** `outbound|9080|v1|reviews.default.svc.cluster.local` */
export function subsetKey(direction: TrafficDirection, subset: string, hostname: string, port: number): string {
  return `${direction}|${port}|${subset}|${hostname}`;
}

/** `outbound_.9080_._.reviews.default.svc.cluster.local` */
export function sniName(direction: TrafficDirection, subset: string, hostname: string, port: number): string {
  return `${direction}_.${port}_.${subset}_.${hostname}`;
}

/** True for a cluster of a router that passes mesh TLS on: it is named as in SNI. */
export function isSniName(name: string): boolean {
  return !name.includes("|") && name.startsWith("outbound_.");
}

export interface SubsetKeyParts {
  readonly direction: string;
  readonly port: number;
  readonly subset: string;
  readonly hostname: string;
}

/** The parts of a cluster name of the form `direction|port|subset|host`, or undefined for any other name. */
export function parseSubsetKey(name: string): SubsetKeyParts | undefined {
  const separator = name.includes("|") ? "|" : "_.";
  const parts = name.split(separator);
  if (parts.length !== 4) return undefined;
  const port = Number(parts[1]);
  if (!Number.isInteger(port)) return undefined;
  return { direction: parts[0]!, port, subset: parts[2]!, hostname: parts[3]! };
}
