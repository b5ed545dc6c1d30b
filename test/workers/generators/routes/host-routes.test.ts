// What of a port's routes is worked out anew when something changes.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { MeshObject } from "../../../../src/shared/model/delta.ts";
import { type HostRoutes, hostRoutesAt } from "../../../../src/workers/generators/routes/host-routes.ts";
import { proxyScope } from "../../../../src/workers/scope/proxy-scope.ts";
import { config, serviceEntry } from "../../../support/registry.ts";
import { WorkerMesh } from "../../../support/worker-mesh.ts";

function route(name: string, host: string, prefix: string, more: object = {}): MeshObject {
  const http = [{ match: [{ uri: { prefix }, ...more }], route: [{ destination: { host: "b.example.com" } }] }];
  return config("VirtualService", name, { hosts: [host], http });
}

/** The lists of a mesh's port 80 after one another. */
function followed(objects: readonly MeshObject[]) {
  const mesh = new WorkerMesh(objects);
  const list = (labels: Readonly<Record<string, string>> = {}): readonly HostRoutes[] => {
    const ctx = mesh.context();
    const { id, view } = mesh.view({ namespace: "default", labels });
    const input = { ctx, view, viewId: id, names: ["80"], part: undefined, slice: undefined };
    const scope = proxyScope(ctx, view);
    return hostRoutesAt(80, input, scope, scope.egress[0]!).list;
  };
  return { mesh, list };
}

const hostsOf = (list: readonly HostRoutes[]): string[] =>
  list.map(({ services, hosts }) => [...services.map((s) => s.hostname), ...hosts].join());
const SERVICES = ["a", "b", "c", "d"].map((name) => serviceEntry(name, ["10.9.0.1"]));

test("an edit of a VirtualService makes its routes anew, and no others", () => {
  const { mesh, list } = followed([...SERVICES, route("a", "a.example.com", "/1"), route("c", "c.example.com", "/1")]);
  const before = list();
  assert.deepEqual(hostsOf(before), ["a.example.com", "c.example.com", "b.example.com", "d.example.com"]);
  assert.equal(list(), before, "nothing has changed");
  mesh.apply([route("c", "c.example.com", "/2")]);
  const after = list();
  assert.deepEqual(hostsOf(after), hostsOf(before));
  assert.deepEqual(
    after.map((routes, i) => routes === before[i]),
    [true, false, true, true],
  );
  assert.equal(after[1]!.routes[0]!.match!.prefix, "/2");
});

test("hosts that a VirtualService leaves, or takes, have other routes", () => {
  const { mesh, list } = followed([...SERVICES, route("a", "a.example.com", "/1")]);
  const before = list();
  mesh.apply([route("a", "b.example.com", "/1")]);
  assert.deepEqual(hostsOf(list()), ["b.example.com", "a.example.com", "c.example.com", "d.example.com"]);
  mesh.apply([], [route("a", "b.example.com", "/1")]);
  assert.deepEqual(hostsOf(list()), ["a.example.com", "b.example.com", "c.example.com", "d.example.com"]);
  mesh.apply([route("a", "*.example.com", "/1")]);
  assert.deepEqual(hostsOf(list()), ["a.example.com,b.example.com,c.example.com,d.example.com"]);
  mesh.apply([route("c", "c.example.com", "/1")]);
  assert.deepEqual(hostsOf(list()), ["a.example.com,b.example.com,d.example.com", "c.example.com"]);
  mesh.apply([route("a", "a.example.com", "/1")], [route("c", "c.example.com", "/1")]);
  assert.deepEqual(hostsOf(list()), hostsOf(before));
});

test("rules and services make all routes anew", () => {
  const { mesh, list } = followed([...SERVICES, route("a", "a.example.com", "/1")]);
  const first = list();
  const balanced = { consistentHash: { httpHeaderName: "x" } };
  mesh.apply([config("DestinationRule", "b", { host: "b.example.com", trafficPolicy: { loadBalancer: balanced } })]);
  const ruled = list();
  assert.notEqual(ruled[0], first[0]);
  assert.equal(ruled[0]!.routes[0]!.route!.hashPolicy!.length, 1, "its destination hashes now");
  mesh.apply([serviceEntry("e", ["10.9.0.1"])]);
  assert.deepEqual(hostsOf(list()).at(-1), "e.example.com");
});

test("clients of whom a VirtualService wants to know the same have one list", () => {
  const { mesh, list } = followed([
    ...SERVICES,
    route("a", "a.example.com", "/1", { sourceLabels: { app: "x" } }),
    route("c", "c.example.com", "/1"),
  ]);
  const [x, y] = [list({ app: "x" }), list({ app: "y" })];
  assert.deepEqual(hostsOf(x).slice(0, 2), ["a.example.com", "c.example.com"]);
  assert.deepEqual(hostsOf(y).slice(0, 2), ["c.example.com", "a.example.com"]);
  assert.equal(list({ app: "x" }), x);
  mesh.apply([route("c", "c.example.com", "/2")]);
  assert.equal(list({ app: "x" })[0], x[0]);
  assert.notEqual(list({ app: "y" })[0], y[0]);
});
