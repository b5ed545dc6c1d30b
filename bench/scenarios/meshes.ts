// The meshes that scenarios run on.
import type { MeshShape } from "../mesh/shape.ts";
import type { NamedMesh } from "./model.ts";

/** In shape the mesh that istiod was measured with: 1,000 services in 20 namespaces, two endpoints each, 4.8 MB a proxy. */
export const M1000: NamedMesh = mesh("m1000", {
  groups: [{ prefix: "ns", namespaces: 20, services: 1000, endpoints: 2 }],
});

/** The same with ten times the services, all of which each proxy sees: 52 MB a proxy. */
export const M10000: NamedMesh = mesh("m10000", {
  groups: [{ prefix: "ns", namespaces: 20, services: 10_000, endpoints: 2 }],
});

/** The same with fewer services, as istiod's smaller one. */
export const M100: NamedMesh = mesh("m100", {
  groups: [{ prefix: "ns", namespaces: 10, services: 100, endpoints: 11 }],
});

/** A deployment of 50 pods among 200 services. */
export const DEPLOYMENT: NamedMesh = mesh("deployment", {
  groups: [{ prefix: "ns", namespaces: 10, services: 200, endpoints: 2, firstEndpoints: 50 }],
});

export const GATEWAY_5000: NamedMesh = mesh("gateway-5000", {
  groups: [{ prefix: "ns", namespaces: 10, services: 100, endpoints: 2 }],
  gatewayHosts: 5000,
});

/** Two services in each of 500 namespaces, which see only themselves. */
export const NAMESPACES_500: NamedMesh = mesh("namespaces-500", {
  groups: [{ prefix: "team", namespaces: 500, services: 1000, endpoints: 2, ownNamespaceOnly: true }],
});

const GROWTH_SEEN = 20;
const GROWTH_TOTALS = [100, 300, 1000, 3000, 10_000];

/** Meshes that grow around one namespace that stays the same and sees only itself. */
export const GROWING: readonly NamedMesh[] = GROWTH_TOTALS.map((total) =>
  mesh(`${total} services`, {
    groups: [
      // One endpoint more than there are proxies of a service.
      { prefix: "seen", namespaces: 1, services: GROWTH_SEEN, endpoints: 6, ownNamespaceOnly: true },
      { prefix: "rest", namespaces: Math.ceil(total / 50), services: total - GROWTH_SEEN, endpoints: 2 },
    ],
  }),
);

function mesh(name: string, shape: MeshShape): NamedMesh {
  return { name, shape };
}
