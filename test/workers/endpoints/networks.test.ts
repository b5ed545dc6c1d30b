// Where a client sends requests when endpoints are on other networks: to the gateways of those.
// https://istio.io/latest/docs/ops/deployment/deployment-models/#multiple-networks
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Mesh_Network } from "../../../src/shared/gen/istio.js";
import { clusterOf, doc, host, meshOf, show } from "../../support/worker-behaviour.ts";
import { meshSettings, type ProxySpec } from "../../support/worker-mesh.ts";

const EAST: Mesh_Network = { gateways: [{ address: "203.0.113.10", port: 15_443 }] };
const WEST: Mesh_Network = {
  gateways: [
    { address: "203.0.113.20", port: 15_443 },
    { address: "203.0.113.21", port: 15_443 },
  ],
};

interface Case {
  readonly networks?: Readonly<Record<string, Mesh_Network>>;
  readonly endpoints: readonly object[];
  readonly proxy?: ProxySpec;
  readonly policy?: object;
  readonly more?: readonly object[];
  /** Name of the cluster, where it isn't the plain one. */
  readonly cluster?: string;
}

interface LocalityJson {
  readonly locality?: { readonly region?: string };
  readonly priority?: number;
  readonly loadBalancingWeight?: number;
  readonly lbEndpoints?: readonly {
    readonly endpoint: { readonly address: { readonly socketAddress: { address: string; portValue: number } } };
    readonly loadBalancingWeight: number;
    readonly metadata: { readonly filterMetadata: Readonly<Record<string, unknown>> };
  }[];
}

const IN_EAST: ProxySpec = { metadata: { NETWORK: "east" } };

function localities(given: Case): readonly LocalityJson[] {
  const { networks = { east: EAST, west: WEST }, endpoints, proxy = IN_EAST, policy, more = [] } = given;
  const name = given.cluster ?? "outbound|80||a.example.com";
  const rule = policy ? [doc("DestinationRule", "a", { host: "a.example.com", trafficPolicy: policy })] : [];
  const mesh = meshOf([host("a", { endpoints }), ...rule, ...more], { ...meshSettings(), networks: { networks } });
  return (show(mesh, "EDS", proxy, [name])[name]!.endpoints ?? []) as readonly LocalityJson[];
}

/** `address:port weight` of all endpoints, in order. */
function reached(given: Case): string[] {
  return localities(given).flatMap(({ lbEndpoints = [] }) =>
    lbEndpoints.map(({ endpoint, loadBalancingWeight }) => {
      const { address, portValue } = endpoint.address.socketAddress;
      return `${address}:${portValue} ${loadBalancingWeight}`;
    }),
  );
}

const HERE = { address: "10.1.0.1", network: "east", serviceAccount: "a" };
const THERE = { address: "10.2.0.1", network: "west", serviceAccount: "a" };

test("endpoints of other networks are reached through their gateways, which share the weight", () => {
  const weights: readonly [readonly object[], readonly string[]][] = [
    [[HERE], ["10.1.0.1:80 2"]],
    [[THERE], ["203.0.113.20:15443 1", "203.0.113.21:15443 1"]],
    [
      [HERE, THERE, { ...THERE, address: "10.2.0.2", weight: 3 }],
      ["10.1.0.1:80 2", "203.0.113.20:15443 4", "203.0.113.21:15443 4"],
    ],
  ];
  for (const [endpoints, expected] of weights) assert.deepEqual(reached({ endpoints }), expected);
});

test("without gateways anywhere nothing changes, weights neither", () => {
  assert.deepEqual(reached({ networks: {}, endpoints: [HERE, THERE] }), ["10.1.0.1:80 1", "10.2.0.1:80 1"]);
});

test("what has no network, or one without gateways, is reached directly", () => {
  const elsewhere = { address: "10.3.0.1", network: "north", serviceAccount: "a" };
  const nowhere = { address: "10.4.0.1", serviceAccount: "a" };
  const labelled = { ...nowhere, address: "10.4.0.2", labels: { "topology.istio.io/network": "west" } };
  assert.deepEqual(reached({ endpoints: [elsewhere, nowhere, labelled] }), [
    "10.3.0.1:80 2",
    "10.4.0.1:80 2",
    "10.4.0.2:80 2",
  ]);
});

test("a client without a network is in none, so that gateways lead to all", () => {
  const expected = ["203.0.113.10:15443 2", "203.0.113.20:15443 1", "203.0.113.21:15443 1"];
  assert.deepEqual(reached({ endpoints: [HERE, THERE], proxy: {} }), expected);
});

test("only mesh mTLS gets through a gateway, and a place stays that has nobody else", () => {
  const mute = { ...THERE, serviceAccount: "", locality: "r2" };
  const off = { mtls: { mode: "DISABLE" } };
  const cases: readonly Case[] = [
    { endpoints: [mute] },
    { endpoints: [{ ...THERE, locality: "r2" }], policy: { tls: { mode: "DISABLE" } } },
    { endpoints: [{ ...THERE, locality: "r2" }], more: [doc("PeerAuthentication", "off", off)] },
  ];
  for (const given of cases) {
    assert.deepEqual(reached(given), []);
    assert.deepEqual(localities(given), [{ locality: { region: "r2" } }]);
  }
});

test("an endpoint without an address is behind its network's gateways, or nowhere", () => {
  const { address: _address, ...hidden } = THERE;
  assert.deepEqual(reached({ endpoints: [HERE, hidden] }), [
    "10.1.0.1:80 2",
    "203.0.113.20:15443 1",
    "203.0.113.21:15443 1",
  ]);
  assert.deepEqual(reached({ endpoints: [hidden], proxy: { metadata: { NETWORK: "west" } } }), []);
  assert.deepEqual(reached({ endpoints: [hidden], networks: {} }), []);
});

test("nothing is known of who is behind a gateway but that it speaks mTLS", () => {
  const [group] = localities({ endpoints: [THERE] });
  assert.deepEqual(group!.lbEndpoints![0]!.metadata.filterMetadata, {
    "envoy.transport_socket_match": { tlsMode: "istio" },
    istio: { workload: ";;;;" },
  });
});

test("fail-over may go by network", () => {
  const policy = {
    loadBalancer: { localityLbSetting: { failoverPriority: ["topology.istio.io/network"] } },
    outlierDetection: { consecutive5xxErrors: 3 },
  };
  const groups = localities({ endpoints: [HERE, THERE], policy });
  assert.deepEqual(
    groups.map((g) => [g.priority ?? 0, g.lbEndpoints?.length]),
    [
      [0, 1],
      [1, 2],
    ],
  );
});

test("a proxy may want the endpoints of some networks only, and of those that name none", () => {
  const nowhere = { address: "10.4.0.1", serviceAccount: "a" };
  const proxy = { metadata: { NETWORK: "east", REQUESTED_NETWORK_VIEW: "east" } };
  assert.deepEqual(reached({ endpoints: [HERE, THERE, nowhere], proxy }), ["10.1.0.1:80 2", "10.4.0.1:80 2"]);
  // Those that a cluster holds itself, too.
  const dns = host("a", { resolution: "DNS", endpoints: [HERE, THERE] });
  const { loadAssignment } = clusterOf(meshOf([dns]), "a", "", proxy);
  const [only] = (loadAssignment as { endpoints: readonly LocalityJson[] }).endpoints;
  assert.equal(only!.lbEndpoints!.length, 1);
});

test("names are resolved, whichever network they lead to", () => {
  const dns = host("a", { resolution: "DNS", endpoints: [HERE, THERE] });
  const mesh = meshOf([dns], { ...meshSettings(), networks: { networks: { east: EAST, west: WEST } } });
  const { loadAssignment } = clusterOf(mesh, "a", "", IN_EAST);
  const [group] = (loadAssignment as { endpoints: readonly LocalityJson[] }).endpoints;
  const addresses = group!.lbEndpoints!.map((e) => e.endpoint.address.socketAddress.address);
  assert.deepEqual(addresses, ["10.1.0.1", "10.2.0.1"]);
});

test("a router that passes mesh TLS on has only endpoints that speak it", () => {
  const plain = { ...HERE, address: "10.1.0.2", serviceAccount: "" };
  const endpoints = [HERE, plain];
  assert.deepEqual(reached({ endpoints, cluster: "outbound_.80_._.a.example.com" }), ["10.1.0.1:80 2"]);
  assert.deepEqual(reached({ endpoints }), ["10.1.0.1:80 2", "10.1.0.2:80 2"]);
});

test("gateways that are known by name only lead nowhere, so that their network is reached directly", () => {
  const networks = { west: { gateways: [{ address: "gateway.example.com", port: 15_443 }] } };
  assert.deepEqual(reached({ networks, endpoints: [HERE, THERE] }), ["10.1.0.1:80 1", "10.2.0.1:80 1"]);
});
