// An edit of an object says which types it can touch at most.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { IstioKind } from "../../../src/shared/model/config.ts";
import { sumOfChanges } from "../../../src/shared/model/push-request.ts";
import { config, testRegistry } from "../../support/registry.ts";

/** The types that an edit from one spec to another says; undefined where the kind decides. */
function typesOf(kind: IstioKind, before: object, after: object): string[] | undefined {
  const registry = testRegistry();
  registry.apply({ upserts: [config(kind, "x", before)], deletes: [] });
  const { configs } = registry.apply({ upserts: [config(kind, "x", after)], deletes: [] });
  const types = configs.get(`${kind}/default/x`)?.types;
  return types && [...types].sort();
}

const to = (host: string, weight = 100): object => ({ destination: { host }, weight });

test("HTTP routes touch route configurations alone while they name the same destinations", () => {
  const http = (prefix: string, host = "a"): object => ({
    hosts: ["a"],
    http: [{ match: [{ uri: { prefix } }], route: [to(host)] }],
  });
  assert.deepEqual(typesOf("VirtualService", http("/x"), http("/y")), ["RDS"]);
  assert.equal(typesOf("VirtualService", http("/x"), http("/x", "b")), undefined);
});

test("another host, gateway or visibility of routes may touch whatever the kind can", () => {
  const spec = { hosts: ["a"], http: [{ route: [to("a")] }] };
  for (const other of [{ hosts: ["b"] }, { gateways: ["g"] }, { exportTo: ["."] }]) {
    assert.equal(typesOf("VirtualService", spec, { ...spec, ...other }), undefined);
  }
});

test("an edit of routes says whose routes they are, unless the hosts may be left to others", () => {
  const hostsOf = (before: object, after: object): string[] | undefined => {
    const registry = testRegistry();
    registry.apply({ upserts: [config("VirtualService", "x", before)], deletes: [] });
    const { configs } = registry.apply({ upserts: [config("VirtualService", "x", after)], deletes: [] });
    const hosts = configs.get("VirtualService/default/x")?.hosts;
    return hosts && [...hosts].sort();
  };
  const spec = (http: object, hosts = ["a", "b.example.com"]): object => ({ hosts, http: [http] });
  const route = (weight: number): object => ({ route: [to("a", weight), to("b", 100 - weight)] });
  const own = ["a.default.svc.cluster.local", "b.example.com"];
  assert.deepEqual(hostsOf(spec(route(10)), spec(route(20))), own);
  const prefix = { match: [{ uri: { prefix: "/x" } }] };
  assert.deepEqual(hostsOf(spec(route(10)), spec({ ...route(20), ...prefix })), own);
  for (const match of [
    { port: 80 },
    { gateways: ["g"] },
    { sourceLabels: { app: "a" } },
    { sourceNamespace: "other" },
  ]) {
    assert.equal(hostsOf(spec(route(10)), spec({ ...route(20), match: [match] })), undefined, JSON.stringify(match));
  }
  assert.equal(hostsOf(spec(route(10)), { hosts: ["a", "b.example.com"], http: [] }), undefined);
  assert.equal(hostsOf(spec(route(10)), spec(route(10), ["a"])), undefined, "other hosts");
  assert.equal(hostsOf(spec(route(10), []), spec(route(20), [])), undefined, "a delegate");
  const delegating = (weight: number): object => ({ ...route(weight), delegate: { name: "d" } });
  assert.equal(hostsOf(spec(delegating(10)), spec(delegating(20))), undefined, "a delegate may be missing");
});

test("TCP and TLS routes touch listeners", () => {
  const tcp = (weight: number): object => ({
    hosts: ["a"],
    tcp: [{ route: [to("a", weight), to("b", 100 - weight)] }],
  });
  assert.deepEqual(typesOf("VirtualService", tcp(10), tcp(20)), ["LDS"]);
});

test("a rule's policy touches clusters, and what else reads the field", () => {
  const rule = (trafficPolicy: object): object => ({ host: "a", trafficPolicy });
  const tcp = (settings: object): object => rule({ connectionPool: { tcp: settings } });
  assert.deepEqual(typesOf("DestinationRule", tcp({ connectTimeout: "1s" }), tcp({ connectTimeout: "2s" })), ["CDS"]);
  assert.deepEqual(typesOf("DestinationRule", tcp({ idleTimeout: "1s" }), tcp({ idleTimeout: "2s" })), ["CDS", "LDS"]);
  assert.deepEqual(
    typesOf(
      "DestinationRule",
      rule({ tls: { mode: "DISABLE" } }),
      rule({ tls: { mode: "DISABLE" }, outlierDetection: { consecutive5xxErrors: 1 } }),
    ),
    ["CDS", "EDS"],
  );
  assert.deepEqual(
    typesOf(
      "DestinationRule",
      rule({ loadBalancer: { simple: "RANDOM" } }),
      rule({ loadBalancer: { consistentHash: { httpHeaderName: "x" } } }),
    ),
    ["CDS", "EDS", "LDS", "RDS"],
  );
});

test("a rule's subsets touch endpoints by their labels, and anything by their names", () => {
  const rule = (name: string, version: string): object => ({ host: "a", subsets: [{ name, labels: { version } }] });
  assert.deepEqual(typesOf("DestinationRule", rule("s", "v1"), rule("s", "v2")), ["CDS", "EDS"]);
  assert.equal(typesOf("DestinationRule", rule("s", "v1"), rule("t", "v1")), undefined);
  assert.equal(typesOf("DestinationRule", rule("s", "v1"), { ...rule("s", "v1"), trafficPolicy: {} }), undefined);
});

test("labels and annotations that mean something may touch whatever the kind can", () => {
  const spec = { hosts: ["a"], http: [{ route: [to("a")] }] };
  const registry = testRegistry();
  registry.apply({ upserts: [config("VirtualService", "x", spec)], deletes: [] });
  const { configs } = registry.apply({
    upserts: [config("VirtualService", "x", spec, { labels: { "istio.io/rev": "b" } })],
    deletes: [],
  });
  assert.equal(configs.get("VirtualService/default/x")?.types, undefined);
  assert.equal(configs.size, 1);
});

test("merged changes of one object touch what either touches", () => {
  const registry = testRegistry();
  const apply = (spec: object) => registry.apply({ upserts: [config("DestinationRule", "x", spec)], deletes: [] });
  const rule = (tcp: object): object => ({ host: "a", trafficPolicy: { connectionPool: { tcp } } });
  const came = apply(rule({}));
  const timeout = apply(rule({ connectTimeout: "1s" }));
  const idle = apply(rule({ connectTimeout: "1s", idleTimeout: "1s" }));
  const types = (change: typeof came) => change.configs.get("DestinationRule/default/x")?.types;
  assert.deepEqual([...types(sumOfChanges(timeout, idle))!].sort(), ["CDS", "LDS"]);
  assert.equal(types(sumOfChanges(came, timeout)), undefined);
  assert.equal(types(sumOfChanges(timeout, came)), undefined);
});

test("a rule says which hosts it was and is about", () => {
  const registry = testRegistry();
  const hosts = (host: string) => {
    const { configs } = registry.apply({ upserts: [config("DestinationRule", "x", { host })], deletes: [] });
    return [...(configs.get("DestinationRule/default/x")?.hosts ?? [])].sort();
  };
  assert.deepEqual(hosts("a"), ["a.default.svc.cluster.local"]);
  assert.deepEqual(hosts("*.example.com"), ["*.example.com", "a.default.svc.cluster.local"]);
});
