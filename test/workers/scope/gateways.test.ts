// What a router serves: the servers of all Gateways that choose it, joined by port, with the routes bound to them.
// https://istio.io/latest/docs/reference/config/networking/gateway/
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
import type { Json } from "../../support/worker-json.ts";

const ROUTER = { type: "router", namespace: "istio-ingress", labels: { istio: "gateway" } } as const;
const HTTPS = { number: 443, name: "https", protocol: "HTTPS" };
const TLS = { number: 443, name: "tls", protocol: "TLS" };

interface Meta {
  readonly namespace?: string;
  readonly age?: number;
}

function gateway(
  name: string,
  servers: readonly object[],
  meta: Meta = {},
  selector: object = { istio: "gateway" },
): object {
  return doc("Gateway", name, { selector, servers }, meta);
}

function http(hosts: readonly string[], more: object = {}): object {
  return { port: HTTP_80, hosts, ...more };
}

function bound(
  name: string,
  hosts: readonly string[],
  gateways: readonly string[],
  destination = "a",
  meta: Meta = {},
): object {
  return doc("VirtualService", name, { hosts, gateways, http: [to(destination)] }, meta);
}

function names(mesh: ReturnType<typeof meshOf>, routeName = "http.80"): unknown {
  return virtualHosts(mesh, routeName, ROUTER).map((vh) => vh.name);
}

function chains(documents: readonly object[], listener: string): readonly Json[] {
  return (show(meshOf(documents), "LDS", ROUTER)[listener]?.filterChains ?? []) as readonly Json[];
}

test("a Gateway is for the workloads that it selects", () => {
  const all = [host("a"), bound("v", ["a.example.com"], ["gw"]), gateway("gw", [http(["*"])])];
  assert.deepEqual(Object.keys(show(meshOf(all), "LDS", ROUTER)), ["0.0.0.0_80"]);
  assert.deepEqual(Object.keys(show(meshOf(all), "LDS", { ...ROUTER, labels: { istio: "other" } })), []);
});

test("HTTP servers of several Gateways share a port, and have the hosts of each", () => {
  const mesh = meshOf([
    host("a"),
    gateway("one", [http(["one.example.com"])]),
    gateway("two", [http(["two.example.com"])]),
    bound("v1", ["one.example.com", "two.example.com"], ["one"]),
    bound("v2", ["two.example.com"], ["two"]),
  ]);
  assert.deepEqual(Object.keys(show(mesh, "LDS", ROUTER)), ["0.0.0.0_80"]);
  // The first VirtualService isn't bound to the Gateway of its second host.
  const hosts = virtualHosts(mesh, "http.80", ROUTER);
  assert.deepEqual(
    hosts.map((vh) => [vh.name, vh.routes?.length]),
    [
      ["one.example.com:80", 1],
      ["two.example.com:80", 1],
    ],
  );
  assertLike(hosts[1]!.routes![0]!.metadata, {
    filterMetadata: { istio: { config: "/apis/networking.istio.io/v1/namespaces/default/virtual-service/v2" } },
  });
});

const HOSTS: readonly (readonly [server: string, service: string, expected: readonly string[]])[] = [
  ["*", "a.example.com", ["a.example.com:80"]],
  ["*.example.com", "a.example.com", ["a.example.com:80"]],
  ["a.example.com", "*.example.com", ["a.example.com:80"]],
  ["*.example.com", "*", ["*.example.com:80"]],
  ["a.example.com", "b.example.com", ["blackhole:80"]],
  ["default/*", "a.example.com", ["a.example.com:80"]],
  ["./*", "a.example.com", ["a.example.com:80"]],
  ["other/*", "a.example.com", ["blackhole:80"]],
];

for (const [server, service, expected] of HOSTS) {
  test(`a server of ${server} and a VirtualService of default for ${service} have ${expected.join()} in common`, () => {
    const mesh = meshOf([host("a"), gateway("gw", [http([server])]), bound("v", [service], ["gw"])]);
    assert.deepEqual(names(mesh), expected);
  });
}

test("a VirtualService names a Gateway of another namespace with it", () => {
  const servers = gateway("gw", [http(["*"])], { namespace: "istio-ingress" });
  const served = (name: string): unknown => names(meshOf([host("a"), servers, bound("v", ["a.example.com"], [name])]));
  assert.deepEqual(served("istio-ingress/gw"), ["a.example.com:80"]);
  assert.deepEqual(served("gw"), ["blackhole:80"]);
});

test("VirtualServices of one host add up, and what takes everything comes last", () => {
  const exact = { match: [{ uri: { exact: "/x" } }], ...to("b") };
  const mesh = meshOf([
    ...[host("a"), host("b"), gateway("gw", [http(["*"])])],
    bound("all", ["a.example.com"], ["gw"], "a", { age: 1 }),
    doc("VirtualService", "some", { hosts: ["a.example.com"], gateways: ["gw"], http: [exact] }, { age: 2 }),
  ]);
  assertLike(virtualHosts(mesh, "http.80", ROUTER), [
    { name: "a.example.com:80", routes: [{ match: { path: "/x" } }, { match: { prefix: "/" } }] },
  ]);
});

test("a redirect to HTTPS needs no routes, and holds for the server's hosts only", () => {
  const redirect = http(["a.example.com"], { tls: { httpsRedirect: true } });
  const mesh = meshOf([
    host("a"),
    gateway("gw", [redirect, http(["b.example.com"], { port: { ...HTTP_80, name: "http-2" } })]),
    bound("v", ["b.example.com"], ["gw"]),
  ]);
  const found = virtualHosts(mesh, "http.80", ROUTER).map((vh) => [vh.name, vh.requireTls]);
  assert.deepEqual(Object.fromEntries(found), { "a.example.com:80": "ALL", "b.example.com:80": undefined });
});

test("HTTPS servers have a chain by name each, with their own certificate and routes", () => {
  const https = (name: string): object => ({
    port: { ...HTTPS, name },
    hosts: [`${name}.example.com`],
    tls: { mode: "SIMPLE", credentialName: `cert-${name}` },
  });
  const found = chains([gateway("gw", [https("a"), https("b")])], "0.0.0.0_443");
  const expected = (name: string): object => ({
    filterChainMatch: { serverNames: [`${name}.example.com`] },
    filters: [{ typedConfig: { rds: { routeConfigName: `https.443.${name}.gw.default` } } }],
    transportSocket: {
      typedConfig: {
        commonTlsContext: {
          tlsCertificateSdsSecretConfigs: [{ name: `kubernetes://cert-${name}` }],
          combinedValidationContext: undefined,
        },
        requireClientCertificate: false,
      },
    },
  });
  assertLike(found, [expected("a"), expected("b")]);
});

test("of two servers for one TLS name the older Gateway's counts", () => {
  const https = (credentialName: string): object => ({
    port: HTTPS,
    hosts: ["a.example.com"],
    tls: { mode: "SIMPLE", credentialName },
  });
  const found = chains(
    [gateway("young", [https("y")], { age: 2 }), gateway("old", [https("o")], { age: 1 })],
    "0.0.0.0_443",
  );
  assertLike(found, [
    {
      transportSocket: {
        typedConfig: { commonTlsContext: { tlsCertificateSdsSecretConfigs: [{ name: "kubernetes://o" }] } },
      },
    },
  ]);
});

test("TLS that is passed on goes by name where a VirtualService says", () => {
  const server = { port: TLS, hosts: ["*.example.com"], tls: { mode: "PASSTHROUGH" } };
  const tls = [
    { match: [{ sniHosts: ["x.example.com"] }], ...to("a") },
    { match: [{ port: 444, sniHosts: ["y.example.com"] }], ...to("a") },
  ];
  const vs = doc("VirtualService", "v", { hosts: ["*.example.com"], gateways: ["gw"], tls });
  assertLike(chains([host("a"), gateway("gw", [server]), vs], "0.0.0.0_443"), [
    {
      filterChainMatch: { serverNames: ["x.example.com"] },
      transportSocket: undefined,
      filters: [{ name: "envoy.filters.network.tcp_proxy", typedConfig: { cluster: "outbound|80||a.example.com" } }],
    },
  ]);
});

test("a TCP server goes where its port's route says, by weight", () => {
  const destination = (name: string): object => ({ host: `${name}.example.com`, port: { number: 80 } });
  const route = [
    { destination: destination("a"), weight: 90 },
    { destination: destination("b"), weight: 10 },
  ];
  const vs = doc("VirtualService", "v", { hosts: ["*"], gateways: ["gw"], tcp: [{ match: [{ port: 9000 }], route }] });
  const documents = [host("a"), host("b"), gateway("gw", [{ port: TCP_9000, hosts: ["*"] }]), vs];
  const clusters = ["a", "b"].map((name, i) => ({
    name: `outbound|80||${name}.example.com`,
    weight: i === 0 ? 90 : 10,
  }));
  assertLike(chains(documents, "0.0.0.0_9000"), [{ filters: [{ typedConfig: { weightedClusters: { clusters } } }] }]);
});

test("a port that has HTTP is nothing for TCP of a younger Gateway", () => {
  const tcp = { port: { number: 80, name: "tcp", protocol: "TCP" }, hosts: ["*"] };
  const vs = doc("VirtualService", "v", { hosts: ["*"], gateways: ["young"], tcp: [to("a")] });
  const documents = [host("a"), vs, gateway("young", [tcp], { age: 2 }), gateway("old", [http(["*"])], { age: 1 })];
  assertLike(chains(documents, "0.0.0.0_80"), [
    { filters: [{ typedConfig: { rds: { routeConfigName: "http.80" } } }] },
  ]);
});

test("a port of plain TCP is one server's, the older Gateway's", () => {
  const vs = (name: string, destination: string): object =>
    doc("VirtualService", name, { hosts: ["*"], gateways: [name], tcp: [to(destination)] });
  const servers = [{ port: TCP_9000, hosts: ["*"] }];
  const gateways = [gateway("young", servers, { age: 2 }), gateway("old", servers, { age: 1 })];
  const documents = [host("a"), host("b"), vs("young", "a"), vs("old", "b"), ...gateways];
  assertLike(chains(documents, "0.0.0.0_9000"), [
    { filters: [{ typedConfig: { cluster: "outbound|80||b.example.com" } }] },
  ]);
});

test("a mesh router passes mesh TLS on to the cluster that SNI names", () => {
  const server = { port: { ...TLS, number: 15443 }, hosts: ["*.example.com"], tls: { mode: "AUTO_PASSTHROUGH" } };
  const outside = host("b", { location: "MESH_EXTERNAL" });
  const documents = [host("a"), outside, gateway("gw", [server])];
  const sni = "outbound_.80_._.a.example.com";
  assertLike(chains(documents, "0.0.0.0_15443"), [
    {
      filterChainMatch: { serverNames: [sni] },
      filters: [{ typedConfig: { cluster: sni } }],
      transportSocket: undefined,
    },
  ]);
  // TLS is the endpoints' business: the cluster must not add its own.
  assertLike(show(meshOf(documents), "CDS", ROUTER)[sni], {
    type: "EDS",
    transportSocket: undefined,
    transportSocketMatches: undefined,
  });
});
