// Who sees what: exportTo of services and VirtualServices, and the mesh's defaults for it.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#VirtualService-export_to
import assert from "node:assert/strict";
import { test } from "node:test";
import { assertLike, doc, host, meshOf, show, to, virtualHosts } from "../../support/worker-behaviour.ts";
import { meshSettings } from "../../support/worker-mesh.ts";

const NAMESPACES = ["default", "shop", "other"];

const EXPORTS: readonly (readonly [
  exportTo: readonly string[] | undefined,
  config: string,
  seenIn: readonly string[],
])[] = [
  [undefined, "", NAMESPACES],
  [["*"], "", NAMESPACES],
  [["."], "", ["shop"]],
  [["other"], "", ["other"]],
  [[".", "other"], "", ["shop", "other"]],
  [["~"], "", []],
  [undefined, "['.']", ["shop"]],
  [["*"], "['.']", NAMESPACES],
  [["other"], "['*']", ["other"]],
];

for (const [exportTo, config, seenIn] of EXPORTS) {
  const says = `exportTo ${exportTo?.join() ?? "unset"}${config ? ` where the mesh has ${config}` : ""}`;
  const spec = exportTo ? { exportTo } : {};

  test(`a service of shop with ${says} is seen in ${seenIn.join(", ") || "no namespace"}`, () => {
    const settings = meshSettings(config ? `defaultServiceExportTo: ${config}` : "");
    const mesh = meshOf([host("a", spec, { namespace: "shop" })], settings);
    const found = NAMESPACES.filter((namespace) => "outbound|80||a.example.com" in show(mesh, "CDS", { namespace }));
    assert.deepEqual(found, seenIn);
  });

  // Validation doesn't let a VirtualService be exported to nobody.
  if (exportTo?.includes("~")) continue;
  test(`a VirtualService of shop with ${says} counts in ${seenIn.join(", ")}`, () => {
    const vs = doc(
      "VirtualService",
      "v",
      { hosts: ["a.example.com"], http: [to("b")], ...spec },
      { namespace: "shop" },
    );
    const settings = meshSettings(config ? `defaultVirtualServiceExportTo: ${config}` : "");
    const mesh = meshOf([host("a"), host("b"), vs], settings);
    const found = NAMESPACES.filter((namespace) => {
      const vh = virtualHosts(mesh, "80", { namespace }).find((h) => h.name.startsWith("a."));
      return (vh!.routes![0]!.route as { cluster: string }).cluster.includes("|b.");
    });
    assert.deepEqual(found, seenIn);
  });
}

test("of several VirtualServices for a host the oldest counts for sidecars", () => {
  const vs = (name: string, age: number): object =>
    doc("VirtualService", name, { hosts: ["a.example.com"], http: [to(name)] }, { age });
  const [vh] = virtualHosts(meshOf([host("a"), host("b"), host("c"), vs("b", 2), vs("c", 1)]), "80");
  assertLike(vh, { name: "a.example.com:80", routes: [{ route: { cluster: "outbound|80||c.example.com" } }] });
});

test("a wildcard VirtualService counts for the hosts that no narrower one covers", () => {
  const vs = (name: string, hosts: readonly string[], age: number): object =>
    doc("VirtualService", name, { hosts, http: [to(name)] }, { age });
  const all = [host("a"), host("b"), host("c"), vs("b", ["*.example.com"], 1), vs("c", ["a.example.com"], 2)];
  const clusters = virtualHosts(meshOf(all), "80").map((vh) => [
    vh.name,
    (vh.routes![0]!.route as { cluster: string }).cluster,
  ]);
  assert.deepEqual(Object.fromEntries(clusters.filter(([name]) => name !== "allow_any")), {
    "a.example.com:80": "outbound|80||c.example.com",
    "b.example.com:80": "outbound|80||b.example.com",
    "c.example.com:80": "outbound|80||b.example.com",
  });
});

test("a service is known by its short names where a resolver would complete them", () => {
  const service = host("x", { hosts: ["reviews.shop.svc.cluster.local"] }, { namespace: "shop" });
  const domains = (namespace: string): unknown => virtualHosts(meshOf([service]), "80", { namespace })[0]!.domains;
  const full = ["reviews.shop.svc.cluster.local", "reviews.shop.svc.cluster.local."];
  assert.deepEqual(domains("shop"), [...full, "reviews", "reviews.shop.svc", "reviews.shop"]);
  assert.deepEqual(domains("other"), [...full, "reviews.shop", "reviews.shop.svc"]);
});

test("a route's delegate takes over what the root lets through, if it is exported to the root's namespace", () => {
  const root = doc("VirtualService", "root", {
    hosts: ["a.example.com"],
    http: [{ match: [{ uri: { prefix: "/shop" } }], delegate: { name: "d", namespace: "shop" } }, to("a")],
  });
  const delegate = (more: object): object =>
    doc(
      "VirtualService",
      "d",
      { http: [{ match: [{ uri: { prefix: "/shop/x" } }, { uri: { prefix: "/y" } }], ...to("b") }, to("c")], ...more },
      { namespace: "shop" },
    );
  const routes = (more: object): unknown =>
    virtualHosts(meshOf([host("a"), host("b"), host("c"), root, delegate(more)]), "80")[0]!.routes;
  const rest = { match: { prefix: "/" }, route: { cluster: "outbound|80||a.example.com" } };
  assertLike(routes({}), [
    // The match outside of the root's could never hold.
    { match: { prefix: "/shop/x" }, route: { cluster: "outbound|80||b.example.com" } },
    { match: { prefix: "/shop" }, route: { cluster: "outbound|80||c.example.com" } },
    rest,
  ]);
  assertLike(routes({ exportTo: ["."] }), [rest]);
  assertLike(routes({ exportTo: ["default"] }), [
    { match: { prefix: "/shop/x" } },
    { match: { prefix: "/shop" } },
    rest,
  ]);
});
