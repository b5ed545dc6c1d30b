// How objects become services and endpoints, and what a batch says it has changed.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Registry } from "../../../src/main/registry/registry.ts";
import type { MeshObject } from "../../../src/shared/model/delta.ts";
import type { RegistryChange } from "../../../src/shared/model/push-request.ts";
import {
  config,
  kubeEndpoint,
  kubeNode,
  kubePod,
  kubeService,
  kubeSlice,
  meta,
  serviceEntry,
  testMesh,
  testRegistry,
  workloadEntry,
} from "../../support/registry.ts";

function put(registry: Registry, ...upserts: MeshObject[]): RegistryChange {
  return registry.apply({ upserts, deletes: [] });
}

function remove(registry: Registry, object: MeshObject): RegistryChange {
  const { namespace, name } = object.meta;
  return registry.apply({ upserts: [], deletes: [{ kind: object.kind, namespace, name }] });
}

function endpoints(registry: Registry, hostname: string, namespace = "default"): string[] {
  return registry.services
    .endpointsOf({ hostname, namespace })
    .map((e) => `${e.addresses.join("+")}:${e.port}/${e.servicePortName}`);
}

function keys(change: RegistryChange): Record<string, string[]> {
  return {
    configs: [...change.configs.keys()],
    services: [...change.services.keys()],
    endpoints: [...change.endpoints.keys()],
  };
}

const SELECTING = config("ServiceEntry", "sel", {
  hosts: ["sel.example.com"],
  location: "MESH_INTERNAL",
  resolution: "STATIC",
  ports: [
    { number: 80, name: "http", protocol: "HTTP", targetPort: 8080 },
    { number: 90, name: "grpc", protocol: "GRPC" },
  ],
  workloadSelector: { labels: { app: "a" } },
});
const KUBE_HOST = "web.default.svc.cluster.local";

test("inline endpoints of a ServiceEntry", () => {
  const registry = testRegistry();
  const change = put(registry, serviceEntry("one", ["10.0.0.1", "10.0.0.2"]));
  assert.deepEqual(endpoints(registry, "one.example.com"), ["10.0.0.1:80/http", "10.0.0.2:80/http"]);
  assert.deepEqual(keys(change).services, ["default/one.example.com"]);
  assert.deepEqual([...change.workloadAddresses].sort(), ["10.0.0.1", "10.0.0.2"]);
});

test("a selector chooses WorkloadEntries of its namespace, whichever of the two comes first", () => {
  const a = workloadEntry("a", "10.0.0.1", { app: "a" }, { ports: { grpc: 9090 } });
  const other = workloadEntry("b", "10.0.0.2", { app: "b" });
  const elsewhere = { ...workloadEntry("c", "10.0.0.3", { app: "a" }), meta: meta("c", { namespace: "elsewhere" }) };
  for (const order of [
    [SELECTING, a, other, elsewhere],
    [elsewhere, other, a, SELECTING],
  ]) {
    const registry = testRegistry();
    for (const object of order) put(registry, object);
    assert.deepEqual(endpoints(registry, "sel.example.com"), ["10.0.0.1:8080/http", "10.0.0.1:9090/grpc"]);
  }
});

test("a workload that moves, changes its labels or goes changes the endpoints and nothing else", () => {
  const registry = testRegistry();
  put(registry, SELECTING, workloadEntry("a", "10.0.0.1", { app: "a" }));
  const moved = put(registry, workloadEntry("a", "10.0.0.9", { app: "a" }));
  assert.deepEqual(keys(moved), { configs: [], services: [], endpoints: ["default/sel.example.com"] });
  assert.deepEqual(endpoints(registry, "sel.example.com")[0], "10.0.0.9:8080/http");
  assert.deepEqual([...moved.workloadAddresses].sort(), ["10.0.0.1", "10.0.0.9"]);
  put(registry, workloadEntry("a", "10.0.0.9", { app: "z" }));
  assert.deepEqual(endpoints(registry, "sel.example.com"), []);
  put(registry, workloadEntry("a", "10.0.0.9", { app: "a" }));
  assert.equal(endpoints(registry, "sel.example.com").length, 2);
  remove(registry, workloadEntry("a", "10.0.0.9", {}));
  assert.deepEqual(endpoints(registry, "sel.example.com"), []);
});

test("a batch without meaning changes nothing", () => {
  const registry = testRegistry();
  put(registry, serviceEntry("one", ["10.0.0.1"]));
  const again = serviceEntry("one", ["10.0.0.1"]);
  const change = put(registry, { ...again, meta: { ...again.meta, annotations: { "tool.example/by": "me" } } });
  assert.deepEqual(keys(change), { configs: [], services: [], endpoints: [] });
  assert.equal(change.reasons.size, 0);
});

test("a ServiceEntry that goes takes its services and endpoints along", () => {
  const registry = testRegistry();
  const entry = serviceEntry("one", ["10.0.0.1"]);
  put(registry, entry);
  const change = remove(registry, entry);
  assert.deepEqual(keys(change).services, ["default/one.example.com"]);
  assert.deepEqual(endpoints(registry, "one.example.com"), []);
  assert.deepEqual([...registry.services.all()], []);
});

test("two entries may describe one host: the older one first", () => {
  const registry = testRegistry();
  const young = serviceEntry("x", ["10.0.0.1"]);
  const old = { ...serviceEntry("x", ["10.0.0.2"]), meta: meta("y", { creationTimestamp: 5 }) };
  put(registry, { ...young, meta: meta("x", { creationTimestamp: 10 }) }, old);
  const services = registry.services.services({ hostname: "x.example.com", namespace: "default" });
  assert.deepEqual(
    services.map((s) => s.objectName),
    ["y", "x"],
  );
  assert.equal(endpoints(registry, "x.example.com").length, 2);
});

test("a DNS entry without endpoints resolves its host", () => {
  const registry = testRegistry();
  put(
    registry,
    config("ServiceEntry", "dns", {
      hosts: ["api.example.com"],
      resolution: "DNS",
      ports: [{ number: 443, name: "tls", protocol: "TLS" }],
    }),
  );
  assert.deepEqual(endpoints(registry, "api.example.com"), ["api.example.com:443/tls"]);
});

test("a Kubernetes service with its slice, pod and node", () => {
  const node = kubeNode("n1", {
    "topology.kubernetes.io/region": "r",
    "topology.kubernetes.io/zone": "z",
  });
  const pod = kubePod("web-1", "10.0.0.1", { labels: { app: "web" }, nodeName: "n1", serviceAccount: "sa" });
  const slice = kubeSlice("web-abc", "web", [kubeEndpoint("10.0.0.1", { podName: "web-1", nodeName: "n1" })]);
  const objects = [kubeService("web"), slice, pod, node];
  for (const order of [objects, [...objects].reverse()]) {
    const registry = testRegistry();
    for (const object of order) put(registry, object);
    const [service] = registry.services.all();
    assert.equal(service?.hostname, KUBE_HOST);
    assert.equal(service?.resolution, "static");
    assert.deepEqual(service?.ports, [{ name: "http-web", port: 80, protocol: "HTTP" }]);
    const [endpoint] = registry.services.endpointsOf({ hostname: KUBE_HOST, namespace: "default" });
    assert.equal(endpoint?.locality, "r/z/");
    assert.equal(endpoint?.serviceAccount, "spiffe://cluster.local/ns/default/sa/sa");
    assert.deepEqual(endpoint?.labels, { app: "web" });
    assert.equal(endpoint?.port, 8080);
    assert.equal(endpoint?.health, "HEALTHY");
  }
});

test("endpoints of a Kubernetes service follow readiness", () => {
  const registry = testRegistry();
  put(registry, kubeService("web"));
  const health = (more: Parameters<typeof kubeEndpoint>[1]): string | undefined => {
    put(registry, kubeSlice("web-abc", "web", [kubeEndpoint("10.0.0.1", more)]));
    return registry.services.endpointsOf({ hostname: KUBE_HOST, namespace: "default" })[0]?.health;
  };
  assert.equal(health({}), "HEALTHY");
  assert.equal(health({ ready: false }), "UNHEALTHY");
  assert.equal(health({ ready: false, terminating: true }), "DRAINING");
  assert.equal(health({ ready: false, terminating: true, serving: false }), "TERMINATING");
  put(registry, kubeService("web", { publishNotReadyAddresses: true }));
  assert.equal(health({ ready: false }), "HEALTHY");
});

test("several slices count as one list, an address of two slices once", () => {
  const registry = testRegistry();
  put(
    registry,
    kubeService("web"),
    kubeSlice("web-a", "web", [kubeEndpoint("10.0.0.1"), kubeEndpoint("10.0.0.2")]),
    kubeSlice("web-b", "web", [kubeEndpoint("10.0.0.2"), kubeEndpoint("10.0.0.3")]),
  );
  assert.deepEqual(endpoints(registry, KUBE_HOST), [
    "10.0.0.1:8080/http-web",
    "10.0.0.2:8080/http-web",
    "10.0.0.3:8080/http-web",
  ]);
});

test("headless and ExternalName services", () => {
  const registry = testRegistry();
  put(registry, kubeService("web", { clusterIPs: ["None"] }));
  put(
    registry,
    kubeService("ext", { type: "ExternalName", clusterIPs: [], externalName: "example.com", selector: null }),
  );
  const byName = new Map([...registry.services.all()].map((s) => [s.name, s]));
  assert.equal(byName.get("web")?.resolution, "passthrough");
  assert.deepEqual(byName.get("web")?.addresses, []);
  assert.equal(byName.get("ext")?.resolution, "alias");
  assert.equal(byName.get("ext")?.externalName, "example.com");
});

test("endpoints of a headless service change its clusters and listeners too", () => {
  const registry = testRegistry();
  put(registry, kubeService("web", { clusterIPs: ["None"] }));
  const change = put(registry, kubeSlice("web-a", "web", [kubeEndpoint("10.0.0.1")]));
  assert.deepEqual(keys(change).services, [`default/${KUBE_HOST}`]);
  assert.equal(change.reasons.has("headlessendpoint"), true);
});

test("a Kubernetes service may choose WorkloadEntries, a ServiceEntry pods", () => {
  const registry = testRegistry();
  put(registry, kubeService("web"), workloadEntry("vm", "10.9.0.1", { app: "web" }));
  assert.deepEqual(endpoints(registry, KUBE_HOST), ["10.9.0.1:80/http-web"]);
  put(registry, SELECTING, kubePod("p", "10.0.0.7", { labels: { app: "a" } }));
  assert.deepEqual(endpoints(registry, "sel.example.com"), ["10.0.0.7:8080/http", "10.0.0.7:90/grpc"]);
});

test("what a proxy serves follows from its addresses", () => {
  const registry = testRegistry();
  put(registry, SELECTING, workloadEntry("a", "10.0.0.1", { app: "a" }));
  const targets = registry.services.targetsAt(["10.0.0.1"], "default");
  assert.deepEqual(
    targets.map((t) => `${t.hostname}:${t.port.port}->${t.targetPort}`),
    ["sel.example.com:80->8080", "sel.example.com:90->90"],
  );
  assert.deepEqual(registry.services.targetsAt(["10.0.0.1"], "elsewhere"), []);
  assert.deepEqual(registry.services.endpointAt(["10.0.0.1"], "default")?.labels, { app: "a" });
});

test("new mesh settings join everything again where defaults decide", () => {
  const registry = testRegistry();
  put(registry, serviceEntry("one", ["10.0.0.1"]));
  assert.deepEqual([...registry.services.all()][0]?.exportTo, ["*"]);
  const mesh = testMesh();
  const change = registry.setMesh({ ...mesh, mesh: { ...mesh.mesh, defaultServiceExportTo: ["."] } });
  assert.equal(change.mesh, true);
  assert.deepEqual([...registry.services.all()][0]?.exportTo, ["default"]);
  assert.equal(registry.setMesh(registry.mesh).mesh, false);
});

test("proxies serve what their services say: new ports, and new ways behind them, make new views", () => {
  const registry = testRegistry();
  const entry = (ports: object[], endpoint: object) =>
    config("ServiceEntry", "x", {
      hosts: ["x.example.com"],
      resolution: "STATIC",
      location: "MESH_INTERNAL",
      ports,
      endpoints: [endpoint, { address: "10.0.0.2" }],
    });
  const http = { number: 80, name: "http", protocol: "HTTP" };
  const moved = (object: ReturnType<typeof entry>): string[] =>
    [...registry.apply({ upserts: [object], deletes: [] }).workloadAddresses].sort();
  const plain = { address: "10.0.0.1" };
  assert.deepEqual(moved(entry([http], plain)), ["10.0.0.1", "10.0.0.2"]);
  assert.deepEqual(moved(entry([{ ...http, protocol: "TCP" }], plain)), ["10.0.0.1", "10.0.0.2"]);
  assert.deepEqual(moved(entry([{ ...http, protocol: "TCP" }], { ...plain, ports: { http: 8080 } })), ["10.0.0.1"]);
  assert.deepEqual(moved(entry([{ ...http, protocol: "TCP" }], { ...plain, labels: { app: "x" } })), ["10.0.0.1"]);
  assert.deepEqual(moved(entry([{ ...http, protocol: "TCP" }], { ...plain, labels: { app: "x" }, weight: 7 })), []);
  const there = { ...plain, labels: { app: "x" }, locality: "r1/z1" };
  assert.deepEqual(moved(entry([{ ...http, protocol: "TCP" }], there)), ["10.0.0.1"]);
});

test("labels at an address that two services name don't depend on which came first", () => {
  const at = (host: string, app: string) =>
    config("ServiceEntry", host, {
      hosts: [`${host}.example.com`],
      resolution: "STATIC",
      location: "MESH_INTERNAL",
      ports: [{ number: 80, name: "http", protocol: "HTTP" }],
      endpoints: [{ address: "10.0.0.1", labels: { app } }],
    });
  const objects = [at("x", "one"), at("y", "two")];
  const answers = [objects, [...objects].reverse()].map((order) => {
    const registry = testRegistry();
    for (const object of order) put(registry, object);
    return registry.services.endpointAt(["10.0.0.1"], "default")?.labels;
  });
  assert.deepEqual(answers, [{ app: "one" }, { app: "one" }]);
});
