// Which requests a VirtualService's HTTP route takes.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPMatchRequest
import assert from "node:assert/strict";
import { test } from "node:test";
import { assertLike, doc, host, meshOf, routesFor, show, to } from "../../support/worker-behaviour.ts";

const CASES: readonly { readonly says: string; readonly match: object; readonly expected: object }[] = [
  { says: "a path", match: { uri: { exact: "/x" } }, expected: { path: "/x", caseSensitive: true } },
  { says: "a path's beginning", match: { uri: { prefix: "/x" } }, expected: { prefix: "/x", path: undefined } },
  { says: "a path's pattern", match: { uri: { regex: "/x.*" } }, expected: { safeRegex: { regex: "/x.*" } } },
  {
    says: "a path in any case",
    match: { uri: { prefix: "/x" }, ignoreUriCase: true },
    // False is the default of a wrapper, and still has to be said.
    expected: { prefix: "/x", caseSensitive: false },
  },
  {
    says: "headers in three ways, by name",
    match: { headers: { c: { regex: "v.+" }, a: { exact: "1" }, b: { prefix: "p" } } },
    expected: {
      prefix: "/",
      headers: [
        { name: "a", stringMatch: { exact: "1" }, invertMatch: undefined },
        { name: "b", stringMatch: { prefix: "p" } },
        { name: "c", stringMatch: { safeRegex: { regex: "v.+" } } },
      ],
    },
  },
  {
    says: "a header with any value",
    match: { headers: { a: {} } },
    expected: { headers: [{ name: "a", presentMatch: true, stringMatch: undefined }] },
  },
  {
    says: "a header that is not there",
    match: { withoutHeaders: { a: {} } },
    expected: { headers: [{ name: "a", presentMatch: true, invertMatch: true }] },
  },
  {
    says: "a header that is not there or has another value",
    match: { withoutHeaders: { a: { exact: "1" } } },
    expected: {
      headers: [{ name: "a", stringMatch: { exact: "1" }, invertMatch: true, treatMissingHeaderAsEmpty: true }],
    },
  },
  {
    says: "method, authority and scheme, which are pseudo-headers",
    match: { method: { exact: "GET" }, authority: { prefix: "a" }, scheme: { exact: "https" } },
    expected: {
      headers: [
        { name: ":method", stringMatch: { exact: "GET" } },
        { name: ":authority", stringMatch: { prefix: "a" } },
        { name: ":scheme", stringMatch: { exact: "https" } },
      ],
    },
  },
  {
    says: "query parameters",
    match: { queryParams: { q: { exact: "1" }, p: { regex: "[0-9]+" } } },
    expected: {
      queryParameters: [
        { name: "p", stringMatch: { safeRegex: { regex: "[0-9]+" } } },
        { name: "q", stringMatch: { exact: "1" } },
      ],
    },
  },
];

for (const { says, match, expected } of CASES) {
  test(`a match names ${says}`, () => {
    const routes = routesFor([{ match: [match], ...to("b") }]);
    assert.equal(routes.length, 1);
    assertLike(routes[0]!.match, expected);
  });
}

test("matches of one route are alternatives, in the order given", () => {
  const routes = routesFor([
    { name: "r", match: [{ uri: { exact: "/1" } }, { uri: { exact: "/2" }, name: "m" }], ...to("b") },
  ]);
  assertLike(routes, [
    { match: { path: "/1" }, route: { cluster: "outbound|80||b.example.com" } },
    { match: { path: "/2" }, name: "r.m", route: { cluster: "outbound|80||b.example.com" } },
  ]);
});

test("the first route that matches counts, so nothing comes after one that takes everything", () => {
  const all = [{ uri: { prefix: "/" } }];
  for (const match of [undefined, all, [{ uri: { regex: ".*" } }]]) {
    const first = { ...(match ? { match } : {}), ...to("b") };
    assert.equal(routesFor([first, { match: [{ uri: { exact: "/x" } }], ...to("c") }]).length, 1);
  }
  const narrow = [{ uri: { prefix: "/" }, headers: { a: { exact: "1" } } }];
  assert.equal(routesFor([{ match: narrow, ...to("b") }, to("c")]).length, 2);
});

test("requests that no route takes have none, not the service's default one", () => {
  const routes = routesFor([{ match: [{ uri: { exact: "/x" } }], ...to("b") }]);
  assertLike(routes, [{ match: { path: "/x" } }]);
});

test("a match for some clients gives others no route", () => {
  const http = [
    { match: [{ sourceLabels: { app: "x", tier: "y" } }], ...to("b") },
    { match: [{ sourceNamespace: "other" }], ...to("c") },
    to("a"),
  ];
  const clusters = (proxy: object): unknown[] =>
    routesFor(http, proxy).map((r) => (r.route as { cluster: string }).cluster.split("|")[3]!.slice(0, 1));
  assert.deepEqual(clusters({ labels: { app: "x", tier: "y", more: "z" } }), ["b"]);
  assert.deepEqual(clusters({ labels: { app: "x" } }), ["a"]);
  assert.deepEqual(clusters({ namespace: "other" }), ["c"]);
});

test("a match on a port counts at that port only", () => {
  const ports = [80, 8080].map((number) => ({ number, name: `http-${number}`, protocol: "HTTP" }));
  const vs = doc("VirtualService", "a", {
    hosts: ["a.example.com"],
    http: [{ match: [{ port: 8080 }], ...to("b") }, to("c")],
  });
  const mesh = meshOf([host("a", { ports }), host("b", { ports }), host("c", { ports }), vs]);
  const routes = show(mesh, "RDS", {}, ["80", "8080"]);
  const clustersAt = (name: string): unknown =>
    (routes[name]!.virtualHosts as { name: string; routes: { route: { cluster: string } }[] }[])
      .filter((vh) => vh.name.startsWith("a."))
      .flatMap((vh) => vh.routes.map((r) => r.route.cluster));
  assert.deepEqual(clustersAt("80"), ["outbound|80||c.example.com"]);
  // Its match asks for nothing but the port, so at this port it takes everything.
  assert.deepEqual(clustersAt("8080"), ["outbound|8080||b.example.com"]);
});

test("a VirtualService without the gateway mesh doesn't reach sidecars, nor does a match without it", () => {
  const gateway = doc("Gateway", "gw", {
    selector: { istio: "gateway" },
    servers: [{ port: { number: 80, name: "http", protocol: "HTTP" }, hosts: ["*"] }],
  });
  const vs = (gateways: readonly string[]): object =>
    doc("VirtualService", "a", {
      hosts: ["a.example.com"],
      gateways,
      http: [{ match: [{ gateways: ["gw"], uri: { exact: "/gw" } }], ...to("b") }, to("c")],
    });
  const paths = (gateways: readonly string[], name: string, proxy: object): unknown[] => {
    const mesh = meshOf([host("a"), host("b"), host("c"), gateway, vs(gateways)]);
    const config = show(mesh, "RDS", proxy, [name])[name]!;
    const hosts = config.virtualHosts as { name: string; routes: { match: object; route: { cluster: string } }[] }[];
    return hosts.find((vh) => vh.name === "a.example.com:80")!.routes.map((r) => r.route.cluster.split("|")[3]);
  };
  const router = { type: "router", labels: { istio: "gateway" } };
  assert.deepEqual(paths(["gw"], "80", {}), ["a.example.com"], "the service's own route");
  assert.deepEqual(paths(["mesh", "gw"], "80", {}), ["c.example.com"]);
  assert.deepEqual(paths(["mesh", "gw"], "http.80", router), ["b.example.com", "c.example.com"]);
});
