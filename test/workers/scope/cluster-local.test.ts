// Services whose endpoints stay within their Kubernetes cluster.
// https://istio.io/latest/docs/ops/configuration/traffic-management/multicluster/
import assert from "node:assert/strict";
import { test } from "node:test";
import { doc, HTTP_80, meshOf, show } from "../../support/worker-behaviour.ts";
import { meshSettings } from "../../support/worker-mesh.ts";

const FAR = { metadata: { CLUSTER_ID: "far" } };
const NEAR = { metadata: { CLUSTER_ID: "Kubernetes" } };

/** How many localities of endpoints a client sees behind a host. */
function seen(hostname: string, config: string, proxy: object): number {
  const entry = doc("ServiceEntry", "x", {
    hosts: [hostname],
    location: "MESH_INTERNAL",
    resolution: "STATIC",
    ports: [HTTP_80],
    endpoints: [{ address: "10.9.0.1" }],
  });
  const name = `outbound|80||${hostname}`;
  const { endpoints } = show(meshOf([entry], meshSettings(config)), "EDS", proxy, [name])[name]!;
  return ((endpoints ?? []) as unknown[]).length;
}

const local = (value: boolean, host: string): string => `{settings: {clusterLocal: ${value}}, hosts: ['${host}']}`;

const CASES: readonly (readonly [says: string, hostname: string, settings: readonly string[], far: number])[] = [
  ["nothing said", "a.shop.svc.cluster.local", [], 1],
  ["its own name", "a.shop.svc.cluster.local", [local(true, "a.shop.svc.cluster.local")], 0],
  ["another's name", "b.shop.svc.cluster.local", [local(true, "a.shop.svc.cluster.local")], 1],
  ["a wildcard", "a.shop.svc.cluster.local", [local(true, "*.shop.svc.cluster.local")], 0],
  [
    "a wildcard, and its name as an exception",
    "a.shop.svc.cluster.local",
    [local(true, "*.shop.svc.cluster.local"), local(false, "a.shop.svc.cluster.local")],
    1,
  ],
  [
    "a wildcard, and a narrower one as an exception",
    "a.shop.svc.cluster.local",
    [local(false, "*.shop.svc.cluster.local"), local(true, "*.svc.cluster.local")],
    1,
  ],
  ["nothing said, of Kubernetes' own", "dns.kube-system.svc.cluster.local", [], 0],
  ["an exception for them", "dns.kube-system.svc.cluster.local", [local(false, "*.kube-system.svc.cluster.local")], 1],
];

for (const [says, hostname, settings, far] of CASES) {
  test(`with ${says}, clients of other clusters are ${far === 0 ? "not " : ""}sent to ${hostname}`, () => {
    const config = `serviceSettings: [${settings.join(", ")}]`;
    assert.equal(seen(hostname, config, FAR), far);
    assert.equal(seen(hostname, config, NEAR), 1);
  });
}

test("a client that names no cluster is sent everywhere", () => {
  const config = `serviceSettings: [${local(true, "*")}]`;
  assert.equal(seen("a.shop.svc.cluster.local", config, { metadata: { CLUSTER_ID: "" } }), 1);
});
