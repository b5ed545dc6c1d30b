// What leaves a workload: a listener for each address and port, its chains by protocol, and TCP and TLS routes.
// https://istio.io/latest/docs/ops/configuration/traffic-management/traffic-routing/
import assert from "node:assert/strict";
import { test } from "node:test";
import { kubeEndpoint, kubeService, kubeSlice } from "../../../support/registry.ts";
import { assertLike, doc, HTTP_80, host, meshOf, show, TCP_9000, to } from "../../../support/worker-behaviour.ts";
import type { Json } from "../../../support/worker-json.ts";
import { meshSettings, type ProxySpec, WorkerMesh } from "../../../support/worker-mesh.ts";

interface ChainJson {
  readonly filterChainMatch?: Json;
  readonly filters: readonly { readonly typedConfig: Json }[];
}

/** Where a chain leads: a route configuration, a cluster, or clusters by weight. */
function leads({ filters }: ChainJson): string {
  const config = filters.at(-1)!.typedConfig as {
    rds?: { routeConfigName: string };
    cluster?: string;
    weightedClusters?: { clusters: readonly { name: string; weight: number }[] };
  };
  if (config.rds) return `routes ${config.rds.routeConfigName}`;
  return config.cluster ?? config.weightedClusters!.clusters.map((c) => `${c.name} ${c.weight}`).join(", ");
}

/** `MATCH -> WHERE` of each chain, the one for everything else last. */
function chains(listener: Json | undefined): readonly string[] {
  assert.ok(listener, "no such listener");
  const { filterChains = [], defaultFilterChain } = listener as unknown as {
    filterChains?: readonly ChainJson[];
    defaultFilterChain?: ChainJson;
  };
  const line = (chain: ChainJson): string => {
    const match = (chain.filterChainMatch ?? {}) as {
      applicationProtocols?: readonly string[];
      serverNames?: readonly string[];
      prefixRanges?: readonly { addressPrefix: string; prefixLen: number }[];
    };
    const parts = [
      ...(match.applicationProtocols ?? []),
      ...(match.serverNames ?? []),
      ...(match.prefixRanges ?? []).map((r) => `${r.addressPrefix}/${r.prefixLen}`),
    ];
    return `${parts.join(" ") || "all"} -> ${leads(chain)}`;
  };
  return [...filterChains.map(line), ...(defaultFilterChain ? [`else -> ${leads(defaultFilterChain)}`] : [])];
}

function port(protocol: string): object {
  return { number: 9000, name: "p", protocol };
}

const A = "outbound|9000||a.example.com";
const B = "outbound|80||b.example.com";
const ELSE = "else -> PassthroughCluster";

const LISTENERS: readonly (readonly [
  protocol: string,
  addresses: readonly string[],
  name: string,
  expected: readonly string[],
])[] = [
  // HTTP is told apart by host, so that all addresses share a listener.
  ["HTTP", ["10.1.0.1"], "0.0.0.0_9000", ["http/1.1 h2c -> routes 9000", ELSE]],
  ["TCP", [], "0.0.0.0_9000", [`all -> ${A}`]],
  ["TCP", ["10.1.0.1"], "10.1.0.1_9000", [`all -> ${A}`]],
  ["TCP", ["10.2.0.0/16"], "0.0.0.0_9000", [`10.2.0.0/16 -> ${A}`, ELSE]],
  ["TLS", [], "0.0.0.0_9000", [`a.example.com -> ${A}`, ELSE]],
  ["TLS", ["10.1.0.1"], "10.1.0.1_9000", [`all -> ${A}`]],
  ["", [], "0.0.0.0_9000", ["http/1.1 h2c -> routes 9000", `else -> ${A}`]],
  ["", ["10.1.0.1"], "10.1.0.1_9000", ["http/1.1 h2c -> routes a.example.com:9000", `else -> ${A}`]],
];

for (const [protocol, addresses, name, expected] of LISTENERS) {
  const says = `${protocol || "an unknown protocol"} at ${addresses.join() || "no address"}`;
  test(`${says} has the listener ${name}: ${expected.join("; ")}`, () => {
    const listeners = show(meshOf([host("a", { addresses, ports: [port(protocol)] })]), "LDS");
    assert.deepEqual(
      Object.keys(listeners).filter((n) => !n.startsWith("virtual")),
      [name],
    );
    assert.deepEqual(chains(listeners[name]), expected);
    // Traffic comes by way of the virtual outbound listener.
    assertLike(listeners[name], { bindToPort: false, trafficDirection: "OUTBOUND" });
  });
}

test("HTTP and TCP services of one port share a listener that looks at what comes", () => {
  const mesh = meshOf([host("a", { ports: [port("TCP")] }), host("b", { ports: [port("HTTP")] })]);
  const listener = show(mesh, "LDS")["0.0.0.0_9000"];
  assert.deepEqual(chains(listener), ["http/1.1 h2c -> routes 9000", `else -> ${A}`]);
  assertLike(listener, { listenerFilters: [{ name: "envoy.filters.listener.http_inspector" }] });
});

test("of two TCP services that only their port tells apart the older one has the listener", () => {
  const tcp = { ports: [port("TCP")] };
  const mesh = meshOf([host("a", tcp, { age: 2 }), host("b", tcp, { age: 1 })]);
  assert.deepEqual(chains(show(mesh, "LDS")["0.0.0.0_9000"]), ["all -> outbound|9000||b.example.com"]);
});

test("traffic that no listener takes goes where it was meant to, or nowhere in a closed mesh", () => {
  const virtual = (config: string): readonly string[] =>
    chains(show(meshOf([host("a")], meshSettings(config)), "LDS").virtualOutbound);
  assert.deepEqual(virtual(""), ["all -> BlackHoleCluster", "all -> PassthroughCluster"]);
  const closed = "outboundTrafficPolicy: {mode: REGISTRY_ONLY}";
  assert.deepEqual(virtual(closed), ["all -> BlackHoleCluster", "all -> BlackHoleCluster"]);
});

function headless(addresses: readonly string[]): WorkerMesh {
  const ports = [{ name: "tcp-db", protocol: "TCP" as const, port: 5432, targetPort: "5432", nodePort: 0 }];
  const slicePorts = [{ name: "tcp-db", port: 5432, protocol: "TCP" as const }];
  const service = kubeService("db", { clusterIPs: ["None"], ports });
  const endpoints = addresses.map((address) => kubeEndpoint(address));
  return new WorkerMesh([service, kubeSlice("db", "db", endpoints, { ports: slicePorts })]);
}

test("a headless service has a listener for each endpoint, but not for the proxy's own", () => {
  const mesh = headless(["10.0.0.1", "10.0.0.2"]);
  const names = (ip: string): string[] => Object.keys(show(mesh, "LDS", { ip })).filter((n) => n.endsWith("_5432"));
  assert.deepEqual(names("10.0.0.9"), ["10.0.0.1_5432", "10.0.0.2_5432"]);
  assert.deepEqual(names("10.0.0.2"), ["10.0.0.1_5432"]);
  assertLike(show(mesh, "LDS", { ip: "10.0.0.9" })["10.0.0.1_5432"], {
    address: { socketAddress: { address: "10.0.0.1", portValue: 5432 } },
  });
});

const TARGET = host("a", { addresses: ["10.1.0.1"], ports: [TCP_9000] });

function tcpRoutes(tcp: readonly object[], proxy: ProxySpec = {}): readonly string[] {
  const vs = doc("VirtualService", "v", { hosts: ["a.example.com"], tcp });
  return chains(show(meshOf([TARGET, host("b"), vs]), "LDS", proxy)["10.1.0.1_9000"]);
}

test("a TCP route leads a service's port elsewhere, by weight", () => {
  assert.deepEqual(tcpRoutes([to("b")]), [`all -> ${B}`]);
  const route = [
    { destination: { host: "a.example.com" }, weight: 60 },
    { destination: { host: "b.example.com" }, weight: 40 },
  ];
  assert.deepEqual(tcpRoutes([{ route }]), [`all -> ${A} 60, ${B} 40`]);
});

test("a TCP route for another port, other workloads or another gateway changes nothing", () => {
  for (const match of [{ port: 1 }, { sourceLabels: { app: "x" } }, { gateways: ["gw"] }]) {
    assert.deepEqual(tcpRoutes([{ match: [match], ...to("b") }]), [`all -> ${A}`]);
  }
  const some = [{ match: [{ sourceLabels: { app: "x" } }], ...to("b") }];
  assert.deepEqual(tcpRoutes(some, { labels: { app: "x" } }), [`all -> ${B}`]);
});

test("a TCP route for some addresses leaves the others to the service", () => {
  const match = [{ destinationSubnets: ["10.1.0.0/24"] }];
  assert.deepEqual(tcpRoutes([{ match, ...to("b") }]), [`10.1.0.0/24 -> ${B}`, `else -> ${A}`]);
});

test("a TLS route goes by the name that the client asks for", () => {
  const tls = [
    { match: [{ sniHosts: ["x.example.com"] }], ...to("b") },
    { match: [{ sniHosts: ["y.example.com"], port: 1 }], ...to("b") },
  ];
  const vs = doc("VirtualService", "v", { hosts: ["*.example.com"], tls });
  const service = host("x", { ports: [{ number: 443, name: "tls", protocol: "TLS" }] });
  const listener = show(meshOf([service, host("b", { ports: [HTTP_80] }), vs]), "LDS")["0.0.0.0_443"];
  assert.deepEqual(chains(listener), [`x.example.com -> ${B}`, ELSE]);
  assertLike(listener, { listenerFilters: [{ name: "envoy.filters.listener.tls_inspector" }] });
});

test("a rule's idle time and stickiness hold for TCP, too", () => {
  const rule = doc("DestinationRule", "r", {
    host: "a.example.com",
    trafficPolicy: {
      connectionPool: { tcp: { idleTimeout: "30s" } },
      loadBalancer: { consistentHash: { useSourceIp: true } },
    },
  });
  assertLike(show(meshOf([TARGET, rule]), "LDS")["10.1.0.1_9000"], {
    filterChains: [{ filters: [{ typedConfig: { idleTimeout: "30s", hashPolicy: [{ sourceIp: {} }] } }] }],
  });
});

test("TCP goes through a tunnel where its destination's rule says so, a subset's own only to that subset", () => {
  const tunnel = (targetHost: string, protocol?: string): object => ({
    tunnel: { targetHost, targetPort: 443, ...(protocol ? { protocol } : {}) },
  });
  const table: readonly (readonly [says: string, policy: object, route: readonly object[], expected: unknown])[] = [
    ["none", {}, [{ subset: "" }], undefined],
    ["CONNECT", tunnel("far.example.com"), [{ subset: "" }], { hostname: "far.example.com:443" }],
    ["POST", tunnel("2001:db8::1", "POST"), [{ subset: "" }], { hostname: "[2001:db8::1]:443", usePost: true }],
    ["its subset", tunnel("far.example.com"), [{ subset: "v1" }], { hostname: "v1.example.com:443" }],
    ["a subset without one", tunnel("far.example.com"), [{ subset: "v2" }], undefined],
    [
      "two destinations",
      tunnel("far.example.com"),
      [
        { subset: "v1", weight: 50 },
        { subset: "v2", weight: 50 },
      ],
      { hostname: "far.example.com:443" },
    ],
  ];
  for (const [says, trafficPolicy, route, expected] of table) {
    const listeners = show(
      meshOf([
        host("a", { ports: [TCP_9000], addresses: ["10.1.0.1"] }),
        doc("DestinationRule", "a", {
          host: "a.example.com",
          ...(Object.keys(trafficPolicy).length > 0 ? { trafficPolicy } : {}),
          subsets: [
            { name: "v1", labels: { version: "v1" }, trafficPolicy: tunnel("v1.example.com") },
            { name: "v2", labels: { version: "v2" } },
          ],
        }),
        doc("VirtualService", "a", {
          hosts: ["a.example.com"],
          tcp: [
            {
              route: (route as readonly { subset: string; weight?: number }[]).map(({ subset, ...rest }) => ({
                destination: { host: "a.example.com", ...(subset ? { subset } : {}) },
                ...rest,
              })),
            },
          ],
        }),
      ]),
      "LDS",
    );
    const { filterChains } = listeners["10.1.0.1_9000"] as unknown as { readonly filterChains: readonly ChainJson[] };
    assertLike(filterChains[0]!.filters.at(-1)!.typedConfig, { tunnelingConfig: expected }, says);
  }
});
