// What gRPC's own xDS clients and servers are sent, where it differs from what Envoys get.
// https://grpc.github.io/grpc/core/md_doc_grpc_xds_features.html
import assert from "node:assert/strict";
import { test } from "node:test";
import { assertLike, doc, host, meshOf, show, to } from "../../support/worker-behaviour.ts";
import type { Json } from "../../support/worker-json.ts";
import { generateFor, type ProxySpec, type WorkerMesh } from "../../support/worker-mesh.ts";

const GRPC: ProxySpec = { metadata: { GENERATOR: "grpc" } };
const CLUSTER = "outbound|80||a.example.com";
const SERVER = "xds.istio.io/grpc/lds/inbound/0.0.0.0:8080";

function one(mesh: WorkerMesh, type: "CDS" | "EDS" | "LDS" | "RDS", name: string, proxy = GRPC): Json | undefined {
  return show(mesh, type, proxy, [name])[name];
}

function warnings(mesh: WorkerMesh, type: "CDS" | "LDS", name: string, proxy = GRPC): readonly string[] {
  return generateFor(mesh.context(), mesh.view(proxy), type, [name]).warnings;
}

const POLICIES: readonly {
  readonly says: string;
  readonly policy: object;
  readonly expected: object;
  readonly warns?: RegExp;
}[] = [
  {
    says: "hosts in turn by default",
    policy: { connectionPool: { tcp: { maxConnections: 5 } } },
    expected: { type: "EDS", lbPolicy: undefined, circuitBreakers: undefined, transportSocket: undefined },
  },
  {
    says: "a limit of requests at a time",
    policy: { connectionPool: { http: { http2MaxRequests: 7, http1MaxPendingRequests: 3 } } },
    expected: { circuitBreakers: { thresholds: [{ maxRequests: 7 }] } },
  },
  {
    says: "the least busy host",
    policy: { loadBalancer: { simple: "LEAST_REQUEST" } },
    expected: { lbPolicy: "LEAST_REQUEST" },
  },
  {
    says: "a hash ring",
    policy: { loadBalancer: { consistentHash: { httpHeaderName: "x", ringHash: { minimumRingSize: 64 } } } },
    expected: { lbPolicy: "RING_HASH", ringHashLbConfig: { minimumRingSize: "64" } },
  },
  {
    says: "a ring in place of maglev",
    policy: { loadBalancer: { consistentHash: { httpHeaderName: "x", maglev: {} } } },
    expected: { lbPolicy: "RING_HASH", ringHashLbConfig: { minimumRingSize: "1024" } },
    warns: /maglev/,
  },
  {
    says: "hosts in turn in place of chance",
    policy: { loadBalancer: { simple: "RANDOM" } },
    expected: { lbPolicy: undefined },
    warns: /RANDOM/,
  },
  {
    says: "no ejection",
    policy: { outlierDetection: { consecutive5xxErrors: 3 } },
    expected: { outlierDetection: undefined },
    warns: /eject/,
  },
  {
    says: "no TLS but the mesh's",
    policy: { tls: { mode: "SIMPLE" } },
    expected: { transportSocket: undefined },
    warns: /SIMPLE/,
  },
];

test("a cluster has of its policy what gRPC knows, and warns of the rest", () => {
  for (const { says, policy, expected, warns } of POLICIES) {
    const rule = doc("DestinationRule", "r", { host: "a.example.com", trafficPolicy: policy });
    const mesh = meshOf([host("a"), rule]);
    assertLike(one(mesh, "CDS", CLUSTER), expected, says);
    const said = warnings(mesh, "CDS", CLUSTER);
    assert.equal(said.length, warns ? 1 : 0, `${says}: ${said.join()}`);
    if (warns) assert.match(said[0]!, warns, says);
  }
});

test("mesh mTLS takes the names of a rule, else those of the service's workloads", () => {
  const endpoints = [{ address: "10.9.0.1", serviceAccount: "sa" }];
  for (const [subjectAltNames, expected] of [
    [undefined, "spiffe://cluster.local/ns/default/sa/sa"],
    [["spiffe://x/y"], "spiffe://x/y"],
  ] as const) {
    const tls = { mode: "ISTIO_MUTUAL", ...(subjectAltNames ? { subjectAltNames } : {}) };
    const rule = doc("DestinationRule", "r", { host: "a.example.com", trafficPolicy: { tls } });
    const cluster = one(meshOf([host("a", { endpoints }), rule]), "CDS", CLUSTER);
    const commonTlsContext = {
      tlsCertificateProviderInstance: { instanceName: "default" },
      combinedValidationContext: {
        defaultValidationContext: {
          caCertificateProviderInstance: { instanceName: "default" },
          matchSubjectAltNames: [{ exact: expected }],
        },
      },
    };
    assertLike(cluster, { transportSocket: { typedConfig: { commonTlsContext } } });
  }
});

test("nothing is sent for names that lead nowhere", () => {
  const mesh = meshOf([host("a")]);
  const nothing = [
    ["CDS", ["outbound|81||a.example.com", "outbound|80|v1|a.example.com", "outbound|80||b.example.com", "x"]],
    ["RDS", ["80", "outbound|81||a.example.com", "outbound|80|v1|a.example.com", "outbound|80||b.example.com"]],
    ["LDS", ["a.example.com", "a.example.com:81", "b.example.com:80", "0.0.0.0_80", SERVER]],
  ] as const;
  for (const [type, names] of nothing) assert.deepEqual(Object.keys(show(mesh, type, GRPC, names)), [], type);
});

test("a client that names nothing gets all listeners, and learns of the rest from them", () => {
  const mesh = meshOf([host("a"), host("b")]);
  assert.deepEqual(Object.keys(show(mesh, "LDS", GRPC)).sort(), ["a.example.com:80", "b.example.com:80"]);
  assert.deepEqual(show(mesh, "CDS", GRPC), {});
});

test("endpoints that are no addresses are left out", () => {
  const names = ["10.9.0.1", "2001:db8::1"];
  const endpoints = [...names, "unix:///var/run/a.sock"].map((address) => ({ address }));
  const assignment = one(meshOf([host("a", { endpoints })]), "EDS", CLUSTER);
  const [locality] = (assignment?.endpoints ?? []) as { lbEndpoints: readonly Json[] }[];
  const addresses = locality?.lbEndpoints.map(
    ({ endpoint }) => (endpoint as { address: { socketAddress: { address: string } } }).address.socketAddress.address,
  );
  assert.deepEqual(addresses, names);
  const dns = meshOf([host("a", { resolution: "DNS", endpoints: [{ address: "a.example.org" }] })]);
  assert.deepEqual(one(dns, "EDS", CLUSTER), { clusterName: CLUSTER });
});

function routesFor(...http: readonly object[]): readonly Json[] {
  const vs = doc("VirtualService", "a", { hosts: ["a.example.com"], http });
  const config = one(meshOf([host("a"), host("b"), vs]), "RDS", CLUSTER);
  const hosts = (config?.virtualHosts ?? []) as readonly { name: string; routes: readonly Json[] }[];
  assert.deepEqual(hosts.map((h) => h.name).sort(), ["a.example.com:80", "b.example.com:80"]);
  return hosts.find((h) => h.name === "a.example.com:80")!.routes;
}

const ROUTES: readonly { readonly says: string; readonly http: object; readonly expected: object }[] = [
  {
    says: "a timeout by the field that gRPC reads",
    http: { ...to("b"), timeout: "2s" },
    expected: { route: { maxStreamDuration: { maxStreamDuration: "2s" }, maxGrpcTimeout: undefined } },
  },
  {
    says: "no timeout",
    http: to("b"),
    expected: { route: { maxStreamDuration: { maxStreamDuration: "0s" }, maxGrpcTimeout: undefined } },
  },
  {
    says: "no rules about origins, for which there is no filter",
    http: { ...to("b"), corsPolicy: { allowOrigins: [{ exact: "x" }] } },
    expected: { route: { cluster: "outbound|80||b.example.com" }, typedPerFilterConfig: undefined },
  },
  {
    says: "faults",
    http: { ...to("b"), fault: { abort: { grpcStatus: "ABORTED", percentage: { value: 100 } } } },
    expected: { typedPerFilterConfig: { "envoy.filters.http.fault": { abort: { grpcStatus: 10 } } } },
  },
  {
    says: "a route that fails in place of a redirect",
    http: { redirect: { uri: "/x" } },
    expected: { nonForwardingAction: {}, redirect: undefined },
  },
  {
    says: "a route that fails in place of an answer",
    http: { directResponse: { status: 418 } },
    expected: { nonForwardingAction: {}, directResponse: undefined },
  },
];

test("routes have what gRPC takes", () => {
  for (const { says, http, expected } of ROUTES) assertLike(routesFor(http)[0], expected, says);
});

test("an Envoy's routes are not those of a gRPC client that asked before", () => {
  const vs = doc("VirtualService", "a", { hosts: ["a.example.com"], http: [{ redirect: { uri: "/x" } }] });
  const mesh = meshOf([host("a"), vs]);
  one(mesh, "RDS", CLUSTER);
  const { virtualHosts } = one(mesh, "RDS", "80", {}) as unknown as { virtualHosts: readonly Json[] };
  assertLike(virtualHosts[0], {
    domains: ["a.example.com", "a.example.com."],
    routes: [{ redirect: { pathRedirect: "/x" } }],
  });
});

test("patches of EnvoyFilters are for Envoys", () => {
  const configPatches = [
    { applyTo: "CLUSTER", patch: { operation: "MERGE", value: { alt_stat_name: "patched" } } },
    { applyTo: "LISTENER", patch: { operation: "MERGE", value: { traffic_direction: "INBOUND" } } },
    { applyTo: "VIRTUAL_HOST", patch: { operation: "REMOVE" } },
  ];
  const names = [
    ["CDS", CLUSTER],
    ["LDS", "a.example.com:80"],
    ["RDS", CLUSTER],
  ] as const;
  const filter = { ...doc("EnvoyFilter", "f", { configPatches }), apiVersion: "networking.istio.io/v1alpha3" };
  const [plain, patched] = [meshOf([host("a")]), meshOf([host("a"), filter])];
  for (const [type, name] of names) assert.deepEqual(one(patched, type, name), one(plain, type, name), type);
  assert.equal(show(patched, "CDS")[CLUSTER]?.altStatName, "patched");
});

/** A server on port 8080 behind `a.example.com`, with what protects it. */
function serverListener(labels: Readonly<Record<string, string>>, ...policies: readonly object[]): Json | undefined {
  return one(serverMesh(labels, policies), "LDS", SERVER);
}

function serverMesh(labels: Readonly<Record<string, string>>, policies: readonly object[]): WorkerMesh {
  const service = host("a", {
    ports: [{ number: 80, name: "http", protocol: "HTTP", targetPort: 8080 }],
    endpoints: undefined,
    workloadSelector: { labels: { app: "a" } },
  });
  const workload = doc("WorkloadEntry", "w", { address: "10.0.0.1", labels: { app: "a", ...labels } });
  return meshOf([JSON.parse(JSON.stringify(service)), workload, ...policies]);
}

const mtls = (mode: string): object => doc("PeerAuthentication", "default", { mtls: { mode } });
const ISTIO = { "security.istio.io/tlsMode": "istio" };

const MODES: readonly (readonly [says: string, labels: Record<string, string>, policies: object[], chain: string])[] = [
  ["plain text by default", {}, [], "plaintext"],
  ["plain text where both may come", {}, [mtls("PERMISSIVE")], "plaintext"],
  ["TLS where clients know to use it", ISTIO, [mtls("PERMISSIVE")], "mtls"],
  ["TLS where nothing else is let in", {}, [mtls("STRICT")], "mtls"],
  ["plain text where TLS is off", ISTIO, [mtls("DISABLE")], "plaintext"],
];

test("a server takes TLS or plain text", () => {
  for (const [says, labels, policies, chain] of MODES) {
    const listener = serverListener(labels, ...policies);
    const [only] = (listener?.filterChains ?? []) as readonly Json[];
    assert.equal(only?.name, `inbound-${chain}`, says);
    assert.equal(only?.transportSocket !== undefined, chain === "mtls", says);
  }
});

const allow = (name: string, spec: object, annotations = {}): object =>
  doc("AuthorizationPolicy", name, spec, { annotations });
const GET = [{ to: [{ operation: { methods: ["GET"] } }] }];

const AUTHORIZATION: readonly {
  readonly says: string;
  readonly policies: readonly object[];
  /** Filters before the router, with the names of their rules. */
  readonly filters: Readonly<Record<string, readonly string[]>>;
}[] = [
  { says: "nothing", policies: [], filters: {} },
  {
    says: "denials before permissions",
    policies: [allow("p", { rules: GET }), allow("n", { action: "DENY", rules: [...GET, ...GET] })],
    filters: {
      "envoy.filters.http.rbac.DENY": ["default-n-0", "default-n-1"],
      "envoy.filters.http.rbac": ["default-p-0"],
    },
  },
  {
    says: "a policy without rules, which lets nobody in",
    policies: [allow("p", {})],
    filters: { "envoy.filters.http.rbac": ["default-p-0"] },
  },
  {
    says: "no policy that is only tried out",
    policies: [allow("p", { rules: GET }, { "istio.io/dry-run": "true" })],
    filters: {},
  },
  {
    says: "a denial where somebody else would have to be asked",
    policies: [allow("p", { action: "CUSTOM", provider: { name: "x" }, rules: GET })],
    filters: { "envoy.filters.http.rbac.DENY": ["default-p-0"] },
  },
];

test("a server's policies are filters", () => {
  for (const { says, policies, filters } of AUTHORIZATION) {
    const listener = serverListener({}, ...policies) as unknown as {
      filterChains: { filters: { typedConfig: { httpFilters: { name: string; typedConfig: Json }[] } }[] }[];
    };
    const all = listener.filterChains[0]!.filters[0]!.typedConfig.httpFilters;
    assert.equal(all.pop()?.name, "envoy.filters.http.router", says);
    const found = all.map(({ name, typedConfig }) => {
      const { rules } = typedConfig as { rules: { policies: Json } };
      return [name, Object.keys(rules.policies).sort()];
    });
    assert.deepEqual(found, Object.entries(filters), says);
  }
});

test("a policy that a server can't follow is warned of", () => {
  const custom = allow("p", { action: "CUSTOM", provider: { name: "x" }, rules: GET });
  const [warning] = warnings(serverMesh({}, [custom]), "LDS", SERVER);
  assert.match(warning ?? "", /^AuthorizationPolicy\/default\/p: .*denied$/);
});
