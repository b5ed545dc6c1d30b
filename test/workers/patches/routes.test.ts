// What patches do to route configurations, virtual hosts and routes, and which extension configurations they add.
import assert from "node:assert/strict";
import { test } from "node:test";
import { envoyFilter, patch } from "../../support/patches.ts";
import { assertLike, doc, host, meshOf, show, to } from "../../support/worker-behaviour.ts";
import type { Json } from "../../support/worker-json.ts";
import type { ProxySpec } from "../../support/worker-mesh.ts";

const A = "a.example.com:80";
const ROUTES = doc("VirtualService", "a", {
  hosts: ["a.example.com"],
  http: [
    { name: "one", match: [{ uri: { prefix: "/one" } }], ...to("a") },
    { name: "two", match: [{ uri: { prefix: "/two" } }], redirect: { uri: "/elsewhere" } },
    { name: "three", ...to("a") },
  ],
});

function config(patches: readonly object[]): Json {
  return show(meshOf([host("a"), host("b"), ROUTES, envoyFilter("f", patches)]), "RDS", {}, ["80"])["80"]!;
}

function hostsOf(of: Json): readonly Json[] {
  return of.virtualHosts as readonly Json[];
}

function hostOf(of: Json, name = A): Json {
  const found = hostsOf(of).find((vh) => vh.name === name);
  assert.ok(found, `there is no ${name}`);
  return found;
}

function routeNames(of: Json, name = A): readonly unknown[] {
  return ((hostOf(of, name).routes ?? []) as readonly Json[]).map((route) => route.name);
}

const vhost = (fields: object): object => ({ routeConfiguration: { vhost: fields } });
const NEW = { name: "new", match: { prefix: "/new" }, direct_response: { status: 204 } };

interface RouteCase {
  readonly name: string;
  readonly operation: string;
  readonly route?: object;
  readonly is: readonly string[];
}

const ROUTE_CASES: readonly RouteCase[] = [
  { name: "ADD", operation: "ADD", route: { name: "one" }, is: ["one", "two", "three", "new"] },
  { name: "INSERT_FIRST", operation: "INSERT_FIRST", is: ["new", "one", "two", "three"] },
  {
    name: "INSERT_FIRST where there is a route",
    operation: "INSERT_FIRST",
    route: { name: "two" },
    is: ["new", "one", "two", "three"],
  },
  {
    name: "INSERT_FIRST where there is none",
    operation: "INSERT_FIRST",
    route: { name: "none" },
    is: ["one", "two", "three"],
  },
  { name: "INSERT_BEFORE", operation: "INSERT_BEFORE", route: { name: "two" }, is: ["one", "new", "two", "three"] },
  {
    name: "INSERT_BEFORE an action",
    operation: "INSERT_BEFORE",
    route: { action: "REDIRECT" },
    is: ["one", "new", "two", "three"],
  },
  { name: "INSERT_BEFORE nothing", operation: "INSERT_BEFORE", is: ["new", "one", "two", "three"] },
  { name: "INSERT_AFTER", operation: "INSERT_AFTER", route: { name: "two" }, is: ["one", "two", "new", "three"] },
  {
    name: "INSERT_AFTER one that isn't there",
    operation: "INSERT_AFTER",
    route: { name: "none" },
    is: ["one", "two", "three"],
  },
  { name: "INSERT_AFTER nothing", operation: "INSERT_AFTER", is: ["one", "two", "three", "new"] },
  { name: "REMOVE by action", operation: "REMOVE", route: { action: "ROUTE" }, is: ["two"] },
  {
    name: "REMOVE by name and action",
    operation: "REMOVE",
    route: { name: "one", action: "REDIRECT" },
    is: ["one", "two", "three"],
  },
];

for (const { name, operation, route, is } of ROUTE_CASES) {
  test(`routes: ${name}`, () => {
    const value = operation === "REMOVE" ? undefined : NEW;
    const of = config([patch("HTTP_ROUTE", operation, value, vhost({ name: A, ...(route ? { route } : {}) }))]);
    assert.deepEqual(routeNames(of), is);
    assert.deepEqual(routeNames(of, "b.example.com:80"), ["default"], "another host");
  });
}

test("routes are merged before others are added to them", () => {
  const of = config([
    patch("HTTP_ROUTE", "ADD", NEW, vhost({ name: A })),
    patch("HTTP_ROUTE", "MERGE", { response_headers_to_remove: ["x"] }, vhost({ route: { action: "ANY" } })),
  ]);
  const removed = (hostOf(of).routes as readonly Json[]).map((r) => r.responseHeadersToRemove !== undefined);
  assert.deepEqual(removed, [true, true, true, false]);
});

test("virtual hosts are replaced and then patched as what they are", () => {
  const other = { name: "other", domains: ["other.example.com"], routes: [NEW] };
  const of = config([
    patch("VIRTUAL_HOST", "REPLACE", other, vhost({ domainName: "a.example.com" })),
    patch("VIRTUAL_HOST", "MERGE", { request_headers_to_remove: ["x"] }, vhost({ name: "other" })),
    patch("HTTP_ROUTE", "MERGE", { name: "named" }, vhost({ name: "other" })),
  ]);
  assertLike(hostOf(of, "other"), { domains: ["other.example.com"], requestHeadersToRemove: ["x"] });
  assert.deepEqual(routeNames(of, "other"), ["named"]);
});

test("a name that is removed is gone, whoever brings it", () => {
  const of = config([
    patch("VIRTUAL_HOST", "REMOVE", undefined, vhost({ name: A })),
    patch("VIRTUAL_HOST", "ADD", { name: A, domains: ["new.example.com"] }),
    patch("VIRTUAL_HOST", "ADD", { name: "added", domains: ["added.example.com"] }),
  ]);
  assert.deepEqual(
    hostsOf(of).map((vh) => vh.name),
    ["b.example.com:80", "allow_any", "added"],
  );
});

test("virtual hosts of a configuration's own patch are patched as others are, and may replace them", () => {
  const value = { virtual_hosts: [{ name: "own", domains: ["own.example.com"] }], request_headers_to_remove: ["x"] };
  const after = patch("VIRTUAL_HOST", "MERGE", { response_headers_to_remove: ["y"] }, vhost({ name: "own" }));
  const more = config([patch("ROUTE_CONFIGURATION", "MERGE", value), after]);
  assert.deepEqual(
    hostsOf(more).map((vh) => vh.name),
    [A, "b.example.com:80", "allow_any", "own"],
  );
  assertLike(hostOf(more, "own"), { responseHeadersToRemove: ["y"] });
  const only = config([patch("ROUTE_CONFIGURATION", "MERGE_AND_REPLACE_LIST", value), after]);
  assert.deepEqual(
    hostsOf(only).map((vh) => vh.name),
    ["own"],
  );
  assert.deepEqual(only.requestHeadersToRemove, ["x"]);
});

const GATEWAY: ProxySpec = { type: "router", labels: { istio: "gateway" } };

test("a gateway's configurations are told apart by port, name of the port, and Gateway", () => {
  const tls = { mode: "SIMPLE", credentialName: "c" };
  const gateway = doc("Gateway", "gw", {
    selector: { istio: "gateway" },
    servers: [
      { port: { number: 80, name: "http", protocol: "HTTP" }, hosts: ["*"] },
      { port: { number: 443, name: "https", protocol: "HTTPS" }, hosts: ["a.example.com"], tls },
    ],
  });
  const vs = doc("VirtualService", "gw", { hosts: ["a.example.com"], gateways: ["gw"], http: [to("a")] });
  const remove = (header: string, match: object): object =>
    patch(
      "ROUTE_CONFIGURATION",
      "MERGE",
      { request_headers_to_remove: [header] },
      { context: "GATEWAY", routeConfiguration: match },
    );
  const filter = envoyFilter("f", [
    remove("port", { portNumber: 80 }),
    remove("tls-port", { portNumber: 443 }),
    remove("port-name", { portName: "https" }),
    remove("gateway", { gateway: "default/gw" }),
    remove("other-gateway", { gateway: "default/other" }),
    patch("ROUTE_CONFIGURATION", "MERGE", { request_headers_to_remove: ["sidecar"] }, { context: "SIDECAR_OUTBOUND" }),
  ]);
  const names = ["http.80", "https.443.https.gw.default"];
  const all = show(meshOf([host("a"), gateway, vs, filter]), "RDS", GATEWAY, names);
  assert.deepEqual(all["http.80"]?.requestHeadersToRemove, ["port"]);
  assert.deepEqual(all[names[1]!]?.requestHeadersToRemove, ["tls-port", "port-name", "gateway"]);
});

test("extension configurations come by name, each once", () => {
  const type = "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer";
  const add = (name: string, bytes: number): object =>
    patch("EXTENSION_CONFIG", "ADD", { name, typed_config: { "@type": type, max_request_bytes: bytes } });
  const mesh = meshOf([envoyFilter("f", [add("one", 1), add("one", 2), add("two", 3)])]);
  const found = show(mesh, "ECDS", {}, ["one", "none"]);
  assert.deepEqual(found, { one: { name: "one", typedConfig: { "@type": type, maxRequestBytes: 1 } } });
});
