// Generated resources as plain JSON, and everything that a proxy would ask for.
import { ResourceJson } from "../../src/main/admin/resource-json.ts";
import type { XdsType } from "../../src/shared/xds-types.ts";
import type { Resources } from "./worker-mesh.ts";

export type Json = Readonly<Record<string, unknown>>;

let json: ResourceJson | undefined;

/** The resources by name, with every Any expanded. Throws for bytes that don't decode. */
export function decoded(type: XdsType, resources: Resources): Record<string, Json> {
  json ??= new ResourceJson();
  const out: Record<string, Json> = {};
  for (const [name, bytes] of resources) {
    const { "@type": _type, ...content } = json.show(type, { name, hash: "", bytes });
    out[name] = content;
  }
  return out;
}

/** Names of the clusters that find their endpoints over EDS. */
export function edsNames(clusters: Readonly<Record<string, Json>>): string[] {
  return Object.entries(clusters).flatMap(([name, cluster]) => (cluster.type === "EDS" ? [name] : []));
}

/** Names of the route configurations that listeners ask for. */
export function routeNames(listeners: Readonly<Record<string, Json>>): string[] {
  const names = new Set<string>();
  const look = (value: unknown): void => {
    if (value === null || typeof value !== "object") return;
    const { rds } = value as { rds?: { routeConfigName?: string } };
    if (rds?.routeConfigName) names.add(rds.routeConfigName);
    for (const inner of Object.values(value)) look(inner);
  };
  look(listeners);
  return [...names].sort();
}
