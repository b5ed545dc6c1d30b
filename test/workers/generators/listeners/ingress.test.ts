// What a Sidecar's ingress makes of what comes to a workload.
// https://istio.io/latest/docs/reference/config/networking/sidecar/#IstioIngressListener
import assert from "node:assert/strict";
import { test } from "node:test";
import { assertLike, doc, host, meshOf, show, TCP_9000 } from "../../../support/worker-behaviour.ts";
import type { Json } from "../../../support/worker-json.ts";
import { generateFor, meshSettings, type ProxySpec, type WorkerMesh } from "../../../support/worker-mesh.ts";

const IP = "10.0.0.1";
const PORT = { number: 9080, name: "http", protocol: "HTTP" };

interface Case {
  readonly listener?: object;
  readonly proxy?: ProxySpec;
  readonly env?: Readonly<Record<string, string>>;
  readonly mtls?: string;
}

function meshWith({ listener = {}, env = {}, mtls }: Case): WorkerMesh {
  const service = host("a", {
    ports: [
      { number: 80, name: "http", protocol: "HTTP", targetPort: 9080 },
      { number: 81, name: "other", protocol: "TCP" },
    ],
    endpoints: [{ address: IP }],
  });
  const policies = mtls ? [doc("PeerAuthentication", "p", { mtls: { mode: mtls } })] : [];
  const ingress = [{ port: PORT, ...listener }];
  return meshOf([service, doc("Sidecar", "s", { ingress }), ...policies], meshSettings("", env));
}

interface ChainJson {
  readonly name: string;
  readonly filterChainMatch?: { readonly destinationPort?: number; readonly transportProtocol?: string };
  readonly metadata?: Json;
  readonly transportSocket?: { readonly typedConfig: Json };
  readonly filters: readonly { readonly name: string; readonly typedConfig: Json }[];
}

function chains(given: Case, listener = "virtualInbound", port = 9080): readonly ChainJson[] {
  const found = show(meshWith(given), "LDS", { ip: IP, ...given.proxy })[listener];
  assert.ok(found, `no listener ${listener}`);
  return (found.filterChains as ChainJson[]).filter((c) => c.filterChainMatch?.destinationPort === port);
}

function cluster(given: Case): Json | undefined {
  return show(meshWith(given), "CDS", { ip: IP, ...given.proxy })["inbound|9080||"];
}

test("chains are named by the proxy's address, and traces by the Sidecar", () => {
  const [chain] = chains({});
  assertLike(chain, {
    name: "10.0.0.1_9080",
    metadata: {
      filterMetadata: { istio: { config: "/apis/networking.istio.io/v1/namespaces/default/sidecar/s" } },
    },
  });
  assertLike(chain!.filters.at(-1)!.typedConfig, {
    statPrefix: "inbound_10.0.0.1_9080;",
    routeConfig: {
      name: "inbound|9080||",
      virtualHosts: [{ name: "inbound|http|9080", routes: [{ decorator: { operation: "s.default:9080/*" } }] }],
    },
  });
});

test("an address that other hosts can't reach names nothing", () => {
  assert.equal(chains({ proxy: { ip: "127.0.0.1", metadata: { INSTANCE_IPS: IP } } })[0]!.name, "10.0.0.1_9080");
  assert.equal(chains({ proxy: { ip: "169.254.0.9" } })[0]!.name, "0.0.0.0_9080");
});

const NONE = { metadata: { INTERCEPTION_MODE: "NONE" } };

test("a listener of its own where nothing is captured for it, else chains of the virtual one", () => {
  const cases: readonly (readonly [listener: object, proxy: ProxySpec, own: string | undefined])[] = [
    [{}, {}, undefined],
    [{ bind: "10.0.0.7" }, {}, undefined],
    [{ captureMode: "NONE" }, {}, "10.0.0.1_9080"],
    [{ captureMode: "NONE", bind: "10.0.0.7" }, {}, "10.0.0.7_9080"],
    [{}, NONE, "10.0.0.1_9080"],
    [{ captureMode: "IPTABLES" }, NONE, undefined],
  ];
  for (const [listener, proxy, own] of cases) {
    const listeners = show(meshWith({ listener }), "LDS", { ip: IP, ...proxy });
    const inbound = Object.keys(listeners).filter((name) => name.endsWith("_9080"));
    assert.deepEqual(inbound, own ? [own] : [], JSON.stringify([listener, proxy]));
  }
});

test("a listener of its own looks at what comes to its port only", () => {
  const listener = show(meshWith({ listener: { captureMode: "NONE" } }), "LDS", { ip: IP })["10.0.0.1_9080"];
  const port = { destinationPortRange: { start: 9080, end: 9081 } };
  assertLike(listener, {
    address: { socketAddress: { address: IP, portValue: 9080 } },
    trafficDirection: "INBOUND",
    bindToPort: undefined,
    listenerFilters: [{ name: "envoy.filters.listener.tls_inspector", filterDisabled: { notMatch: port } }],
  });
});

test("privileged ports aren't bound by processes without privileges", () => {
  const listener = { port: { ...PORT, number: 90 }, captureMode: "NONE" };
  const names = (metadata: object): string[] =>
    Object.keys(show(meshWith({ listener }), "LDS", { ip: IP, metadata: { ...metadata } }));
  assert.ok(names({}).includes("10.0.0.1_90"));
  assert.ok(!names({ UNPRIVILEGED_POD: "true" }).includes("10.0.0.1_90"));
});

const socket = (address: string, portValue: number): object => ({ socketAddress: { address, portValue } });
const V6 = { proxy: { ip: "2001:db8::1" } };
const BOTH = { proxy: { ip: IP, metadata: { INSTANCE_IPS: `${IP},2001:db8::1` } } };

const ENDPOINTS: readonly (readonly [text: string, given: Case, address: object | undefined])[] = [
  ["", {}, undefined],
  ["127.0.0.1:8081", {}, socket("127.0.0.1", 8081)],
  ["[::1]:8081", {}, socket("127.0.0.1", 8081)],
  ["0.0.0.0:8081", {}, socket(IP, 8081)],
  ["[::]:8081", {}, socket("::1", 8081)],
  ["unix:///run/app.sock", {}, { pipe: { path: "/run/app.sock" } }],
  ["127.0.0.1:8081", V6, socket("::1", 8081)],
  ["0.0.0.0:8081", V6, socket("127.0.0.1", 8081)],
  ["[::]:8081", V6, socket("2001:db8::1", 8081)],
  ["[::1]:8081", BOTH, socket("::1", 8081)],
  ["[::]:8081", BOTH, socket("2001:db8::1", 8081)],
];

for (const [text, given, address] of ENDPOINTS) {
  test(`default endpoint ${text || "none"} of a proxy at ${given.proxy?.ip ?? IP}`, () => {
    const found = cluster({ ...given, listener: text ? { defaultEndpoint: text } : {} });
    assertLike(
      found,
      address
        ? { type: "STATIC", loadAssignment: { endpoints: [{ lbEndpoints: [{ endpoint: { address } }] }] } }
        : { type: "ORIGINAL_DST", loadAssignment: undefined },
    );
  });
}

test("the cluster names the service whose port it is, or none", () => {
  assertLike(cluster({}), {
    metadata: { filterMetadata: { istio: { services: [{ host: "a.example.com" }] } } },
  });
  const other = meshWith({ listener: { port: { ...PORT, number: 9999 } } });
  assertLike(show(other, "CDS", { ip: IP })["inbound|9999||"], { metadata: undefined });
});

test("connection settings of a listener replace the workload's", () => {
  const pool = (n: number): object => ({ tcp: { maxConnections: n } });
  const ingress = [{ port: PORT, connectionPool: pool(2) }, { port: { ...PORT, number: 9081 } }];
  const mesh = meshOf([host("a"), doc("Sidecar", "s", { ingress, inboundConnectionPool: pool(9) })]);
  const clusters = show(mesh, "CDS", { ip: IP });
  const limit = (name: string): unknown =>
    (clusters[name]!.circuitBreakers as { thresholds: { maxConnections: number }[] }).thresholds[0]!.maxConnections;
  assert.deepEqual([limit("inbound|9080||"), limit("inbound|9081||")], [2, 9]);
});

const TLS = { mode: "SIMPLE", serverCertificate: "/etc/certs/tls.crt", privateKey: "/etc/certs/tls.key" };
const ON = { ENABLE_TLS_ON_SIDECAR_INGRESS: "true" };

/** What becomes of a port of a protocol with TLS settings. */
function ended(protocol: string, mtls: string, env = ON): string[] {
  const listener = { port: { number: 9080, name: "tls", protocol }, tls: TLS };
  return chains({ listener, env, mtls }).map(({ filterChainMatch, transportSocket, filters }) => {
    const http = filters.some((f) => f.name.endsWith("http_connection_manager")) ? "http" : "tcp";
    const own = JSON.stringify(transportSocket ?? {}).includes("file-cert:/etc/certs/tls.crt~/etc/certs/tls.key");
    return `${filterChainMatch?.transportProtocol ?? "any"} ${http} ${own ? "own" : transportSocket ? "mesh" : "-"}`;
  });
}

test("TLS of the user's own is ended where mesh mTLS is off, and the flag is on", () => {
  assert.deepEqual(ended("HTTPS", "DISABLE"), ["tls http own"]);
  assert.deepEqual(ended("TLS", "DISABLE"), ["tls tcp own"]);
  assert.deepEqual(ended("HTTPS", "STRICT"), ["tls http mesh"]);
  assert.deepEqual(ended("TLS", "STRICT"), ["tls tcp mesh"]);
  assert.deepEqual(ended("HTTPS", "DISABLE", {} as typeof ON), ["any tcp -"]);
});

test("a mesh may keep the services' other ports beside those of the Sidecar", () => {
  const names = (env: Readonly<Record<string, string>>): string[] =>
    Object.keys(show(meshWith({ env }), "CDS", { ip: IP })).filter((name) => name.startsWith("inbound|"));
  assert.deepEqual(names({}), ["inbound|9080||"]);
  assert.deepEqual(names({ PILOT_ALLOW_SIDECAR_SERVICE_INBOUND_LISTENER_MERGE: "true" }), [
    "inbound|9080||",
    "inbound|81||",
  ]);
});

test("only proxies that may have ingress are told apart by their addresses", () => {
  const view = (mesh: WorkerMesh, ip: string, namespace = "default"): string => mesh.view({ ip, namespace }).id;
  const plain = meshOf([host("a")]);
  assert.equal(view(plain, "10.0.0.2"), view(plain, "10.0.0.3"));
  const ingress = meshWith({});
  assert.notEqual(view(ingress, "10.0.0.2"), view(ingress, "10.0.0.3"));
  assert.equal(view(ingress, "10.0.0.2", "shop"), view(ingress, "10.0.0.3", "shop"));
});

test("of two listeners with one name the outbound one stays, and the other is told of", () => {
  const other = "10.0.0.2";
  const headless = host("h", {
    resolution: "NONE",
    workloadSelector: { labels: { app: "h" } },
    endpoints: undefined,
    ports: [TCP_9000],
  });
  const workload = doc("WorkloadEntry", "h", { address: other, labels: { app: "h" } });
  const port = { number: 9000, name: "tcp", protocol: "TCP" };
  const sidecar = (bind: string): object => doc("Sidecar", "s", { ingress: [{ port, bind, captureMode: "NONE" }] });
  const clash = `Sidecar/default/s: there is a listener ${other}_9000 already, so that there can't be another one`;
  for (const [bind, direction, warnings] of [
    [other, "OUTBOUND", [clash]],
    ["10.0.0.3", "INBOUND", []],
  ] as const) {
    const mesh = meshOf([headless, workload, sidecar(bind)]);
    const spec: ProxySpec = { ip: IP };
    assertLike(show(mesh, "LDS", spec)[`${bind}_9000`], { trafficDirection: direction }, bind);
    assert.deepEqual(generateFor(mesh.isolated(), mesh.view(spec), "LDS", null).warnings, warnings);
  }
});

test("an application's HTTP proxy gives way to a listener that has its address already", () => {
  const port = { number: 15_080, name: "tcp", protocol: "TCP" };
  const egress = [{ port, bind: "127.0.0.1", captureMode: "NONE", hosts: ["*/*"] }];
  const mesh = meshOf([host("a", { ports: [port] }), doc("Sidecar", "s", { egress })]);
  const spec: ProxySpec = { ip: IP, metadata: { HTTP_PROXY_PORT: "15080" } };
  const { filterChains } = show(mesh, "LDS", spec)["127.0.0.1_15080"] as unknown as { filterChains: ChainJson[] };
  assertLike(filterChains[0]!.filters.at(-1), { typedConfig: { cluster: "outbound|15080||a.example.com" } });
  assert.equal(generateFor(mesh.isolated(), mesh.view(spec), "LDS", null).warnings.length, 1);
});
