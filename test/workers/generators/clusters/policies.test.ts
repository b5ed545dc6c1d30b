// What a DestinationRule's traffic policy does to a cluster: load balancing, limits, ejection.
// https://istio.io/latest/docs/reference/config/networking/destination-rule/#TrafficPolicy
import assert from "node:assert/strict";
import { test } from "node:test";
import { served, WORKLOAD } from "../../../support/inbound-filters.ts";
import { kubeService } from "../../../support/registry.ts";
import { assertLike, clusterOf, doc, host, meshOf, show } from "../../../support/worker-behaviour.ts";
import type { Json } from "../../../support/worker-json.ts";
import { meshSettings, WorkerMesh } from "../../../support/worker-mesh.ts";

const UNLIMITED = 4_294_967_295;
const HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

function clusterWith(trafficPolicy: object, service: object = {}, settings = meshSettings()): Json {
  // An empty policy is no valid one: then there is no rule.
  const spec = { host: "a.example.com", trafficPolicy };
  const rules = Object.keys(trafficPolicy).length > 0 ? [doc("DestinationRule", "r", spec)] : [];
  return clusterOf(meshOf([host("a", service), ...rules], settings), "a");
}

function httpOptions(cluster: Json): unknown {
  return (cluster.typedExtensionProtocolOptions as Json | undefined)?.[HTTP_OPTIONS];
}

const BALANCING: readonly { readonly says: string; readonly loadBalancer: object; readonly expected: object }[] = [
  { says: "RANDOM", loadBalancer: { simple: "RANDOM" }, expected: { lbPolicy: "RANDOM", type: "EDS" } },
  // ROUND_ROBIN is the enum's default.
  { says: "ROUND_ROBIN", loadBalancer: { simple: "ROUND_ROBIN" }, expected: { lbPolicy: undefined, type: "EDS" } },
  { says: "LEAST_REQUEST", loadBalancer: { simple: "LEAST_REQUEST" }, expected: { lbPolicy: "LEAST_REQUEST" } },
  {
    says: "PASSTHROUGH, which goes where the client meant to",
    loadBalancer: { simple: "PASSTHROUGH" },
    expected: { lbPolicy: "CLUSTER_PROVIDED", type: "ORIGINAL_DST", edsClusterConfig: undefined },
  },
  {
    says: "a hash ring of 1024 by default",
    loadBalancer: { consistentHash: { httpHeaderName: "x" } },
    expected: { lbPolicy: "RING_HASH", ringHashLbConfig: { minimumRingSize: "1024" } },
  },
  {
    says: "a hash ring of a size",
    loadBalancer: { consistentHash: { useSourceIp: true, ringHash: { minimumRingSize: 64 } } },
    expected: { lbPolicy: "RING_HASH", ringHashLbConfig: { minimumRingSize: "64" } },
  },
  {
    says: "Maglev",
    loadBalancer: { consistentHash: { httpHeaderName: "x", maglev: { tableSize: 1009 } } },
    expected: { lbPolicy: "MAGLEV", maglevLbConfig: { tableSize: "1009" }, ringHashLbConfig: undefined },
  },
  {
    says: "warm-up of new hosts",
    loadBalancer: { simple: "ROUND_ROBIN", warmup: { duration: "30s", minimumPercent: 20 } },
    expected: { roundRobinLbConfig: { slowStartConfig: { slowStartWindow: "30s", minWeightPercent: { value: 20 } } } },
  },
  {
    says: "no warm-up where hosts are chosen by chance",
    loadBalancer: { simple: "RANDOM", warmup: { duration: "30s" } },
    expected: { roundRobinLbConfig: undefined, leastRequestLbConfig: undefined },
  },
];

for (const { says, loadBalancer, expected } of BALANCING) {
  test(`load balancing: ${says}`, () => assertLike(clusterWith({ loadBalancer }), expected));
}

test("a cluster without a rule takes the host with the fewest requests, and has no limits", () => {
  assertLike(clusterOf(meshOf([host("a")]), "a"), {
    type: "EDS",
    lbPolicy: "LEAST_REQUEST",
    connectTimeout: "10s",
    circuitBreakers: {
      thresholds: [
        { maxConnections: UNLIMITED, maxPendingRequests: UNLIMITED, maxRequests: UNLIMITED, maxRetries: UNLIMITED },
      ],
    },
    outlierDetection: undefined,
    typedExtensionProtocolOptions: undefined,
  });
});

test("a connection pool's limits are the circuit breakers', others have none", () => {
  const connectionPool = {
    tcp: { maxConnections: 1, connectTimeout: "30ms" },
    http: { http1MaxPendingRequests: 2, http2MaxRequests: 3 },
  };
  assertLike(clusterWith({ connectionPool }), {
    connectTimeout: "0.030s",
    circuitBreakers: {
      thresholds: [{ maxConnections: 1, maxPendingRequests: 2, maxRequests: 3, maxRetries: UNLIMITED }],
    },
  });
});

test("a connection ends after idling, after some requests, or at its age", () => {
  const connectionPool = {
    tcp: { maxConnectionDuration: "60s", idleTimeout: "1s" },
    http: { idleTimeout: "5s", maxRequestsPerConnection: 9 },
  };
  assertLike(httpOptions(clusterWith({ connectionPool })), {
    commonHttpProtocolOptions: { idleTimeout: "5s", maxRequestsPerConnection: 9, maxConnectionDuration: "60s" },
    explicitHttpConfig: { httpProtocolOptions: {} },
  });
});

test("keepalive is the rule's, else the mesh's, whose absence leaves it to the system", () => {
  const mesh = meshSettings("tcpKeepalive: {time: 600s, interval: 75s, probes: 5}");
  const own = { connectionPool: { tcp: { tcpKeepalive: { time: "10s" } } } };
  assertLike(clusterWith({}), { upstreamConnectionOptions: undefined });
  assertLike(clusterWith({}, {}, mesh), {
    upstreamConnectionOptions: { tcpKeepalive: { keepaliveTime: 600, keepaliveInterval: 75, keepaliveProbes: 5 } },
  });
  assertLike(clusterWith(own, {}, mesh), {
    upstreamConnectionOptions: { tcpKeepalive: { keepaliveTime: 10, keepaliveInterval: undefined } },
  });
});

const http2 = { explicitHttpConfig: { http2ProtocolOptions: {}, httpProtocolOptions: undefined } };
const upgrade = (h2UpgradePolicy: string): object => ({ connectionPool: { http: { h2UpgradePolicy } } });

test("HTTP/2 is spoken where the port says so, or the rule or the mesh upgrade HTTP", () => {
  const port = (protocol: string): object => ({ ports: [{ number: 80, name: "p", protocol }] });
  const upgrading = meshSettings("h2UpgradePolicy: UPGRADE");
  for (const protocol of ["HTTP2", "GRPC"]) assertLike(httpOptions(clusterWith({}, port(protocol))), http2);
  assertLike(httpOptions(clusterWith(upgrade("UPGRADE"))), http2);
  assertLike(httpOptions(clusterWith({}, {}, upgrading)), http2);
  assert.equal(httpOptions(clusterWith({}, port("TCP"), upgrading)), undefined);
  assert.equal(httpOptions(clusterWith(upgrade("DO_NOT_UPGRADE"), {}, upgrading)), undefined);
});

test("the client's protocol is spoken where the rule says so", () => {
  assertLike(httpOptions(clusterWith({ connectionPool: { http: { useClientProtocol: true } } })), {
    useDownstreamProtocolConfig: { httpProtocolOptions: {}, http2ProtocolOptions: {} },
    explicitHttpConfig: undefined,
  });
});

test("outlier detection ejects after errors in a row, of the kinds that the rule counts", () => {
  const outlierDetection = {
    consecutive5xxErrors: 7,
    consecutiveGatewayErrors: 0,
    interval: "5m",
    baseEjectionTime: "15m",
    maxEjectionPercent: 50,
  };
  assertLike(clusterWith({ outlierDetection }), {
    outlierDetection: {
      consecutive5xx: 7,
      enforcingConsecutive5xx: 100,
      consecutiveGatewayFailure: 0,
      // Zero turns a kind off.
      enforcingConsecutiveGatewayFailure: 0,
      interval: "300s",
      baseEjectionTime: "900s",
      maxEjectionPercent: 50,
      enforcingSuccessRate: 0,
      splitExternalLocalOriginErrors: undefined,
    },
  });
});

test("errors of the proxy's own connections are counted apart where the rule says so", () => {
  const outlierDetection = { splitExternalLocalOriginErrors: true, consecutiveLocalOriginFailures: 4 };
  assertLike(clusterWith({ outlierDetection }), {
    outlierDetection: {
      splitExternalLocalOriginErrors: true,
      consecutiveLocalOriginFailure: 4,
      enforcingConsecutiveLocalOriginFailure: 100,
      enforcingLocalOriginSuccessRate: 0,
      consecutive5xx: undefined,
    },
  });
});

test("with too few healthy hosts ejection ends where the rule says so, and never by default", () => {
  const threshold = (minHealthPercent: object): unknown =>
    clusterWith({ outlierDetection: { consecutive5xxErrors: 1, ...minHealthPercent } }).commonLbConfig;
  assertLike(threshold({}), { healthyPanicThreshold: {} });
  assertLike(threshold({ minHealthPercent: 30 }), { healthyPanicThreshold: { value: 30 } });
});

test("how hosts are found follows the service's resolution", () => {
  const resolved = (resolution: string, endpoints: readonly object[]): Json =>
    clusterOf(meshOf([host("a", { resolution, endpoints })]), "a");
  const named = [{ address: "one.example.net" }, { address: "two.example.net" }];
  const addresses = (cluster: Json): unknown =>
    (
      cluster.loadAssignment as { endpoints: { lbEndpoints: { endpoint: { address: { socketAddress: Json } } }[] }[] }
    ).endpoints.flatMap((l) => l.lbEndpoints.map((e) => e.endpoint.address.socketAddress.address));
  assertLike(resolved("STATIC", [{ address: "10.9.0.1" }]), { type: "EDS", loadAssignment: undefined });
  assertLike(resolved("NONE", []), { type: "ORIGINAL_DST", lbPolicy: "CLUSTER_PROVIDED" });
  const all = resolved("DNS", named);
  assertLike(all, { type: "STRICT_DNS", respectDnsTtl: true, edsClusterConfig: undefined });
  assert.deepEqual(addresses(all), ["one.example.net", "two.example.net"]);
  const first = resolved("DNS_ROUND_ROBIN", [{ address: "one.example.net" }]);
  assertLike(first, { type: "LOGICAL_DNS" });
  assert.deepEqual(addresses(first), ["one.example.net"]);
});

test("a DNS service without endpoints resolves its own host", () => {
  assertLike(clusterOf(meshOf([host("a", { resolution: "DNS", endpoints: [] })]), "a").loadAssignment, {
    endpoints: [
      { lbEndpoints: [{ endpoint: { address: { socketAddress: { address: "a.example.com", portValue: 80 } } } }] },
    ],
  });
});

test("only what goes through a sidecar has the clusters that pass traffic on", () => {
  const mesh = meshOf([host("a")]);
  const names = (type: "sidecar" | "router"): string[] => Object.keys(show(mesh, "CDS", { type })).sort();
  assert.deepEqual(names("sidecar"), [
    "BlackHoleCluster",
    "InboundPassthroughCluster",
    "PassthroughCluster",
    "outbound|80||a.example.com",
  ]);
  assert.deepEqual(names("router"), ["BlackHoleCluster", "outbound|80||a.example.com"]);
});

test("a port of an unknown protocol is spoken to as the client speaks, but not by a router, which doesn't detect it", () => {
  const mesh = meshOf([host("a", { ports: [{ number: 80, name: "auto", protocol: "" }] })]);
  const downstream = {
    "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
      useDownstreamProtocolConfig: { httpProtocolOptions: {}, http2ProtocolOptions: {} },
    },
  };
  assertLike(clusterOf(mesh, "a").typedExtensionProtocolOptions, downstream);
  assertLike(clusterOf(mesh, "a", "", { type: "router" }), { typedExtensionProtocolOptions: undefined });
});

test("places are weighed where a rule distributes or fails over by name, the latter with outlier detection only", () => {
  const weighs = (localityLbSetting: object, outlier: boolean): boolean => {
    const trafficPolicy = {
      loadBalancer: { localityLbSetting },
      ...(outlier ? { outlierDetection: { consecutive5xxErrors: 3 } } : {}),
    };
    const rule = doc("DestinationRule", "r", { host: "a.example.com", trafficPolicy });
    const { commonLbConfig } = clusterOf(meshOf([host("a"), rule]), "a");
    return "localityWeightedLbConfig" in (commonLbConfig as object);
  };
  const distribute = [{ from: "r1/*", to: { "r2/*": 100 } }];
  const failover = [{ from: "r1", to: "r2" }];
  const cases: readonly (readonly [object, boolean, boolean])[] = [
    [{ distribute }, false, true],
    [{ failover }, true, true],
    [{ failover }, false, false],
    [{ failoverPriority: ["rack"] }, true, true],
    [{ failoverPriority: ["rack"] }, false, false],
    [{ enabled: true }, true, false],
  ];
  for (const [setting, outlier, expected] of cases) assert.equal(weighs(setting, outlier), expected);
});

test("gauges of what limits have left are there where the mesh wants them, with limits and without", () => {
  const on = meshSettings("", { DISABLE_TRACK_REMAINING_CB_METRICS: "false" });
  const limited = { connectionPool: { tcp: { maxConnections: 3 } } };
  for (const policy of [{}, limited]) {
    assertLike(clusterWith(policy, {}, on), { circuitBreakers: { thresholds: [{ trackRemaining: true }] } });
    assertLike(clusterWith(policy), { circuitBreakers: { thresholds: [{ trackRemaining: undefined }] } });
  }
});

test("headless services of Kubernetes are found over EDS where the mesh says so", () => {
  const typeOf = (on: string): unknown => {
    const mesh = new WorkerMesh(
      [kubeService("h", { clusterIPs: ["None"] })],
      meshSettings("", { PILOT_ENABLE_EDS_FOR_HEADLESS_SERVICES: on }),
    );
    const clusters = show(mesh, "CDS");
    return Object.entries(clusters).find(([name]) => name.includes("h.default.svc.cluster.local"))?.[1].type;
  };
  assert.equal(typeOf("false"), "ORIGINAL_DST");
  assert.equal(typeOf("true"), "EDS");
});

test("a retry budget limits retries by what is under way, in its own figures or in those by default", () => {
  const limits = (policy: object): unknown =>
    (clusterWith(policy).circuitBreakers as { readonly thresholds: readonly unknown[] }).thresholds;
  const budget = (percent: number, atLeast: number): object => ({
    budgetPercent: { value: percent },
    minRetryConcurrency: atLeast,
  });
  assertLike(limits({}), [{ retryBudget: undefined }]);
  assertLike(limits({ retryBudget: { percent: 25, minRetryConcurrency: 7 } }), [{ retryBudget: budget(25, 7) }]);
  const pool = { connectionPool: { http: { maxRetries: 5 } } };
  assertLike(limits({ ...pool, retryBudget: { budgetInterval: "5s" } }), [
    { maxRetries: 5, retryBudget: budget(0.2, 3) },
  ]);
  const rule = doc("DestinationRule", "r", { host: "x.example.com", trafficPolicy: { retryBudget: { percent: 50 } } });
  assertLike(show(served([rule]), "CDS", WORKLOAD)["inbound|80||"], {
    circuitBreakers: { thresholds: [{ maxConnections: UNLIMITED, retryBudget: budget(50, 3) }] },
  });
});

test("HTTP/2 connections are pinged where the rule says so", () => {
  const http = { http2KeepAlive: { interval: "30s", timeout: "5s" } };
  const connectionKeepalive = { interval: "30s", timeout: "5s" };
  assertLike(httpOptions(clusterWith({ connectionPool: { http: { ...http, h2UpgradePolicy: "UPGRADE" } } })), {
    explicitHttpConfig: { http2ProtocolOptions: { connectionKeepalive } },
  });
  assert.equal(httpOptions(clusterWith({ connectionPool: { http } })), undefined);
});

test("the mesh's connection pool and outlier detection hold where a rule has none, the pool also for what comes in or passes", () => {
  const config = { connectionPool: { tcp: { maxConnections: 7 } }, outlierDetection: { consecutive5xxErrors: 3 } };
  const settings = meshSettings(JSON.stringify({ defaultTrafficPolicy: config }));
  const limits = (cluster: Json | undefined): unknown =>
    (cluster!.circuitBreakers as { readonly thresholds: readonly Json[] }).thresholds[0]!.maxConnections;
  const table: readonly (readonly [policy: object, connections: number, errors: number])[] = [
    [{}, 7, 3],
    [{ outlierDetection: { consecutive5xxErrors: 9 } }, 7, 9],
    [{ connectionPool: { http: { maxRetries: 1 } } }, UNLIMITED, 3],
    [{ connectionPool: { tcp: { maxConnections: 8 } }, outlierDetection: { consecutive5xxErrors: 9 } }, 8, 9],
  ];
  for (const [policy, connections, errors] of table) {
    const cluster = clusterWith(policy, {}, settings);
    assert.equal(limits(cluster), connections);
    assertLike(cluster, { outlierDetection: { consecutive5xx: errors } });
  }
  const all = show(served([], settings), "CDS", WORKLOAD);
  for (const name of ["inbound|80||", "InboundPassthroughCluster", "PassthroughCluster"]) {
    assert.equal(limits(all[name]), 7, name);
    assertLike(all[name], { outlierDetection: undefined }, name);
  }
  const plain = show(served([]), "CDS", WORKLOAD);
  assert.equal(limits(plain.PassthroughCluster), UNLIMITED);
});
