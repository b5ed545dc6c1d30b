// Random meshes of the documents of worker-arbitraries.ts and of Kubernetes' objects.
import fc from "fast-check";
import type { MeshObject } from "../../src/shared/model/delta.ts";
import { address, KUBE_HOSTS, labels, name, PORTS, type Raw } from "./random-documents.ts";
import { kubeEndpoint, kubePod, kubeService, kubeSlice, meta } from "./registry.ts";
import { DOCUMENTS } from "./worker-arbitraries.ts";
import { objectsOf } from "./worker-mesh.ts";

const service = fc
  .record({ where: fc.constantFrom(...KUBE_HOSTS), headless: fc.boolean(), app: fc.constantFrom("a", "b") })
  .map(({ where, headless, app }): MeshObject => {
    const [serviceName = "", ns = ""] = where.split(".");
    return kubeService(serviceName, {
      meta: meta(serviceName, { namespace: ns }),
      clusterIPs: [headless ? "None" : serviceName === "a" ? "10.96.0.1" : "10.96.0.2"],
      selector: { app },
      ports: [
        { name: "http-web", protocol: "TCP", port: 80, targetPort: "web", nodePort: 0 },
        { name: "tcp-x", protocol: "TCP", port: 9000, targetPort: "9000", nodePort: 0 },
      ],
    });
  });
const slice = fc.record({ where: fc.constantFrom(...KUBE_HOSTS), address, pod: name }).map((r): MeshObject => {
  const [serviceName = "", ns = ""] = r.where.split(".");
  const ports = [
    { name: "http-web", port: 8080, protocol: "TCP" },
    { name: "tcp-x", port: 9000, protocol: "TCP" },
  ];
  return kubeSlice("slice", serviceName, [kubeEndpoint(r.address, { podName: r.pod })], {
    meta: meta("slice", { namespace: ns }),
    ports,
  });
});
const pod = fc
  .record({ name, address, labels, ns: fc.constantFrom("default", "other") })
  .map(
    (r): MeshObject => ({ ...kubePod(r.name, r.address), meta: meta(r.name, { namespace: r.ns, labels: r.labels }) }),
  );

const { serviceEntry, virtualService, destinationRule, peerAuthentication, workloadEntry, envoyFilter } = DOCUMENTS;

/** One object of any kind, or none where validation rejects it. */
export const meshObject: fc.Arbitrary<readonly MeshObject[]> = fc.oneof(
  ...[
    ...Object.values(DOCUMENTS),
    serviceEntry,
    virtualService,
    destinationRule,
    peerAuthentication,
    workloadEntry,
    envoyFilter,
  ].map(validated),
  ...[service, slice, pod].map((kube) => kube.map((o) => [o])),
);

function validated(raw: fc.Arbitrary<Raw>): fc.Arbitrary<readonly MeshObject[]> {
  return raw.map((r) => validObjects(r));
}

/** Objects of a mesh; in half of all meshes everybody sees everything, so that namespaces share more. */
export const meshObjects: fc.Arbitrary<readonly (readonly MeshObject[])[]> = fc
  .record({ objects: fc.array(meshObject, { minLength: 1, maxLength: 8 }), open: fc.boolean(), based: fc.boolean() })
  .map(({ objects, open, based }) => [
    ...(based ? [BASE] : []),
    ...(open ? objects.map((list) => list.map(exportedToAll)) : objects),
  ]);

const BASE_ENDPOINTS = [
  { address: "10.0.0.1", labels: { app: "a", version: "v1" }, locality: "r1/z1/s1", network: "n1" },
  { address: "10.0.0.2", labels: { app: "a", version: "v2" }, locality: "r2/z1" },
  { address: "10.0.0.9", labels: { app: "b" } },
];

/** Services that everybody sees, for rules to find. */
export const BASE: readonly MeshObject[] = objectsOf(
  [
    { hosts: ["a.example.com"], resolution: "STATIC", addresses: ["10.1.0.1"] },
    { hosts: ["b.example.com"], resolution: "DNS" },
    { hosts: ["c.example.com"], resolution: "STATIC", workloadSelector: { labels: { app: "a" } } },
  ].map((spec) => ({
    apiVersion: "networking.istio.io/v1",
    kind: "ServiceEntry",
    metadata: { name: `base-${spec.hosts[0]![0]}`, namespace: spec.resolution === "DNS" ? "other" : "default" },
    spec: {
      ...spec,
      location: "MESH_INTERNAL",
      ports: PORTS,
      ...("workloadSelector" in spec ? {} : { endpoints: BASE_ENDPOINTS }),
    },
  })),
);

function exportedToAll(object: MeshObject): MeshObject {
  if (!("spec" in object)) return object;
  const { exportTo: _exportTo, ...spec } = object.spec as Raw;
  return { ...object, spec };
}

/** The objects of a document, or none where validation rejects it. */
export function validObjects(raw: unknown): readonly MeshObject[] {
  try {
    return objectsOf([raw]);
  } catch {
    return [];
  }
}
