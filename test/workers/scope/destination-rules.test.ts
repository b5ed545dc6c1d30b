// Which DestinationRule a client gets for a service, and what of it holds for a port and a subset.
// https://istio.io/latest/docs/reference/config/networking/destination-rule/
import assert from "node:assert/strict";
import { test } from "node:test";
import { assertLike, clusterOf, doc, host, meshOf, show } from "../../support/worker-behaviour.ts";
import { meshSettings, type ProxySpec } from "../../support/worker-mesh.ts";

/** A rule whose connect timeout tells it from others, since that shows in the cluster and nowhere else. */
function rule(seconds: number, namespace: string, more: object = {}, age = seconds): object {
  const spec = { host: "a.example.com", trafficPolicy: { connectionPool: { tcp: { connectTimeout: `${seconds}s` } } } };
  return doc("DestinationRule", `rule-${seconds}`, { ...spec, ...more }, { namespace, age });
}

/** The service is in `shop`, its clients are in `default` unless told otherwise. */
function timeoutFor(rules: readonly object[], proxy: ProxySpec = {}, settings = meshSettings()): unknown {
  const mesh = meshOf([host("a", {}, { namespace: "shop" }), ...rules], settings);
  return clusterOf(mesh, "a", "", proxy).connectTimeout;
}

const NONE = "10s";

test("the client's namespace goes before the service's, and that before the root namespace", () => {
  const client = rule(1, "default");
  const service = rule(2, "shop");
  const root = rule(3, "istio-system");
  assert.equal(timeoutFor([root, service, client]), "1s");
  assert.equal(timeoutFor([root, service]), "2s");
  assert.equal(timeoutFor([root]), "3s");
  assert.equal(timeoutFor([]), NONE);
});

test("a rule of a namespace that is neither the client's nor the service's nor the root counts for nobody", () => {
  assert.equal(timeoutFor([rule(1, "elsewhere")]), NONE);
});

test("a rule of another namespace counts only where it is exported", () => {
  assert.equal(timeoutFor([rule(1, "shop", { exportTo: ["."] })]), NONE);
  assert.equal(timeoutFor([rule(1, "shop", { exportTo: ["."] })], { namespace: "shop" }), "1s");
  assert.equal(timeoutFor([rule(1, "shop", { exportTo: ["default"] })]), "1s");
  assert.equal(timeoutFor([rule(1, "shop", { exportTo: ["default"] })], { namespace: "other" }), NONE);
});

test("the mesh says to whom rules without exportTo are exported", () => {
  const closed = meshSettings("defaultDestinationRuleExportTo: ['.']");
  assert.equal(timeoutFor([rule(1, "shop")], {}, closed), NONE);
  assert.equal(timeoutFor([rule(1, "shop", { exportTo: ["*"] })], {}, closed), "1s");
});

test("the most specific host counts, whatever its rule's age", () => {
  const wide = rule(1, "default", { host: "*" });
  const narrow = rule(2, "default", { host: "*.example.com" });
  const exact = rule(3, "default");
  assert.equal(timeoutFor([wide, narrow, exact]), "3s");
  assert.equal(timeoutFor([wide, narrow]), "2s");
  assert.equal(timeoutFor([wide]), "1s");
});

test("a wide rule of the client's namespace goes before an exact one of the service's", () => {
  assert.equal(timeoutFor([rule(1, "default", { host: "*.example.com" }), rule(2, "shop")]), "1s");
});

test("a rule for some workloads goes before one for all, and others don't get it", () => {
  const all = rule(1, "default");
  const some = rule(2, "default", { workloadSelector: { matchLabels: { app: "x" } } });
  assert.equal(timeoutFor([all, some], { labels: { app: "x", more: "y" } }), "2s");
  assert.equal(timeoutFor([all, some], { labels: { app: "y" } }), "1s");
  assert.equal(timeoutFor([some]), NONE);
});

test("a rule for some workloads doesn't cross the border of its namespace", () => {
  const some = rule(1, "shop", { workloadSelector: { matchLabels: { app: "x" } } });
  assert.equal(timeoutFor([some], { namespace: "shop", labels: { app: "x" } }), "1s");
  assert.equal(timeoutFor([some], { labels: { app: "x" } }), NONE);
});

test("rules for one host add up their subsets, and the oldest one's traffic policy stays", () => {
  const subset = (name: string): object => ({ subsets: [{ name, labels: { version: name } }] });
  const mesh = meshOf([host("a"), rule(2, "default", subset("v2")), rule(1, "default", subset("v1"))]);
  const clusters = show(mesh, "CDS");
  for (const name of ["", "v1", "v2"])
    assertLike(clusters[`outbound|80|${name}|a.example.com`], { connectTimeout: "1s" });
});

test("a short host is a service of the rule's own namespace", () => {
  const long = host("a", { hosts: ["a.shop.svc.cluster.local"] }, { namespace: "shop" });
  const mesh = meshOf([long, rule(1, "shop", { host: "a" })]);
  assertLike(show(mesh, "CDS")["outbound|80||a.shop.svc.cluster.local"], { connectTimeout: "1s" });
});

const POOL = { tcp: { maxConnections: 7 } };
const OUTLIER = { consecutive5xxErrors: 3 };

/** The cluster of subset v1 with these policies of the rule and of its subset. */
function subsetCluster(trafficPolicy: object, ofSubset: object | undefined): unknown {
  const subset = { name: "v1", labels: { version: "v1" }, ...(ofSubset ? { trafficPolicy: ofSubset } : {}) };
  const spec = { host: "a.example.com", trafficPolicy, subsets: [subset] };
  return clusterOf(meshOf([host("a"), doc("DestinationRule", "r", spec)]), "a", "v1");
}

test("a subset has what the rule says, except for what it says itself", () => {
  const policy = { loadBalancer: { simple: "RANDOM" }, outlierDetection: OUTLIER };
  const inherited = { lbPolicy: "RANDOM", outlierDetection: { consecutive5xx: 3 } };
  assertLike(subsetCluster(policy, undefined), inherited);
  assertLike(subsetCluster(policy, { connectionPool: POOL }), {
    ...inherited,
    circuitBreakers: { thresholds: [{ maxConnections: 7 }] },
  });
  assertLike(subsetCluster(policy, { loadBalancer: { simple: "LEAST_REQUEST" } }), {
    lbPolicy: "LEAST_REQUEST",
    outlierDetection: { consecutive5xx: 3 },
  });
});

test("settings of a port replace the rule's as a whole, also for its subsets", () => {
  const portLevelSettings = [{ port: { number: 80 }, connectionPool: POOL }];
  const policy = { loadBalancer: { simple: "RANDOM" }, outlierDetection: OUTLIER, portLevelSettings };
  for (const ofSubset of [undefined, { tls: { mode: "DISABLE" } }]) {
    assertLike(subsetCluster(policy, ofSubset), {
      lbPolicy: "LEAST_REQUEST",
      outlierDetection: undefined,
      circuitBreakers: { thresholds: [{ maxConnections: 7 }] },
    });
  }
});

test("settings of another port change nothing", () => {
  const portLevelSettings = [{ port: { number: 81 }, connectionPool: POOL }];
  assertLike(subsetCluster({ outlierDetection: OUTLIER, portLevelSettings }, undefined), {
    outlierDetection: { consecutive5xx: 3 },
  });
});

test("settings of a port in a subset leave nothing of the subset's and the rule's", () => {
  const portLevelSettings = [{ port: { number: 80 }, connectionPool: POOL }];
  const policy = { outlierDetection: OUTLIER };
  assertLike(subsetCluster(policy, { loadBalancer: { simple: "RANDOM" }, portLevelSettings }), {
    lbPolicy: "LEAST_REQUEST",
    outlierDetection: undefined,
    circuitBreakers: { thresholds: [{ maxConnections: 7 }] },
  });
});
