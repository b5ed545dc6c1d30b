// Where a Sidecar's egress listeners listen, and what each of them lets out.
// https://istio.io/latest/docs/reference/config/networking/sidecar/#IstioEgressListener
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
import type { ProxySpec, WorkerMesh } from "../../support/worker-mesh.ts";

const NONE: ProxySpec = { metadata: { INTERCEPTION_MODE: "NONE" } };
const PORTS = { ports: [HTTP_80, TCP_9000], addresses: ["10.96.0.1"] };

function meshWith(
  egress: readonly object[],
  more: readonly object[] = [host("a", PORTS)],
  spec: object = {},
): WorkerMesh {
  return meshOf([...more, doc("Sidecar", "s", { egress, ...spec })]);
}

/** Outbound listeners by name, with "!" after those that take connections themselves. */
function listeners(mesh: WorkerMesh, proxy: ProxySpec = {}): string[] {
  return Object.entries(show(mesh, "LDS", proxy))
    .filter(([name]) => !name.startsWith("virtual"))
    .map(([name, l]) => `${name}${l.bindToPort === false ? "" : "!"}`)
    .sort();
}

const ALL = { hosts: ["*/*"] };
const HTTP = { ...HTTP_80, name: "egress" };
const TCP = { ...TCP_9000, name: "egress" };

const PLACES: readonly (readonly [egress: object, proxy: ProxySpec, expected: readonly string[]])[] = [
  [ALL, {}, ["0.0.0.0_80", "10.96.0.1_9000"]],
  [{ ...ALL, captureMode: "IPTABLES" }, {}, ["0.0.0.0_80", "10.96.0.1_9000"]],
  [{ ...ALL, captureMode: "NONE" }, {}, ["127.0.0.1_80!", "127.0.0.1_9000!"]],
  [{ ...ALL, bind: "127.0.0.9" }, {}, ["127.0.0.9_80", "127.0.0.9_9000"]],
  [{ ...ALL, bind: "127.0.0.9", captureMode: "NONE" }, {}, ["127.0.0.9_80!", "127.0.0.9_9000!"]],
  [ALL, NONE, ["127.0.0.1_80!", "127.0.0.1_9000!"]],
  [{ ...ALL, captureMode: "IPTABLES" }, NONE, ["127.0.0.1_80!", "127.0.0.1_9000!"]],
  [{ ...ALL, port: HTTP }, {}, ["0.0.0.0_80"]],
  [{ ...ALL, port: TCP }, {}, ["10.96.0.1_9000"]],
  [{ ...ALL, port: TCP, captureMode: "NONE" }, {}, ["127.0.0.1_9000!"]],
  [{ ...ALL, port: { ...TCP, number: 9001 } }, {}, []],
  [
    { ...ALL, port: { number: 0, name: "x", protocol: "HTTP" }, bind: "unix:///run/out.sock" },
    {},
    ["unix:///run/out.sock!"],
  ],
];

for (const [egress, proxy, expected] of PLACES) {
  const mode = proxy === NONE ? " without interception" : "";
  test(`egress ${JSON.stringify(egress)}${mode} listens at ${expected.join(", ") || "nothing"}`, () => {
    assert.deepEqual(listeners(meshWith([egress]), proxy), expected);
  });
}

test("HTTP is looked for only where something else may come", () => {
  const at = (egress: object, name: string): unknown => show(meshWith([egress]), "LDS")[name];
  assertLike(at(ALL, "0.0.0.0_80"), {
    filterChains: [{ filterChainMatch: { transportProtocol: "raw_buffer" } }],
    defaultFilterChain: { name: "PassthroughFilterChain" },
    listenerFilters: [{ name: "envoy.filters.listener.http_inspector" }],
  });
  assertLike(at({ ...ALL, bind: "127.0.0.9" }, "127.0.0.9_80"), {
    filterChains: [{ filterChainMatch: undefined }],
    defaultFilterChain: undefined,
    listenerFilters: undefined,
  });
});

test("a Unix socket has the routes of its listener, with the ports that clients name", () => {
  const socket = { port: { number: 0, name: "x", protocol: "HTTP" }, bind: "unix:///run/out.sock" };
  const mesh = meshWith(
    [{ ...socket, hosts: ["*/a.example.com"] }, { hosts: ["*/b.example.com"] }],
    [host("a"), host("b")],
  );
  assertLike(show(mesh, "LDS")["unix:///run/out.sock"], {
    address: { pipe: { path: "/run/out.sock" } },
    filterChains: [{ filters: [{ typedConfig: { rds: { routeConfigName: "unix:///run/out.sock" } } }] }],
  });
  const [vh, ...others] = virtualHosts(mesh, "unix:///run/out.sock");
  assertLike(vh, { name: "a.example.com:80", domains: ["a.example.com:80", "a.example.com.:80"] });
  assert.deepEqual(
    others.map((o) => o.name),
    ["allow_any"],
  );
});

test("TCP through a Unix socket goes to the service's port", () => {
  const egress = { ...ALL, port: { number: 0, name: "x", protocol: "TCP" }, bind: "unix:///run/tcp.sock" };
  const mesh = meshWith([egress], [host("a", { ports: [TCP_9000] })]);
  assertLike(show(mesh, "LDS")["unix:///run/tcp.sock"], {
    filterChains: [{ filters: [{ typedConfig: { cluster: "outbound|9000||a.example.com" } }] }],
  });
});

test("a listener for HTTP proxying has all services on all of their ports", () => {
  const two = { ports: [HTTP_80, { number: 8080, name: "http-2", protocol: "HTTP" }] };
  const mesh = meshWith([{ ...ALL, port: { number: 3128, name: "p", protocol: "HTTP_PROXY" } }], [host("a", two)]);
  assert.deepEqual(
    virtualHosts(mesh, "3128").flatMap((vh) => vh.domains),
    [...["a.example.com:80", "a.example.com.:80", "a.example.com:8080", "a.example.com.:8080"], "*"],
  );
});

test("applications may use their sidecar as an HTTP proxy, where the mesh or the proxy says at which port", () => {
  const mesh = meshWith([ALL]);
  const listener = show(mesh, "LDS", { metadata: { HTTP_PROXY_PORT: "15080" } })["127.0.0.1_15080"];
  assertLike(listener, {
    bindToPort: undefined,
    filterChains: [
      {
        filterChainMatch: undefined,
        filters: [
          { typedConfig: { rds: { routeConfigName: "http_proxy" }, httpProtocolOptions: { allowAbsoluteUrl: true } } },
        ],
      },
    ],
  });
  assert.ok(virtualHosts(mesh, "http_proxy").some((vh) => vh.domains.includes("a.example.com:80")));
});

test("ports of the proxy's own are left to it, and privileged ones to who may bind them", () => {
  const at = (number: number): WorkerMesh =>
    meshWith([ALL], [host("a", { ports: [{ number, name: "http", protocol: "HTTP" }] })]);
  const metadata = { ENVOY_STATUS_PORT: "15021", ENVOY_PROMETHEUS_PORT: "15090" };
  for (const number of [15001, 15006, 15021, 15090]) assert.deepEqual(listeners(at(number), { metadata }), []);
  assert.deepEqual(listeners(at(15021)), ["0.0.0.0_15021"]);
  const unprivileged = { ...NONE.metadata, UNPRIVILEGED_POD: "true" };
  assert.deepEqual(listeners(at(80), { metadata: unprivileged }), []);
  assert.deepEqual(listeners(at(8080), { metadata: unprivileged }), ["127.0.0.1_8080!"]);
});

const FOUR = [host("a"), host("b"), host("c", {}, { namespace: "shop" }), host("d", {}, { namespace: "shop" })];

const EXCLUSIONS: readonly (readonly [hosts: readonly string[], expected: string])[] = [
  [["*/*", "~shop/*"], "ab"],
  [["*/*", "~shop/c.example.com"], "abd"],
  [["*/*", "~default/c.example.com"], "abcd"],
  [["*/*", "~/c.example.com"], "abd"],
  [["*/*", "~./*"], "cd"],
  [["*/*", "~/*"], ""],
];

for (const [hosts, expected] of EXCLUSIONS) {
  test(`egress hosts ${hosts.join(" ")} leave ${expected || "nothing"}`, () => {
    const clusters = Object.keys(show(meshWith([{ hosts }], FOUR), "CDS"));
    assert.equal(
      clusters
        .flatMap((n) => /^outbound\|80\|\|(.)/.exec(n)?.[1] ?? [])
        .sort()
        .join(""),
      expected,
    );
  });
}

test("a VirtualService goes when all of its hosts that are imported are left out", () => {
  const vs = doc("VirtualService", "v", { hosts: ["a.example.com", "b.example.com"], http: [to("d")] });
  const routed = (hosts: readonly string[]): boolean =>
    Object.keys(show(meshWith([{ hosts }], [...FOUR, vs]), "CDS")).includes("outbound|80||d.example.com");
  assert.equal(routed(["./*"]), true);
  assert.equal(routed(["./*", "~./a.example.com"]), true);
  assert.equal(routed(["./*", "~./a.example.com", "~./b.example.com"]), false);
});

test("what only routes lead to has clusters, of the ports that they name, and no virtual host", () => {
  const two = { ports: [HTTP_80, { number: 8080, name: "http-2", protocol: "HTTP" }] };
  const clusters = (destination: object): string[] => {
    const vs = doc("VirtualService", "v", { hosts: ["a.example.com"], http: [{ route: [{ destination }] }] });
    const mesh = meshWith([{ hosts: ["./a.example.com"] }], [host("a"), host("b", two), vs]);
    assert.deepEqual(
      virtualHosts(mesh, "80").map((vh) => vh.name),
      ["a.example.com:80", "allow_any"],
    );
    return Object.keys(show(mesh, "CDS")).filter((name) => name.endsWith("|b.example.com"));
  };
  assert.deepEqual(clusters({ host: "b.example.com" }), ["outbound|80||b.example.com", "outbound|8080||b.example.com"]);
  assert.deepEqual(clusters({ host: "b.example.com", port: { number: 8080 } }), ["outbound|8080||b.example.com"]);
});

test("unknown destinations may go by a proxy", () => {
  const egressProxy = { host: "out.example.com", port: { number: 80 } };
  const mesh = meshWith([ALL], [host("a", PORTS)], { outboundTrafficPolicy: { mode: "ALLOW_ANY", egressProxy } });
  const cluster = "outbound|80||out.example.com";
  assertLike(virtualHosts(mesh, "80").at(-1), { name: "allow_any", routes: [{ route: { cluster } }] });
  const all = show(mesh, "LDS");
  assertLike(all["0.0.0.0_80"], { defaultFilterChain: { filters: [{ typedConfig: { cluster } }] } });
  const chains = all.virtualOutbound!.filterChains as readonly unknown[];
  assertLike(chains.at(-1), { name: "virtualOutbound-catchall-tcp", filters: [{ typedConfig: { cluster } }] });
});

test("a Sidecar that names an outbound policy without a mode lets only known hosts be reached", () => {
  const mesh = meshWith([ALL], [host("a")], { outboundTrafficPolicy: {} });
  assertLike(virtualHosts(mesh, "80").at(-1), { name: "block_all" });
});
