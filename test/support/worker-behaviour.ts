// Small meshes for tests of single behaviours, and looks at the one resource that a test is about.
import assert from "node:assert/strict";
import type { MeshSettings } from "../../src/shared/model/mesh.ts";
import type { XdsType } from "../../src/shared/xds-types.ts";
import { decoded, type Json } from "./worker-json.ts";
import { objectsOf, type ProxySpec, WorkerMesh } from "./worker-mesh.ts";

const GROUPS: Readonly<Record<string, string>> = {
  PeerAuthentication: "security.istio.io/v1",
  AuthorizationPolicy: "security.istio.io/v1",
  RequestAuthentication: "security.istio.io/v1",
  Telemetry: "telemetry.istio.io/v1",
  TrafficExtension: "extensions.istio.io/v1alpha1",
};

interface Meta {
  readonly namespace?: string;
  /** Seconds of the day on which all objects were made. */
  readonly age?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** One of Istio's objects as a document, in `default` unless told otherwise. */
export function doc(
  kind: string,
  name: string,
  spec: object,
  { namespace = "default", age = 0, labels, annotations }: Meta = {},
): object {
  return {
    apiVersion: GROUPS[kind] ?? "networking.istio.io/v1",
    kind,
    metadata: {
      name,
      namespace,
      creationTimestamp: new Date(Date.UTC(2024, 0, 1, 0, 0, age)).toISOString(),
      ...(labels ? { labels } : {}),
      ...(annotations ? { annotations } : {}),
    },
    spec,
  };
}

export const HTTP_80 = { number: 80, name: "http", protocol: "HTTP" };
export const TCP_9000 = { number: 9000, name: "tcp", protocol: "TCP" };

/** `NAME.example.com`, of the mesh, with HTTP at 80 and one endpoint. */
export function host(name: string, spec: object = {}, meta: Meta = {}): object {
  return doc(
    "ServiceEntry",
    name,
    {
      hosts: [`${name}.example.com`],
      location: "MESH_INTERNAL",
      resolution: "STATIC",
      ports: [HTTP_80],
      endpoints: [{ address: "10.9.0.1" }],
      ...spec,
    },
    meta,
  );
}

/** A mesh of documents. Throws what validation rejects, so that no test is about what can't be. */
export function meshOf(documents: readonly object[], settings?: MeshSettings): WorkerMesh {
  return new WorkerMesh(objectsOf(documents), settings);
}

/** The resources of a type as JSON. */
export function show(
  mesh: WorkerMesh,
  type: XdsType,
  proxy: ProxySpec = {},
  names: readonly string[] | null = null,
): Record<string, Json> {
  return decoded(type, mesh.generate(proxy, type, names));
}

/** The cluster of a host's port 80 and a subset. */
export function clusterOf(mesh: WorkerMesh, name: string, subset = "", proxy: ProxySpec = {}): Json {
  const full = `outbound|80|${subset}|${name}.example.com`;
  const cluster = show(mesh, "CDS", proxy)[full];
  assert.ok(cluster, `no cluster ${full}`);
  return cluster;
}

export interface VirtualHostJson {
  readonly name: string;
  readonly domains: readonly string[];
  readonly routes?: readonly Json[];
  readonly requireTls?: string;
}

/** The virtual hosts of a route configuration; none where there is no such configuration. */
export function virtualHosts(mesh: WorkerMesh, name: string, proxy: ProxySpec = {}): readonly VirtualHostJson[] {
  const config = show(mesh, "RDS", proxy, [name])[name];
  return (config?.virtualHosts ?? []) as readonly VirtualHostJson[];
}

/** The routes that a sidecar has for `a.example.com` with these HTTP routes; `b` and `c` are there to route to. */
export function routesFor(
  http: readonly object[],
  proxy: ProxySpec = {},
  more: readonly object[] = [],
): readonly Json[] {
  const vs = doc("VirtualService", "a", { hosts: ["a.example.com"], http });
  const mesh = meshOf([host("a"), host("b"), host("c"), vs, ...more]);
  const found = virtualHosts(mesh, "80", proxy).find((vh) => vh.name === "a.example.com:80");
  assert.ok(found, "a.example.com has no virtual host");
  return found.routes ?? [];
}

/** A route to one of the hosts. */
export function to(name: string, more: object = {}): { readonly route: readonly object[] } {
  return { route: [{ destination: { host: `${name}.example.com` }, ...more }] };
}

/**
 * Compares what `expected` mentions: of objects only its fields (undefined for ones that must be absent), of lists everything.
 */
export function assertLike(actual: unknown, expected: unknown, message?: string): void {
  assert.deepEqual(mentioned(actual, expected), expected, message);
}

function mentioned(actual: unknown, expected: unknown): unknown {
  if (Array.isArray(expected) && Array.isArray(actual)) {
    return actual.map((item, i) => (i < expected.length ? mentioned(item, expected[i]) : item));
  }
  if (!isObject(expected) || !isObject(actual)) return actual;
  return Object.fromEntries(Object.keys(expected).map((key) => [key, mentioned(actual[key], expected[key])]));
}

function isObject(value: unknown): value is Json {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}
