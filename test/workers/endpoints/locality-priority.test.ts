// Which endpoints a client prefers: by distribution, by locality, by labels.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Networking_LocalityLoadBalancerSetting } from "../../../src/shared/gen/istio.js";
import type { EndpointRecord } from "../../../src/shared/model/service.ts";
import { type LocalityView, localEndpoints } from "../../../src/workers/endpoints/locality-priority.ts";
import { config } from "../../support/registry.ts";
import { WorkerMesh } from "../../support/worker-mesh.ts";

const LOCALITIES = ["r1/z1/s1", "r1/z1/s2", "r1/z2/s1", "r2/z1/s1", "r3/z1/s1"] as const;

/** Real records: what the registry makes of a ServiceEntry with an endpoint in each locality. */
function groups(labels: readonly Record<string, string>[] = []): { locality: string; records: EndpointRecord[] }[] {
  const spec = {
    hosts: ["a.example.com"],
    resolution: "STATIC",
    ports: [{ number: 80, name: "http", protocol: "HTTP" }],
    endpoints: LOCALITIES.map((locality, i) => ({ address: `10.0.0.${i + 1}`, locality, labels: labels[i] ?? {} })),
  };
  const ctx = new WorkerMesh([config("ServiceEntry", "a", spec)]).context();
  const records = ctx.endpoints({ hostname: "a.example.com", namespace: "default" });
  return LOCALITIES.map((locality) => ({ locality, records: records.filter((r) => r.locality === locality) }));
}

const options = { telemetryLabel: false, allowsMtls: () => false };
const outlier = { outlierDetection: {} };

function client(locality: string, labels: Record<string, string> = {}): LocalityView {
  const [region = "", zone = "", subZone = ""] = locality.split("/");
  return { locality: { region, zone, subZone }, labels, metadata: { network: "", clusterId: "Kubernetes" } };
}

function priorities(
  setting: Networking_LocalityLoadBalancerSetting | undefined,
  view: LocalityView,
  policy = {},
): number[] {
  return localEndpoints(groups(), options, setting, policy, view).map((l) => l.priority ?? 0);
}

test("fail-over by locality, nearest first", () => {
  const table: readonly [
    locality: string,
    setting: Networking_LocalityLoadBalancerSetting | undefined,
    expected: number[],
  ][] = [
    ["r1/z1/s1", {}, [0, 1, 2, 3, 3]],
    ["r1/z2/s1", {}, [1, 1, 0, 2, 2]],
    ["r1/z1/s1", { failover: [{ from: "r1", to: "r3" }] }, [0, 1, 2, 4, 3]],
    ["r9/z1/s1", {}, [0, 0, 0, 0, 0]],
    ["", {}, [0, 0, 0, 0, 0]],
    ["r1/z1/s1", undefined, [0, 0, 0, 0, 0]],
  ];
  for (const [locality, setting, expected] of table) {
    assert.deepEqual(
      priorities(setting, client(locality), outlier),
      expected,
      `${locality} ${JSON.stringify(setting)}`,
    );
  }
  // Without outlier detection Envoy would never leave a priority.
  assert.deepEqual(priorities({}, client("r1/z1/s1")), [0, 0, 0, 0, 0]);
});

test("zone-aware destinations fail over by region only", () => {
  const policy = { ...outlier, loadBalancer: { zoneAwareLbSetting: { enabled: true } } };
  assert.deepEqual(priorities({}, client("r1/z1/s1"), policy), [0, 0, 0, 1, 1]);
});

test("distribution gives localities their share, and the rest nothing", () => {
  const setting = { distribute: [{ from: "r1/*", to: { "r1/z1/*": 70, "r1/*": 20, "r2/z1/s1": 10 } }] };
  const at = (locality: string): [number, number][] =>
    localEndpoints(groups(), options, setting, {}, client(locality)).map((l) => [
      l.loadBalancingWeight!.value!,
      l.lbEndpoints!.length,
    ]);
  assert.deepEqual(at("r1/z5/s1"), [
    [35, 1],
    [35, 1],
    [20, 1],
    [10, 1],
    [1, 0],
  ]);
  const untouched = LOCALITIES.map(() => [1, 1]);
  assert.deepEqual(at("r2/z1/s1"), untouched);
  assert.deepEqual(at(""), untouched);
});

test("fail-over by labels: the more of the first ones are alike, the nearer", () => {
  const labels = [{ a: "1", b: "1" }, { a: "1", b: "2" }, { a: "2", b: "1" }, { a: "2" }, { a: "1", b: "1" }];
  const at = (failoverPriority: readonly string[], view: LocalityView): number[] =>
    localEndpoints(groups(labels), options, { failoverPriority: [...failoverPriority] }, outlier, view).map(
      (l) => l.priority ?? 0,
    );
  const view = client("r1/z1/s1", { a: "1", b: "1" });
  assert.deepEqual(at(["a", "b"], view), [0, 1, 2, 2, 0]);
  assert.deepEqual(at(["b", "a"], view), [0, 2, 1, 2, 0]);
  assert.deepEqual(at(["a=2"], view), [1, 1, 0, 0, 1]);
  assert.deepEqual(at(["topology.kubernetes.io/region", "a"], view), [0, 0, 1, 2, 2]);
});
