// Objects and registries for tests, without files.
import { parseFeatures } from "../../src/main/config/features.ts";
import { defaultMeshSettings } from "../../src/main/config/mesh-settings.ts";
import { Registry } from "../../src/main/registry/registry.ts";
import type { ConfigObject, IstioKind, ObjectMeta } from "../../src/shared/model/config.ts";
import type { MeshSettings } from "../../src/shared/model/mesh.ts";

/** Settings of a mesh that nobody configured. */
export function testMesh(env: Readonly<Record<string, string>> = {}): MeshSettings {
  return defaultMeshSettings({
    features: parseFeatures(env).features,
    podNamespace: "istio-system",
    domainSuffix: "cluster.local",
    clusterId: "Kubernetes",
  });
}

export function testRegistry(): Registry {
  return new Registry(testMesh());
}

export function meta(name: string, more: Partial<ObjectMeta> = {}): ObjectMeta {
  return {
    namespace: "default",
    name,
    labels: {},
    annotations: {},
    creationTimestamp: 0,
    resourceVersion: "",
    ...more,
  };
}

/** One of Istio's objects. */
export function config(kind: IstioKind, name: string, spec: object, more: Partial<ObjectMeta> = {}): ConfigObject {
  return {
    kind,
    apiVersion: "networking.istio.io/v1",
    meta: meta(name, more),
    spec,
    origin: { source: "test" },
  };
}

/** `NAME.example.com:80`, in the mesh, with these endpoints. */
export function serviceEntry(name: string, addresses: readonly string[]): ConfigObject {
  return config("ServiceEntry", name, {
    hosts: [`${name}.example.com`],
    location: "MESH_INTERNAL",
    resolution: "STATIC",
    ports: [{ number: 80, name: "http", protocol: "HTTP" }],
    endpoints: addresses.map((address) => ({ address })),
  });
}
