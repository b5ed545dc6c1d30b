// Which proxies patches are for, and in which order they apply.
import assert from "node:assert/strict";
import { test } from "node:test";
import { envoyFilter, patch } from "../../support/patches.ts";
import { host, meshOf, show } from "../../support/worker-behaviour.ts";
import type { ProxySpec } from "../../support/worker-mesh.ts";

/** Sets a cluster's name in statistics, so that of several the last is seen. */
function mark(text: string, match: object = { context: "SIDECAR_OUTBOUND" }): object {
  return patch("CLUSTER", "MERGE", { alt_stat_name: text }, match);
}

function marked(filters: readonly object[], proxy: ProxySpec = {}): unknown {
  return show(meshOf([host("a"), ...filters]), "CDS", proxy)["outbound|80||a.example.com"]?.altStatName;
}

const NONE = "outbound|80||a.example.com;";

interface Order {
  readonly name: string;
  /** The last of them is the one that is seen. */
  readonly filters: readonly object[];
}

const ORDERS: readonly Order[] = [
  { name: "patches of one filter apply in their order", filters: [envoyFilter("f", [mark("first"), mark("last")])] },
  {
    name: "younger filters apply after older ones",
    filters: [envoyFilter("a", [mark("last")], {}, { age: 9 }), envoyFilter("b", [mark("first")], {}, { age: 1 })],
  },
  {
    name: "filters of one age apply by name",
    filters: [envoyFilter("b", [mark("last")]), envoyFilter("a", [mark("first")])],
  },
  {
    name: "those of the root namespace apply before others, whatever their age",
    filters: [
      envoyFilter("z", [mark("first")], {}, { namespace: "istio-system", age: 9 }),
      envoyFilter("a", [mark("last")], {}, { age: 1 }),
    ],
  },
  {
    name: "priorities come before all",
    filters: [
      envoyFilter("z", [mark("last")], { priority: 10 }, { namespace: "istio-system" }),
      envoyFilter("a", [mark("first")], {}, { age: 9 }),
      envoyFilter("b", [mark("earlier")], { priority: -5 }, { age: 9 }),
    ],
  },
];

for (const { name, filters } of ORDERS) {
  test(name, () => {
    assert.equal(marked(filters), "last");
    assert.equal(marked([...filters].reverse()), "last");
  });
}

interface Choice {
  readonly name: string;
  readonly filter: object;
  readonly proxy?: ProxySpec;
  readonly patched: boolean;
}

const selects = { workloadSelector: { labels: { app: "a" } } };
const refers = { targetRefs: [{ group: "gateway.networking.k8s.io", kind: "Gateway", name: "g" }] };
const named = { "gateway.networking.k8s.io/gateway-name": "g" };
const asks = (proxy: object): object => mark("x", { context: "SIDECAR_OUTBOUND", proxy });

const CHOICES: readonly Choice[] = [
  {
    name: "a filter of another namespace",
    filter: envoyFilter("f", [mark("x")], {}, { namespace: "other" }),
    patched: false,
  },
  {
    name: "labels that it has",
    filter: envoyFilter("f", [mark("x")], selects),
    proxy: { labels: { app: "a" } },
    patched: true,
  },
  {
    name: "labels that it hasn't",
    filter: envoyFilter("f", [mark("x")], selects),
    proxy: { labels: { app: "b" } },
    patched: false,
  },
  {
    name: "a reference to its Gateway",
    filter: envoyFilter("f", [mark("x")], refers),
    proxy: { labels: named },
    patched: true,
  },
  { name: "a reference to another one's", filter: envoyFilter("f", [mark("x")], refers), patched: false },
  { name: "a version somewhere in its own", filter: envoyFilter("f", [asks({ proxyVersion: "32" })]), patched: true },
  { name: "another version", filter: envoyFilter("f", [asks({ proxyVersion: "^1\\.31" })]), patched: false },
  {
    name: "a version of a proxy that tells none",
    filter: envoyFilter("f", [asks({ proxyVersion: ".*" })]),
    proxy: { istio: false },
    patched: false,
  },
  {
    name: "metadata that it has",
    filter: envoyFilter("f", [asks({ metadata: { TEAM: "blue", NAMESPACE: "default" } })]),
    proxy: { metadata: { TEAM: "blue" } },
    patched: true,
  },
  {
    name: "metadata with another value",
    filter: envoyFilter("f", [asks({ metadata: { TEAM: "blue" } })]),
    proxy: { metadata: { TEAM: "red" } },
    patched: false,
  },
  { name: "metadata that is no text", filter: envoyFilter("f", [asks({ metadata: { LABELS: "" } })]), patched: false },
  { name: "a gateway's context", filter: envoyFilter("f", [mark("x", { context: "GATEWAY" })]), patched: false },
  { name: "any context", filter: envoyFilter("f", [mark("x", {})]), patched: true },
];

for (const { name, filter, proxy = {}, patched } of CHOICES) {
  test(`${name} ${patched ? "counts" : "does not count"}`, () => {
    assert.equal(marked([filter], proxy), patched ? "x" : NONE);
  });
}
