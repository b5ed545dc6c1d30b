// What a Sidecar lets its workloads reach, and which Sidecar a workload has.
// https://istio.io/latest/docs/reference/config/networking/sidecar/
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  assertLike,
  doc,
  HTTP_80,
  host,
  meshOf,
  show,
  TCP_9000,
  to,
  virtualHosts,
} from "../../support/worker-behaviour.ts";
import { meshSettings, type ProxySpec, type WorkerMesh } from "../../support/worker-mesh.ts";

const SERVICES = [host("a"), host("b"), host("c", {}, { namespace: "shop" }), host("d", {}, { namespace: "shop" })];

function sidecar(
  hosts: readonly string[],
  more: object = {},
  meta: { namespace?: string; age?: number } = {},
  name = "s",
): object {
  return doc("Sidecar", name, { egress: [{ hosts }], ...more }, meta);
}

/** First letters of the hosts that a proxy has clusters for. */
function reached(mesh: WorkerMesh, proxy: ProxySpec = {}): string {
  const clusters = Object.keys(show(mesh, "CDS", proxy)).flatMap(
    (name) => /^outbound\|80\|\|(.)/.exec(name)?.[1] ?? [],
  );
  const routed = virtualHosts(mesh, "80", proxy).flatMap((vh) => /^(.)\.example\.com:/.exec(vh.name)?.[1] ?? []);
  const letters = clusters.sort().join("");
  assert.equal(routed.sort().join(""), letters, "routes and clusters are for the same hosts");
  return letters;
}

const HOSTS: readonly (readonly [says: string, hosts: readonly string[], expected: string])[] = [
  ["everything", ["*/*"], "abcd"],
  ["what is in its own namespace", ["./*"], "ab"],
  ["what is in another namespace", ["shop/*"], "cd"],
  ["single hosts", ["./a.example.com", "shop/d.example.com"], "ad"],
  ["a host wherever it is", ["*/c.example.com"], "c"],
  ["hosts by their ending", ["shop/*.example.com"], "cd"],
  ["nothing for a host in another namespace than the one named", ["./c.example.com"], ""],
  ["nothing", ["~/*"], ""],
];

for (const [says, hosts, expected] of HOSTS) {
  test(`egress hosts ${hosts.join(" ")} let out ${says}`, () => {
    assert.equal(reached(meshOf([...SERVICES, sidecar(hosts)])), expected);
  });
}

test("without a Sidecar everything that is exported is reached", () => {
  assert.equal(reached(meshOf(SERVICES)), "abcd");
});

test("the Sidecar that selects the workload goes before its namespace's, and that before the root namespace's", () => {
  const root = sidecar(["*/a.example.com"], {}, { namespace: "istio-system" });
  const own = sidecar(["*/b.example.com"]);
  const chosen = sidecar(["*/c.example.com"], { workloadSelector: { labels: { app: "x" } } }, {}, "chosen");
  const mesh = meshOf([...SERVICES, root, own, chosen]);
  assert.equal(reached(mesh, { labels: { app: "x" } }), "c");
  assert.equal(reached(mesh, { labels: { app: "y" } }), "b");
  assert.equal(reached(mesh, { namespace: "other" }), "a");
});

test("a Sidecar of another namespace says nothing", () => {
  assert.equal(reached(meshOf([...SERVICES, sidecar(["./*"], {}, { namespace: "shop" })])), "abcd");
});

test("what is not exported to the namespace stays out of reach, whatever the Sidecar imports", () => {
  const hidden = host("c", { exportTo: ["."] }, { namespace: "shop" });
  assert.equal(reached(meshOf([host("a"), hidden, sidecar(["*/*"])])), "a");
});

test("a router's reach isn't narrowed by Sidecars", () => {
  const clusters = show(meshOf([...SERVICES, sidecar(["./a.example.com"])]), "CDS", { type: "router" });
  assert.ok(clusters["outbound|80||d.example.com"]);
});

test("a VirtualService counts where its host is imported, and brings its destinations along", () => {
  const vs = doc("VirtualService", "v", { hosts: ["a.example.com"], http: [to("c")] });
  const mesh = meshOf([...SERVICES, vs, sidecar(["./a.example.com"])]);
  const clusters = Object.keys(show(mesh, "CDS"));
  assert.ok(clusters.includes("outbound|80||c.example.com"), "the destination, though it isn't imported");
  assert.ok(!clusters.includes("outbound|80||d.example.com"));
  const [vh] = virtualHosts(mesh, "80");
  assertLike(vh!.routes, [{ route: { cluster: "outbound|80||c.example.com" } }]);
});

test("a VirtualService of a namespace that isn't imported doesn't count", () => {
  const vs = doc("VirtualService", "v", { hosts: ["a.example.com"], http: [to("b")] }, { namespace: "shop" });
  const routeOf = (hosts: readonly string[]): unknown =>
    virtualHosts(meshOf([...SERVICES, vs, sidecar(hosts)]), "80").find((vh) => vh.name.startsWith("a."))!.routes;
  assertLike(routeOf(["./*"]), [{ route: { cluster: "outbound|80||a.example.com" } }]);
  assertLike(routeOf(["./*", "shop/*"]), [{ route: { cluster: "outbound|80||b.example.com" } }]);
});

test("hosts that nobody knows are let through or not, as the Sidecar says, else the mesh", () => {
  const catchAll = (documents: readonly object[], config = ""): unknown =>
    virtualHosts(meshOf([host("a"), ...documents], meshSettings(config)), "80").find((vh) => vh.domains.includes("*"));
  const through = { name: "allow_any", routes: [{ route: { cluster: "PassthroughCluster" } }] };
  const blocked = { name: "block_all", routes: [{ directResponse: { status: 502 } }] };
  const registryOnly = "outboundTrafficPolicy: {mode: REGISTRY_ONLY}";
  const says = (mode: string): object => sidecar(["*/*"], { outboundTrafficPolicy: { mode } });
  assertLike(catchAll([]), through);
  assertLike(catchAll([], registryOnly), blocked);
  assertLike(catchAll([says("REGISTRY_ONLY")]), blocked);
  assertLike(catchAll([says("ALLOW_ANY")], registryOnly), through);
});

test("an egress listener of its own has the hosts that it names at its port", () => {
  const two = { ports: [HTTP_80, { number: 8080, name: "http-2", protocol: "HTTP" }] };
  const egress = [
    { port: { number: 8080, name: "http", protocol: "HTTP" }, hosts: ["*/b.example.com"] },
    { hosts: ["*/a.example.com"] },
  ];
  const mesh = meshOf([host("a", two), host("b", two), doc("Sidecar", "s", { egress })]);
  const at = (port: string): unknown => virtualHosts(mesh, port).map((vh) => vh.name);
  assert.deepEqual(at("8080"), ["b.example.com:8080", "allow_any"]);
  assert.deepEqual(at("80"), ["a.example.com:80", "allow_any"]);
  const clusters = Object.keys(show(mesh, "CDS")).filter((name) => name.includes("|b."));
  assert.deepEqual(clusters, ["outbound|8080||b.example.com"]);
});

/** The listeners of two TCP services at port 9000, of which an egress listener of its own has `a`. */
function tcpListeners(listener: object): Record<string, unknown> {
  const egress = [{ port: TCP_9000, hosts: ["*/a.example.com"], ...listener }, { hosts: ["*/b.example.com"] }];
  const tcp = { ports: [TCP_9000] };
  return show(meshOf([host("a", tcp), host("b", tcp, { age: 1 }), doc("Sidecar", "s", { egress })]), "LDS");
}

function leadsTo(name: string): object {
  return { filterChains: [{ filters: [{ typedConfig: { cluster: `outbound|9000||${name}.example.com` } }] }] };
}

test("an egress listener with an address stands there, beside the one for all addresses", () => {
  const listeners = tcpListeners({ bind: "127.0.0.1" });
  assertLike(listeners["127.0.0.1_9000"], {
    address: { socketAddress: { address: "127.0.0.1", portValue: 9000 } },
    ...leadsTo("a"),
  });
  assertLike(listeners["0.0.0.0_9000"], leadsTo("b"));
});

test("an egress listener without an address has its port for itself", () => {
  const listeners = tcpListeners({});
  assertLike(listeners["0.0.0.0_9000"], leadsTo("a"));
});

test("what captures everything adds no HTTP to an egress listener of TCP", () => {
  const egress = [{ port: TCP_9000, hosts: ["*/a.example.com"] }, { hosts: ["*/b.example.com"] }];
  const b = host("b", { ports: [{ number: 9000, name: "http", protocol: "HTTP" }] });
  const mesh = meshOf([host("a", { ports: [TCP_9000] }), b, doc("Sidecar", "s", { egress })]);
  assertLike(show(mesh, "LDS")["0.0.0.0_9000"], { ...leadsTo("a"), defaultFilterChain: undefined });
});
