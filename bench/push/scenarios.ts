// What is measured, as data.
import type { Mode } from "../lib/ads-client.ts";
import type { MeshSize } from "../lib/synthetic-mesh.ts";

export interface BenchMesh {
  readonly name: string;
  readonly size: MeshSize;
}

export const MESHES: readonly BenchMesh[] = [
  { name: "m100", size: { services: 100, namespaces: 10, endpointsPerService: 11 } },
  { name: "m1000", size: { services: 1000, namespaces: 20, endpointsPerService: 2 } },
];

export const MODES: readonly Mode[] = ["sotw", "delta"];

/** In this order on one server: all proxies connect at once, then single changes, each repeated. */
export const PHASES = ["cold start", "endpoint change", "route change"] as const;

export type Phase = (typeof PHASES)[number];

export const DEFAULTS = { proxies: 100, repetitions: 5 } as const;
