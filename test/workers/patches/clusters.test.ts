// What patches do to clusters.
import assert from "node:assert/strict";
import { test } from "node:test";
import { envoyFilter, patch } from "../../support/patches.ts";
import { assertLike, doc, host, meshOf, show, TCP_9000 } from "../../support/worker-behaviour.ts";
import type { Json } from "../../support/worker-json.ts";
import type { ProxySpec } from "../../support/worker-mesh.ts";

const TLS_TYPE = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext";
const SERVED = [
  host("a"),
  doc("ServiceEntry", "own", {
    hosts: ["own.example.com"],
    location: "MESH_INTERNAL",
    resolution: "STATIC",
    ports: [TCP_9000],
    workloadSelector: { labels: { app: "own" } },
  }),
  doc("WorkloadEntry", "w", { address: "10.0.0.1", labels: { app: "own" } }),
];

function clusters(
  patches: readonly object[],
  more: readonly object[] = [],
  proxy: ProxySpec = {},
): Record<string, Json> {
  return show(meshOf([...SERVED, ...more, envoyFilter("f", patches)]), "CDS", proxy);
}

const A = "outbound|80||a.example.com";
const OWN = "inbound|9000||";

interface MatchCase {
  readonly name: string;
  readonly match: object;
  readonly context?: string;
  /** Clusters that it is about. */
  readonly is: readonly string[];
}

const MATCHES: readonly MatchCase[] = [
  { name: "a service", match: { service: "a.example.com" }, is: [A] },
  { name: "a service and a port that it hasn't", match: { service: "a.example.com", portNumber: 81 }, is: [] },
  { name: "a port", match: { portNumber: 80 }, is: [A] },
  { name: "a name, which says all", match: { name: A, portNumber: 81 }, is: [A] },
  {
    name: "a service that leads to the application",
    match: { service: "own.example.com" },
    context: "SIDECAR_INBOUND",
    is: [OWN],
  },
  { name: "a subset that nobody has", match: { subset: "v1" }, is: [] },
];

for (const { name, match, context = "SIDECAR_OUTBOUND", is } of MATCHES) {
  test(`a match of ${name}`, () => {
    const all = clusters([patch("CLUSTER", "MERGE", { alt_stat_name: "x" }, { context, cluster: match })]);
    const found = Object.entries(all).filter(([, cluster]) => cluster.altStatName === "x");
    assert.deepEqual(
      found.map(([cluster]) => cluster),
      is,
    );
  });
}

test("what is removed is gone, and what is merged after it is nowhere", () => {
  const match = { cluster: { name: A } };
  const all = clusters([patch("CLUSTER", "REMOVE", undefined, match), patch("CLUSTER", "MERGE", { name: "x" }, match)]);
  assert.equal(all[A], undefined);
  assert.equal(all.x, undefined);
});

test("a patch can't give a cluster another name", () => {
  const all = clusters([patch("CLUSTER", "MERGE", { name: "x", alt_stat_name: "y" }, { cluster: { name: A } })]);
  assertLike(all[A], { name: A, altStatName: "y" });
});

test("added clusters come once, and none takes the place of another", () => {
  const add = (name: string, match: object = {}): object =>
    patch("CLUSTER", "ADD", { name, type: "STATIC", connect_timeout: "9s" }, match);
  const all = clusters([
    add("new"),
    add("new", { context: "SIDECAR_INBOUND" }),
    add("in", { context: "SIDECAR_INBOUND" }),
    add("BlackHoleCluster"),
    add(A),
    add(OWN),
    add("gateway", { context: "GATEWAY" }),
  ]);
  const added = Object.entries(all).filter(([, { connectTimeout }]) => connectTimeout === "9s");
  assert.deepEqual(added.map(([name]) => name).sort(), ["in", "new"]);
});

test("an insertion of a cluster is an addition", () => {
  const all = clusters([
    patch("CLUSTER", "INSERT_FIRST", { name: "new", type: "STATIC" }, { context: "SIDECAR_OUTBOUND" }),
  ]);
  assertLike(all.new, { name: "new" });
});

const RULE = doc("DestinationRule", "a", {
  host: "a.example.com",
  trafficPolicy: { tls: { mode: "SIMPLE", sni: "a" } },
});
const tls = (name: string, fields: object): object =>
  patch(
    "CLUSTER",
    "MERGE",
    { transport_socket: { name, typed_config: { "@type": TLS_TYPE, ...fields } } },
    { cluster: { name: A } },
  );

test("TLS settings are merged into a socket of the same name", () => {
  const all = clusters([tls("envoy.transport_sockets.tls", { max_session_keys: 5 })], [RULE]);
  assertLike(all[A], { transportSocket: { typedConfig: { sni: "a", maxSessionKeys: 5 } } });
});

test("a socket of another name takes the place of one", () => {
  const all = clusters([tls("other", { max_session_keys: 5 })], [RULE]);
  assertLike(all[A], { transportSocket: { name: "other", typedConfig: { sni: undefined, maxSessionKeys: 5 } } });
});

test("where a cluster chooses between sockets, the choice of that name is patched", () => {
  const mutual = doc("DestinationRule", "a", {
    host: "a.example.com",
    trafficPolicy: { tls: { mode: "ISTIO_MUTUAL" } },
  });
  const labelled = host("a", {
    endpoints: [{ address: "10.9.0.1", labels: { "security.istio.io/tlsMode": "istio" } }],
  });
  const patches = [tls("nobody", { max_session_keys: 5 })];
  const choosing = (docs: readonly object[]): Json =>
    show(
      meshOf([labelled, ...docs, envoyFilter("f", [tls("envoy.transport_sockets.tls", { max_session_keys: 5 })])]),
      "CDS",
    )[A]!;
  const cluster = choosing([]);
  const choices = cluster.transportSocketMatches as readonly Json[] | undefined;
  assert.ok(choices, "the cluster has no choice");
  assertLike(choices[0], { transportSocket: { typedConfig: { maxSessionKeys: 5 } } });
  const other = show(meshOf([labelled, envoyFilter("f", patches)]), "CDS")[A]!;
  assert.equal(other.transportSocket, undefined);
  assertLike(clusters([tls("envoy.transport_sockets.tls", { max_session_keys: 5 })], [mutual])[A], {
    transportSocket: { typedConfig: { maxSessionKeys: 5 } },
  });
});

test("a router's clusters are patched in its own context", () => {
  const proxy: ProxySpec = { type: "router", labels: { istio: "gateway" } };
  const all = clusters([patch("CLUSTER", "MERGE", { alt_stat_name: "x" }, { context: "GATEWAY" })], [], proxy);
  assertLike(all[A], { altStatName: "x" });
});
