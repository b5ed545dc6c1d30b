// A mesh of any size as Istio configuration files, one for each object that a scenario changes. Deterministic.
import fs from "node:fs";
import path from "node:path";

export interface MeshSize {
  readonly services: number;
  readonly namespaces: number;
  readonly endpointsPerService: number;
}

export interface BenchNode {
  readonly id: string;
  readonly cluster: string;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** The address that marks the `serial`-th change of an endpoint: one that no workload has. */
export function markedAddress(serial: number): string {
  return `172.31.${(serial >> 8) & 255}.${serial & 255}`;
}

/** The header value that marks the `serial`-th change of a route. */
export function markedHeader(serial: number): string {
  return `bench-change-${serial}-end`;
}

/** Writes mesh.yaml and config/: for each service a file of endpoints and one of routes. */
export function writeMesh(folder: string, size: MeshSize): void {
  const config = path.join(folder, "config");
  fs.mkdirSync(config, { recursive: true });
  fs.writeFileSync(path.join(folder, "mesh.yaml"), "rootNamespace: istio-system\n");
  for (let index = 0; index < size.services; index++) {
    fs.writeFileSync(path.join(config, `service-${index}.yaml`), serviceYaml(size, index));
    fs.writeFileSync(path.join(config, `endpoint-${index}.yaml`), endpointYaml(size, index, workloadAddress(index, 0)));
    fs.writeFileSync(path.join(config, `route-${index}.yaml`), routeYaml(size, index, "none"));
  }
}

/** Gives service `index`'s first endpoint another address, by rename as editors and mounts do. */
export function changeEndpoint(folder: string, size: MeshSize, index: number, address: string): void {
  replace(path.join(folder, "config", `endpoint-${index}.yaml`), endpointYaml(size, index, address));
}

/** Gives the route of service `index` another header value. */
export function changeRoute(folder: string, size: MeshSize, index: number, value: string): void {
  replace(path.join(folder, "config", `route-${index}.yaml`), routeYaml(size, index, value));
}

/** Sidecars in turn from all namespaces, each one the second workload of a service. */
export function meshNodes(size: MeshSize, count: number): readonly BenchNode[] {
  return Array.from({ length: count }, (_, number) => {
    const index = number % size.services;
    const namespace = namespaceOf(size, index);
    const name = `app-${index}-${number}`;
    const address =
      number < size.services ? workloadAddress(index, 1) : `10.200.${(number >> 8) & 255}.${number & 255}`;
    return {
      id: `sidecar~${address}~${name}.${namespace}~${namespace}.svc.cluster.local`,
      cluster: `app-${index}.${namespace}`,
      metadata: {
        NAME: name,
        NAMESPACE: namespace,
        INSTANCE_IPS: address,
        LABELS: { app: `app-${index}`, version: "v1" },
        CLUSTER_ID: "Kubernetes",
        MESH_ID: "cluster.local",
        ISTIO_VERSION: "1.32.0",
        INTERCEPTION_MODE: "REDIRECT",
      },
    };
  });
}

function replace(file: string, text: string): void {
  fs.writeFileSync(`${file}.new`, text);
  fs.renameSync(`${file}.new`, file);
}

function namespaceOf(size: MeshSize, index: number): string {
  return `ns-${index % size.namespaces}`;
}

function workloadAddress(index: number, endpoint: number): string {
  return `10.${10 + endpoint}.${(index >> 8) & 255}.${index & 255}`;
}

function serviceYaml(size: MeshSize, index: number): string {
  const namespace = namespaceOf(size, index);
  const entries = Array.from({ length: size.endpointsPerService - 1 }, (_, rest) =>
    workloadYaml(index, namespace, `app-${index}-${rest + 1}`, workloadAddress(index, rest + 1)),
  );
  return `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: app-${index}, namespace: ${namespace}}
spec:
  hosts: [app-${index}.${namespace}.svc.cluster.local]
  addresses: [10.96.${(index >> 8) & 255}.${index & 255}]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 80, name: http, protocol: HTTP}]
  workloadSelector: {labels: {app: app-${index}}}
${entries.join("")}`;
}

function endpointYaml(size: MeshSize, index: number, address: string): string {
  return workloadYaml(index, namespaceOf(size, index), `app-${index}-0`, address);
}

function workloadYaml(index: number, namespace: string, name: string, address: string): string {
  return `---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: ${name}, namespace: ${namespace}}
spec: {address: ${address}, labels: {app: app-${index}, version: v1}, serviceAccount: app-${index}}
`;
}

function routeYaml(size: MeshSize, index: number, header: string): string {
  const namespace = namespaceOf(size, index);
  const host = `app-${index}.${namespace}.svc.cluster.local`;
  return `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: app-${index}, namespace: ${namespace}}
spec:
  hosts: [${host}]
  http:
  - match: [{uri: {prefix: /v1}}]
    headers: {request: {set: {x-bench: "${header}"}}}
    route: [{destination: {host: ${host}}}]
  - route: [{destination: {host: ${host}}}]
    timeout: 5s
`;
}
