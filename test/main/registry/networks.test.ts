// Which networks there are, which gateways lead to them, and which one a pod is in.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Registry } from "../../../src/main/registry/registry.ts";
import type { Mesh_Network } from "../../../src/shared/gen/istio.js";
import type { MeshObject } from "../../../src/shared/model/delta.ts";
import type { KubeService } from "../../../src/shared/model/kube.ts";
import { kubeEndpoint, kubePod, kubeService, kubeSlice, meta, testMesh } from "../../support/registry.ts";

function registryOf(networks: Readonly<Record<string, Mesh_Network>>, ...objects: readonly MeshObject[]): Registry {
  const registry = new Registry({ ...testMesh(), networks: { networks } });
  registry.apply({ upserts: objects, deletes: [] });
  return registry;
}

function gateways({ mesh }: Registry): string[] {
  return mesh.networkGateways.map((g) => `${g.network} ${g.address}:${g.port} ${g.cluster || "-"}`);
}

const BALANCED: Partial<KubeService> = { loadBalancerAddresses: ["203.0.113.9"] };

function labelled(labels: Readonly<Record<string, string>>, more: Partial<KubeService> = BALANCED): KubeService {
  return kubeService("eastwest", { meta: meta("eastwest", { labels }), ...more });
}

test("gateways of MeshNetworks are addresses, each once, in a fixed order", () => {
  const a = { address: "203.0.113.2", port: 15_443 };
  const b = { address: "203.0.113.1", port: 15_443 };
  const name = { address: "gateway.example.com", port: 15_443 };
  const registry = registryOf({ west: { gateways: [a, b, a, name] }, east: { gateways: [a] } });
  assert.deepEqual(gateways(registry), [
    "east 203.0.113.2:15443 -",
    "west 203.0.113.1:15443 -",
    "west 203.0.113.2:15443 -",
  ]);
});

test("a gateway with a name stands for the addresses that DNS knows of it", () => {
  const port = 15_443;
  const networks = {
    east: { gateways: [{ address: "gateway.example.com", port }] },
    west: {
      gateways: [
        { address: "203.0.113.1", port },
        { address: "gateway.example.com", port: 443 },
      ],
    },
  };
  const balanced = labelled({ "topology.istio.io/network": "lb" }, { loadBalancerAddresses: ["elb.example.com"] });
  const registry = registryOf(networks, balanced);
  assert.deepEqual(registry.gatewayNames, ["elb.example.com", "gateway.example.com"]);
  assert.deepEqual(gateways(registry), ["west 203.0.113.1:15443 -"]);
  const resolved = new Map([
    ["gateway.example.com", ["198.51.100.1", "2001:db8::1"]],
    ["elb.example.com", ["198.51.100.2"]],
  ]);
  assert.equal(registry.setResolved(resolved).mesh, true);
  assert.deepEqual(gateways(registry), [
    "east 198.51.100.1:15443 -",
    "east 2001:db8::1:15443 -",
    "lb 198.51.100.2:15443 Kubernetes",
    "west 198.51.100.1:443 -",
    "west 2001:db8::1:443 -",
    "west 203.0.113.1:15443 -",
  ]);
  assert.equal(registry.setResolved(new Map(resolved)).mesh, false);
  assert.equal(registry.setResolved(new Map()).mesh, true);
  assert.deepEqual(gateways(registry), ["west 203.0.113.1:15443 -"]);
});

test("a service is a gateway by its label, or by its name in MeshNetworks", () => {
  const named = { gateways: [{ registryServiceName: "eastwest.default.svc.cluster.local", port: 443 }] };
  const network = { "topology.istio.io/network": "west" };
  const cases: readonly [Readonly<Record<string, Mesh_Network>>, KubeService, readonly string[]][] = [
    [{}, labelled(network), ["west 203.0.113.9:15443 Kubernetes"]],
    [{}, labelled({ ...network, "networking.istio.io/gatewayPort": "8443" }), ["west 203.0.113.9:8443 Kubernetes"]],
    [{}, labelled(network, { externalIPs: ["198.51.100.1"] }), ["west 198.51.100.1:15443 Kubernetes"]],
    [{}, labelled(network, {}), []],
    [{}, labelled({}), []],
    [{ north: named }, labelled({}), ["north 203.0.113.9:443 Kubernetes"]],
    [{ north: named }, labelled(network), ["west 203.0.113.9:15443 Kubernetes"]],
  ];
  for (const [networks, service, expected] of cases)
    assert.deepEqual(gateways(registryOf(networks, service)), expected);
});

test("a gateway that comes, moves or goes changes the mesh; other services don't", () => {
  const registry = registryOf({});
  const put = (service: KubeService): boolean => registry.apply({ upserts: [service], deletes: [] }).mesh;
  const west = { "topology.istio.io/network": "west" };
  assert.equal(put(kubeService("web", BALANCED)), false);
  assert.equal(put(labelled(west)), true);
  assert.equal(put(labelled(west, { ...BALANCED, clusterIPs: ["10.96.0.9"] })), false);
  assert.equal(put(labelled(west, { loadBalancerAddresses: ["203.0.113.8"] })), true);
  assert.deepEqual(gateways(registry), ["west 203.0.113.8:15443 Kubernetes"]);
  const gone = registry.apply({ upserts: [], deletes: [{ kind: "Service", namespace: "default", name: "eastwest" }] });
  assert.equal(gone.mesh, true);
  assert.deepEqual([...gone.reasons.keys()].includes("networks"), true);
  assert.deepEqual(gateways(registry), []);
});

test("new settings keep the gateways that services are", () => {
  const registry = registryOf({}, labelled({ "topology.istio.io/network": "west" }));
  registry.setMesh({ ...testMesh(), domainSuffix: "example.org" });
  assert.deepEqual(gateways(registry), ["west 203.0.113.9:15443 Kubernetes"]);
});

function networkOfPod(registry: Registry): string | undefined {
  return registry.services.endpointsOf({ hostname: "web.default.svc.cluster.local", namespace: "default" })[0]?.network;
}

test("a pod is in the network of its label, the control plane's, its address's range, or its registry", () => {
  const slice = kubeSlice("web", "web", [kubeEndpoint("10.1.0.7", { podName: "web-1" })]);
  const range = { endpoints: [{ fromCidr: "10.1.0.0/16" }] };
  const all = { endpoints: [{ fromRegistry: "Kubernetes" }] };
  const own = { kind: "Namespace", meta: meta("istio-system", { namespace: "", labels: {} }), origin: { source: "t" } };
  const ownIn = (network: string): MeshObject =>
    ({ ...own, meta: { ...own.meta, labels: { "topology.istio.io/network": network } } }) as MeshObject;
  const cases: readonly [Readonly<Record<string, Mesh_Network>>, string | undefined, readonly MeshObject[], string][] =
    [
      [{}, undefined, [], ""],
      [{ r: range }, undefined, [], "r"],
      [{ r: { endpoints: [{ fromCidr: "10.2.0.0/16" }] } }, undefined, [], ""],
      [{ all, r: range }, undefined, [], "r"],
      [{ all }, undefined, [], "all"],
      [{ other: { endpoints: [{ fromRegistry: "cluster2" }] } }, undefined, [], ""],
      [{ r: range }, undefined, [ownIn("own")], "own"],
      [{ r: range }, "label", [ownIn("own")], "label"],
    ];
  for (const [networks, label, objects, expected] of cases) {
    const labels = label === undefined ? {} : { "topology.istio.io/network": label };
    const registry = registryOf(networks, kubeService("web"), slice, kubePod("web-1", "10.1.0.7", { labels }));
    registry.apply({ upserts: objects, deletes: [] });
    assert.equal(networkOfPod(registry), expected, JSON.stringify([networks, label, expected]));
  }
});
