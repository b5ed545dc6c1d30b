// Proxies share work by the facets of their views. What a proxy gets that way is what it would get alone.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import protobuf from "protobufjs/minimal.js";
import {
  generateFor,
  meshSettings,
  objectsOf,
  type ProxySpec,
  type Resources,
  WorkerMesh,
} from "../../support/worker-mesh.ts";
import { BASE, meshObjects } from "../../support/worker-objects.ts";
import { proxySpec, settings, subscriptions } from "../../support/worker-proxies.ts";

/** Numbers of RouteConfiguration's and VirtualHost's fields. */
const VIRTUAL_HOSTS = 2;
const NAME = 1;
const DOMAINS = 2;

/** MIZZEN_TEST_RUNS=3000 looks harder. */
const RUNS = Number(process.env.MIZZEN_TEST_RUNS ?? 150);

function hex(resources: Resources): Record<string, string> {
  return Object.fromEntries([...resources].map(([name, bytes]) => [name, Buffer.from(bytes).toString("latin1")]));
}

/** The fields of a serialized message, in their order. */
function fieldsOf(bytes: Uint8Array): { readonly field: number; readonly bytes: Buffer; readonly value: Buffer }[] {
  const reader = protobuf.Reader.create(bytes);
  const out = [];
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const tag = reader.uint32();
    const isText = (tag & 7) === 2;
    const value = isText ? Buffer.from(reader.bytes()) : Buffer.alloc(0);
    if (!isText) reader.skipType(tag & 7);
    out.push({ field: tag >>> 3, bytes: Buffer.from(bytes.subarray(start, reader.pos)), value });
  }
  return out;
}

/**
 * What a route configuration says: its own fields, and for each domain the virtual host that has it. Which of a gateway's hosts with
 * equal routes are one virtual host depends on slices.
 */
function meaningOf(configuration: Uint8Array, names: boolean): string[] {
  return fieldsOf(configuration)
    .flatMap(({ field, bytes, value }) => {
      if (field !== VIRTUAL_HOSTS) return [bytes.toString("latin1")];
      const host = fieldsOf(value);
      const rest = host.filter((one) => one.field !== DOMAINS && (names || one.field !== NAME));
      const text = Buffer.concat(rest.map((one) => one.bytes)).toString("latin1");
      return host.flatMap((one) => (one.field === DOMAINS ? [`${one.value.toString()} ${text}`] : []));
    })
    .sort();
}

/** Compares each proxy, served by one worker by facets after the others, with one that has a worker for itself. */
function checkSharing(mesh: WorkerMesh, proxies: readonly ProxySpec[]): void {
  for (const spec of proxies) {
    const alone = mesh.isolated();
    for (const [type, names] of subscriptions(spec)) {
      const shared = mesh.generateByFacets(spec, type, names);
      const own = generateFor(alone, mesh.view(spec), type, names).resources;
      const what = `${type} of ${JSON.stringify(spec)}`;
      // Clusters, listeners and virtual hosts come slice by slice; of the others, the order counts.
      const sliced = type === "CDS" || type === "LDS" || type === "RDS";
      const order = (of: Resources): string[] => (sliced ? [...of.keys()].sort() : [...of.keys()]);
      assert.deepEqual(order(shared), order(own), what);
      if (type === "RDS") {
        const meaning = (bytes: Uint8Array): string[] => meaningOf(bytes, spec.type !== "router");
        for (const [name, bytes] of own) assert.deepEqual(meaning(shared.get(name)!), meaning(bytes), what);
        continue;
      }
      for (const [name, bytes] of own) assert.ok(Buffer.compare(bytes, shared.get(name)!) === 0, `${name}: ${what}`);
      assert.deepEqual(hex(shared), hex(own), what);
    }
  }
}

test("what facets give, put together, is what the whole view gives", () => {
  fc.assert(
    fc.property(
      meshObjects,
      settings,
      fc.array(proxySpec, { minLength: 2, maxLength: 5 }),
      (objects, config, proxies) => {
        const mesh = new WorkerMesh(objects.flat(), config);
        checkSharing(mesh, proxies);
      },
    ),
    { numRuns: RUNS },
  );
});

test("so it is after each change", () => {
  fc.assert(
    fc.property(
      meshObjects,
      fc.array(proxySpec, { minLength: 2, maxLength: 3 }),
      fc.array(fc.nat(7), { minLength: 1, maxLength: 3 }),
      (objects, proxies, removals) => {
        const mesh = new WorkerMesh();
        for (const object of objects) mesh.apply(object);
        checkSharing(mesh, proxies);
        for (const i of removals) mesh.apply([], objects[i] ?? []);
        checkSharing(mesh, proxies);
      },
    ),
    { numRuns: Math.ceil(RUNS / 3) },
  );
});

function entry(namespace: string, creationTimestamp: string, resolution: string): object {
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "ServiceEntry",
    metadata: { name: "h", namespace, creationTimestamp },
    spec: {
      hosts: ["h.example.com"],
      resolution,
      ports: [{ number: 80, name: "http", protocol: "HTTP" }],
      endpoints: [{ address: "10.0.0.9" }],
    },
  };
}

function rule(loadBalancer: object): object {
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "DestinationRule",
    metadata: { name: "r", namespace: "default" },
    spec: { host: "h.example.com", trafficPolicy: { loadBalancer } },
  };
}

test("fail-over by network tells clients of two networks apart", () => {
  const policy = {
    loadBalancer: { localityLbSetting: { failoverPriority: ["topology.istio.io/network"] } },
    outlierDetection: { consecutive5xxErrors: 3 },
  };
  const documents = ["a.example.com", "b.example.com"].map((host) => ({
    apiVersion: "networking.istio.io/v1",
    kind: "DestinationRule",
    metadata: { name: host, namespace: "default" },
    spec: { host, trafficPolicy: policy },
  }));
  const mesh = new WorkerMesh([...BASE, ...objectsOf(documents)]);
  checkSharing(mesh, [{}, { metadata: { NETWORK: "n1" } }]);
});

test("a rule for the namespace's own host reaches the service of that host in another namespace", () => {
  const entries = [
    entry("other", "2024-01-01T00:00:00Z", "STATIC"),
    entry("default", "2025-01-01T00:00:00Z", "STATIC"),
  ];
  const documents = [...entries, rule({ simple: "RANDOM" })];
  checkSharing(new WorkerMesh(objectsOf(documents)), [{ namespace: "default" }]);
});

test("what shared clusters and listeners read of the node's metadata is kept in their facets", () => {
  const documents = [entry("default", "2024-01-01T00:00:00Z", "STATIC"), rule({ simple: "RANDOM" })];
  const ports = [{ number: 9000, name: "tcp", protocol: "TCP" }];
  const plain = entry("other", "2024-01-01T00:00:00Z", "STATIC") as { metadata: object; spec: object };
  const listener = { ...plain, spec: { ...plain.spec, hosts: ["t.example.com"], ports } };
  const metadata = [
    {},
    { IDLE_TIMEOUT: "30s" },
    { OUTBOUND_LISTENER_EXACT_BALANCE: "true" },
    { ENABLE_HBONE: "true" },
    { PROXY_CONFIG: {} },
    { PROXY_CONFIG: { proxyHeaders: { preserveHttp1HeaderCase: true } } },
    { PROXY_CONFIG: { proxyHeaders: { attemptCount: { disabled: true } } } },
    { PROXY_CONFIG: { proxyHeaders: { xForwardedHost: { enabled: true } } } },
    { TLS_CLIENT_CERT_CHAIN: "/c.pem", TLS_CLIENT_KEY: "/k.pem", TLS_CLIENT_ROOT_CERT: "/r.pem" },
  ];
  // The mesh's own settings count where a node brings none at all.
  for (const config of [
    "",
    "defaultConfig: {proxyHeaders: {preserveHttp1HeaderCase: true, attemptCount: {disabled: true}}}",
  ]) {
    checkSharing(
      new WorkerMesh(objectsOf([...documents, listener]), meshSettings(config)),
      metadata.map((m) => ({ metadata: m })),
    );
  }
});

test("a distribution leaves hosts without a locality out only for clients that have one", () => {
  const distribute = [{ from: "r1/*", to: { "r1/*": 80, "r2/*": 20 } }];
  const documents = [entry("default", "2024-01-01T00:00:00Z", "DNS"), rule({ localityLbSetting: { distribute } })];
  checkSharing(new WorkerMesh(objectsOf(documents)), [{}, { locality: "r1/z1" }]);
});

test("Telemetry tells the TCP listeners of the workloads that it chooses from those of others", () => {
  const telemetry = (name: string, namespace: string, spec: object): object => ({
    apiVersion: "telemetry.istio.io/v1",
    kind: "Telemetry",
    metadata: { name, namespace },
    spec,
  });
  const documents = [
    telemetry("chosen", "default", {
      selector: { matchLabels: { tier: "front" } },
      accessLogging: [{ providers: [{ name: "envoy" }] }],
    }),
    telemetry("all", "other", { metrics: [{ providers: [{ name: "prometheus" }] }] }),
    telemetry("spans", "empty", { tracing: [{ disableSpanReporting: true }] }),
  ];
  checkSharing(new WorkerMesh([...BASE, ...objectsOf(documents)]), [
    { labels: { tier: "front" } },
    { labels: { tier: "back" } },
    { namespace: "other" },
    { namespace: "empty" },
  ]);
});
