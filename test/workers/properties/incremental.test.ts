// A worker that followed every step of a mesh generates what one does that has just been started.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { kubeService } from "../../support/registry.ts";
import { generateFor, meshSettings, objectsOf, type ProxySpec, WorkerMesh } from "../../support/worker-mesh.ts";
import { BASE, meshObjects } from "../../support/worker-objects.ts";
import { proxySpec, settings, subscriptions } from "../../support/worker-proxies.ts";

/** MIZZEN_TEST_RUNS=3000 looks harder. */
const RUNS = Number(process.env.MIZZEN_TEST_RUNS ?? 100);

/** What one step does: changes, removals, new settings; and whether anybody asks for something after it. */
const steps = fc.array(
  fc.record({
    upserts: meshObjects.map((list) =>
      list
        .filter((o) => o !== BASE)
        .slice(0, 2)
        .flat(),
    ),
    /** Which of the objects that were there before go. */
    removes: fc.array(fc.nat(20), { maxLength: 2 }),
    config: fc.option(settings, { nil: undefined, freq: 4 }),
    asked: fc.boolean(),
  }),
  { minLength: 2, maxLength: 8 },
);

function look(mesh: WorkerMesh, proxies: readonly ProxySpec[]): void {
  for (const spec of proxies) for (const [type, names] of subscriptions(spec)) mesh.generate(spec, type, names);
}

test("incremental is as from scratch", () => {
  fc.assert(
    fc.property(steps, fc.array(proxySpec, { minLength: 1, maxLength: 3 }), (history, proxies) => {
      const mesh = new WorkerMesh(BASE);
      const applied = history.flatMap((s) => s.upserts);
      for (const { upserts, removes, config, asked } of history) {
        const gone = removes.flatMap((i) => applied[i] ?? []).filter((o) => !upserts.includes(o));
        mesh.apply(upserts, gone);
        if (config !== undefined) mesh.setMesh(config);
        if (asked) look(mesh, proxies);
      }
      for (const spec of proxies) {
        for (const [type, names] of subscriptions(spec)) {
          const fresh = generateFor(mesh.isolated(), mesh.view(spec), type, names).resources;
          assert.deepEqual(mesh.generate(spec, type, names), fresh, `${type} of ${JSON.stringify(spec)}`);
        }
      }
    }),
    { numRuns: RUNS },
  );
});

test("a rule that comes to the first of two services with one host changes the listener of both", () => {
  const entry = (namespace: string, ports: string): string => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: twice, namespace: ${namespace}}
spec:
  hosts: [twice.example.com]
  resolution: STATIC
  ports: [${ports}]
  endpoints: [{address: 10.0.0.1}]
`;
  const mesh = WorkerMesh.of(
    `${entry("first", "{number: 80, name: http, protocol: HTTP}")}---${entry("second", "{number: 90, name: tcp, protocol: TCP}")}`,
  );
  const client = { namespace: "client" };
  const listener = (): string => Buffer.from(mesh.generate(client, "LDS").get("0.0.0.0_90") ?? []).toString("hex");
  const before = listener();
  mesh.apply(
    objectsOf(`
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: idle, namespace: first}
spec: {host: twice.example.com, trafficPolicy: {connectionPool: {tcp: {idleTimeout: 5s}}}}
`),
  );
  assert.notEqual(listener(), before);
});

test("a Kubernetes service that comes before another of its host changes what statistics call both", () => {
  const entry = objectsOf([
    {
      apiVersion: "networking.istio.io/v1",
      kind: "ServiceEntry",
      metadata: { name: "twice", namespace: "default" },
      spec: {
        hosts: ["a.default.svc.cluster.local"],
        resolution: "STATIC",
        ports: [{ number: 9000, name: "tcp", protocol: "TCP" }],
        endpoints: [{ address: "10.0.0.1" }],
      },
    },
  ]);
  const mesh = new WorkerMesh(entry, meshSettings("outboundClusterStatName: '%SERVICE%'"));
  const listener = (): string => Buffer.from(mesh.generate({}, "LDS").get("0.0.0.0_9000") ?? []).toString("latin1");
  assert.ok(listener().includes("a.default.svc.cluster.local\x12"), "by its host");
  const ports = [{ name: "tcp", protocol: "TCP" as const, port: 9000, targetPort: "9000", nodePort: 0 }];
  mesh.apply([kubeService("a", { ports })]);
  assert.ok(!listener().includes("a.default.svc.cluster.local\x12"), "by its host still");
});

test("an endpoint that goes takes its listener along, though another service has the host of its own", () => {
  const entry = (namespace: string, spec: object): object => ({
    apiVersion: "networking.istio.io/v1",
    kind: "ServiceEntry",
    metadata: { name: "twice", namespace },
    spec: { hosts: ["twice.example.com"], location: "MESH_INTERNAL", ...spec },
  });
  const port = (number: number): object => ({ ports: [{ number, name: "tcp", protocol: "TCP" }] });
  const workload = objectsOf([
    {
      apiVersion: "networking.istio.io/v1",
      kind: "WorkloadEntry",
      metadata: { name: "w", namespace: "second" },
      spec: { address: "10.0.0.1", labels: { app: "w" } },
    },
  ]);
  const services = objectsOf([
    entry("first", { ...port(80), resolution: "STATIC", endpoints: [{ address: "10.0.0.2" }] }),
    entry("second", { ...port(90), resolution: "NONE", workloadSelector: { labels: { app: "w" } } }),
  ]);
  const mesh = new WorkerMesh([...services, ...workload]);
  const client = { namespace: "client", ip: "10.0.0.9" };
  assert.ok(mesh.generate(client, "LDS").has("10.0.0.1_90"));
  mesh.apply([], workload);
  assert.ok(!mesh.generate(client, "LDS").has("10.0.0.1_90"));
});
