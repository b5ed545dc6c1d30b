// Where a client sends requests, by where it and the endpoints are.
// https://istio.io/latest/docs/tasks/traffic-management/locality-load-balancing/
import assert from "node:assert/strict";
import { test } from "node:test";
import { doc, host, meshOf, show } from "../../support/worker-behaviour.ts";
import { meshSettings, type ProxySpec } from "../../support/worker-mesh.ts";

interface LocalityJson {
  readonly locality?: { readonly region?: string; readonly zone?: string; readonly subZone?: string };
  readonly priority?: number;
  readonly loadBalancingWeight?: number;
  readonly lbEndpoints?: readonly { readonly endpoint: unknown; readonly loadBalancingWeight: number }[];
}

const HERE = "r1/z1/s1";
const PLACES = ["r1/z1/s1", "r1/z1/s2", "r1/z2/s1", "r2/z1/s1", "r3/z1/s1"];
const OUTLIER = { consecutive5xxErrors: 3 };

const byPlace = PLACES.map((locality, i) => ({ address: `10.9.0.${i + 1}`, locality }));

interface Case {
  readonly setting?: object | undefined;
  readonly outlier?: boolean;
  readonly endpoints?: readonly object[];
  readonly proxy?: ProxySpec;
  readonly mesh?: string;
}

/** The endpoints of a service whose rule has these settings, for a client at r1/z1/s1. */
function localities({
  setting,
  outlier = true,
  endpoints = byPlace,
  proxy = { locality: HERE },
  mesh = "",
}: Case): LocalityJson[] {
  const trafficPolicy = {
    ...(setting ? { loadBalancer: { localityLbSetting: setting } } : {}),
    ...(outlier ? { outlierDetection: OUTLIER } : {}),
  };
  const spec = { host: "a.example.com", ...(Object.keys(trafficPolicy).length > 0 ? { trafficPolicy } : {}) };
  const name = "outbound|80||a.example.com";
  const all = [host("a", { endpoints }), doc("DestinationRule", "r", spec)];
  const assignment = show(meshOf(all, meshSettings(mesh)), "EDS", proxy, [name])[name]!;
  return (assignment.endpoints ?? []) as LocalityJson[];
}

function place({ locality = {} }: LocalityJson): string {
  return [locality.region, locality.zone, locality.subZone].filter(Boolean).join("/");
}

function priorities(given: Case): Record<string, number> {
  return Object.fromEntries(localities(given).map((l) => [place(l), l.priority ?? 0]));
}

/** Weights of the localities that have hosts to send to. */
function weights(given: Case): Record<string, number> {
  const used = localities(given).filter((l) => l.lbEndpoints?.length);
  return Object.fromEntries(used.map((l) => [place(l), l.loadBalancingWeight ?? 0]));
}

const SAME = Object.fromEntries(PLACES.map((p) => [p, 0]));
const NEAREST = { "r1/z1/s1": 0, "r1/z1/s2": 1, "r1/z2/s1": 2, "r2/z1/s1": 3, "r3/z1/s1": 3 };

test("with outlier detection traffic stays near: sub-zone, zone, region, then anywhere", () => {
  assert.deepEqual(priorities({}), NEAREST);
});

test("without outlier detection nothing could fail over, so all places are equal", () => {
  assert.deepEqual(priorities({ outlier: false }), SAME);
  assert.deepEqual(priorities({ outlier: false, setting: { failover: [{ from: "r1", to: "r3" }] } }), SAME);
});

test("the mesh's outlier detection lets traffic stay near, too", () => {
  const mesh = "defaultTrafficPolicy: {outlierDetection: {consecutive5xxErrors: 3}}";
  assert.deepEqual(priorities({ outlier: false, mesh }), NEAREST);
});

test("the rule or the mesh may turn it off, and the rule may turn it on again", () => {
  const off = "localityLbSetting: {enabled: false}";
  assert.deepEqual(priorities({ setting: { enabled: false } }), SAME);
  assert.deepEqual(priorities({ mesh: off }), SAME);
  assert.deepEqual(priorities({ mesh: off, setting: { enabled: true } }), NEAREST);
});

test("a client of unknown place has no place near it", () => {
  assert.deepEqual(priorities({ proxy: {} }), SAME);
});

test("priorities have no gaps where places near by have no endpoints", () => {
  const endpoints = byPlace.filter((e) => !e.locality.startsWith("r1"));
  assert.deepEqual(priorities({ endpoints, setting: { failover: [{ from: "r1", to: "r2" }] } }), {
    "r2/z1/s1": 0,
    "r3/z1/s1": 1,
  });
});

test("a fail-over names the region that comes next", () => {
  const setting = { failover: [{ from: "r1", to: "r3" }] };
  assert.deepEqual(priorities({ setting }), { ...NEAREST, "r3/z1/s1": 3, "r2/z1/s1": 4 });
  // One for another region says nothing here.
  assert.deepEqual(priorities({ setting: { failover: [{ from: "r2", to: "r3" }] } }), NEAREST);
});

test("the mesh's fail-over holds where the rule has none", () => {
  const mesh = "localityLbSetting: {failover: [{from: r1, to: r3}]}";
  assert.deepEqual(priorities({ mesh }), { ...NEAREST, "r3/z1/s1": 3, "r2/z1/s1": 4 });
  assert.deepEqual(priorities({ mesh, setting: { failover: [{ from: "r1", to: "r2" }] } }), {
    ...NEAREST,
    "r3/z1/s1": 4,
  });
});

test("a distribution gives shares, and places that it doesn't name get nothing", () => {
  const distribute = [{ from: "r1/z1/*", to: { "r1/z1/*": 80, "r2/*": 20 } }];
  // The two sub-zones have one endpoint each, so that they get the same of the 80.
  assert.deepEqual(weights({ setting: { distribute } }), { "r1/z1/s1": 40, "r1/z1/s2": 40, "r2/z1/s1": 20 });
});

test("shares within a pattern go by the endpoints' weights", () => {
  const setting = { distribute: [{ from: "r1/*", to: { "r1/*": 100 } }] };
  const endpoints = [
    { address: "10.9.0.1", locality: "r1/z1", weight: 3 },
    { address: "10.9.0.2", locality: "r1/z2", weight: 1 },
  ];
  assert.deepEqual(weights({ setting, endpoints }), { "r1/z1": 75, "r1/z2": 25 });
});

test("a distribution needs no outlier detection, and counts for clients in its place only", () => {
  const setting = { distribute: [{ from: "r1/*", to: { "r2/*": 100 } }] };
  assert.deepEqual(weights({ setting, outlier: false }), { "r2/z1/s1": 100 });
  const elsewhere = weights({ setting, outlier: false, proxy: { locality: "r3/z1/s1" } });
  assert.deepEqual(Object.keys(elsewhere), PLACES);
});

const LABELLED = [
  { address: "10.9.0.1", labels: { rack: "1", row: "1" } },
  { address: "10.9.0.2", labels: { rack: "1", row: "2" } },
  { address: "10.9.0.3", labels: { rack: "2", row: "1" } },
  { address: "10.9.0.4", labels: {} },
];

/** Priorities by the last number of the addresses. */
function addressPriorities(given: Case): Record<string, number> {
  const out: Record<string, number> = {};
  for (const { priority = 0, lbEndpoints = [] } of localities(given)) {
    for (const { endpoint } of lbEndpoints) {
      const { address } = (endpoint as { address: { socketAddress: { address: string } } }).address.socketAddress;
      out[address.slice(-1)] = priority;
    }
  }
  return out;
}

test("priorities by labels count how many of them, from the first on, client and endpoint have alike", () => {
  const setting = { failoverPriority: ["rack", "row"] };
  const proxy = { labels: { rack: "1", row: "1" } };
  assert.deepEqual(addressPriorities({ setting, endpoints: LABELLED, proxy }), { 1: 0, 2: 1, 3: 2, 4: 2 });
});

test("a label may be given with the value that endpoints must have, whatever the client's is", () => {
  const setting = { failoverPriority: ["rack=2", "row"] };
  const proxy = { labels: { rack: "1", row: "1" } };
  assert.deepEqual(addressPriorities({ setting, endpoints: LABELLED, proxy }), { 3: 0, 1: 1, 2: 1, 4: 1 });
});

test("labels of topology are the places themselves", () => {
  const setting = { failoverPriority: ["topology.kubernetes.io/region", "topology.kubernetes.io/zone"] };
  assert.deepEqual(priorities({ setting }), {
    "r1/z1/s1": 0,
    "r1/z1/s2": 0,
    "r1/z2/s1": 1,
    "r2/z1/s1": 2,
    "r3/z1/s1": 2,
  });
});

test("endpoints stand by place, each place with the sum of its weights", () => {
  const endpoints = [
    { address: "10.9.0.1", locality: "r2/z1", weight: 2 },
    { address: "10.9.0.2", locality: "r1/z1" },
    { address: "10.9.0.3", locality: "r2/z1", weight: 5 },
  ];
  const found = localities({ endpoints, outlier: false });
  assert.deepEqual(
    found.map((l) => [place(l), l.loadBalancingWeight, l.lbEndpoints?.map((e) => e.loadBalancingWeight)]),
    [
      ["r1/z1", 1, [1]],
      ["r2/z1", 7, [2, 5]],
    ],
  );
});

test("a subset has the endpoints with its labels, and a name that nothing stands behind has none", () => {
  const endpoints = ["v1", "v2", "v2"].map((version, i) => ({ address: `10.9.0.${i + 1}`, labels: { version } }));
  const subsets = [{ name: "v2", labels: { version: "v2" } }];
  const mesh = meshOf([host("a", { endpoints }), doc("DestinationRule", "r", { host: "a.example.com", subsets })]);
  const names = ["", "v2", "v3"].map((s) => `outbound|80|${s}|a.example.com`);
  const counts = Object.values(show(mesh, "EDS", {}, names)).map(({ endpoints: found = [] }) =>
    (found as LocalityJson[]).reduce((sum, l) => sum + (l.lbEndpoints?.length ?? 0), 0),
  );
  // An answer for every name, so that Envoy doesn't wait for one.
  assert.deepEqual(counts, [3, 2, 0]);
});
