// What the planner lets stand is what generation would give again: after any change, answers from the cache equal those
// of a control plane that has just been started.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ResourceCache } from "../../../src/main/cache/resource-cache.ts";
import { WorkerPool } from "../../../src/main/pool/worker-pool.ts";
import { MeshPlanner } from "../../../src/main/push/planner.ts";
import { createResourceProvider } from "../../../src/main/push/resource-provider.ts";
import { SnapshotBuilder } from "../../../src/main/push/snapshot-builder.ts";
import { Registry } from "../../../src/main/registry/registry.ts";
import { identityOf } from "../../../src/main/streams/proxy-identity.ts";
import { keyString } from "../../../src/shared/model/config.ts";
import type { MeshObject } from "../../../src/shared/model/delta.ts";
import type { MeshSettings } from "../../../src/shared/model/mesh.ts";
import type { ProxyIdentity } from "../../../src/shared/model/proxy.ts";
import type { ResourceWant } from "../../../src/shared/model/resource.ts";
import type { XdsType } from "../../../src/shared/xds-types.ts";
import { EXTENSION, patches } from "../../support/patch-arbitraries.ts";
import {
  config,
  kubeEndpoint,
  kubeNode,
  kubePod,
  kubeService,
  kubeSlice,
  meta,
  testMesh,
  workloadEntry,
} from "../../support/registry.ts";

const log = { error: () => undefined, warn: () => undefined, info: () => undefined, debug: () => undefined };

function proxy(
  type: "sidecar" | "router",
  ip: string,
  namespace: string,
  labels: object,
  metadata: object = {},
): ProxyIdentity {
  return identityOf({
    id: `${type}~${ip}~p.${namespace}~${namespace}.svc.cluster.local`,
    cluster: "p",
    metadata: { LABELS: labels, ISTIO_VERSION: "1.32.0", NAMESPACE: namespace, NETWORK: "n1", ...metadata },
    locality: { region: "", zone: "", subZone: "" },
    extensions: null,
    userAgentName: "envoy",
  });
}

const PROXIES = [
  proxy("sidecar", "10.0.0.1", "default", { app: "a" }),
  proxy("sidecar", "10.0.0.2", "other", { app: "b" }),
  proxy("router", "10.0.0.3", "default", { istio: "ingressgateway" }),
  proxy("sidecar", "10.0.0.1", "default", { app: "a" }, { GENERATOR: "grpc" }),
];

/** What the gRPC client and server asks for. */
const GRPC_CLUSTERS = ["a", "b"].flatMap((n) => ["", "s"].map((subset) => `outbound|80|${subset}|${n}.example.com`));
const GRPC_WANTS: readonly ResourceWant[] = [
  { type: "CDS", names: GRPC_CLUSTERS },
  { type: "EDS", names: GRPC_CLUSTERS },
  { type: "LDS", names: ["a.example.com:80", "b.example.com:80", "xds.istio.io/grpc/lds/inbound/0.0.0.0:80"] },
  { type: "RDS", names: ["outbound|80||a.example.com", "outbound|80||b.example.com"] },
];

const name = fc.constantFrom("a", "b");
const namespace = fc.constantFrom("default", "other", "istio-system");
const host = fc.constantFrom("a.example.com", "b.example.com");
const ruleHost = fc.oneof({ weight: 3, arbitrary: host }, { weight: 1, arbitrary: fc.constant("*.example.com") });
/** One that only clusters read, ones that routes, listeners, endpoints or servers read too, and none. */
const trafficPolicy = fc.constantFrom(
  {},
  { trafficPolicy: { connectionPool: { tcp: { connectTimeout: "1s" } } } },
  { trafficPolicy: { connectionPool: { tcp: { connectTimeout: "2s", maxConnections: 7 } } } },
  { trafficPolicy: { connectionPool: { tcp: { idleTimeout: "5s" } } } },
  { trafficPolicy: { loadBalancer: { simple: "RANDOM" } } },
  { trafficPolicy: { loadBalancer: { consistentHash: { useSourceIp: true } } } },
  { trafficPolicy: { outlierDetection: { consecutive5xxErrors: 2 } } },
  { trafficPolicy: { portLevelSettings: [{ port: { number: 80 }, connectionPool: { tcp: { maxConnections: 8 } } }] } },
  { trafficPolicy: { tls: { mode: "SIMPLE" } } },
);
const address = fc.constantFrom("10.0.0.1", "10.0.0.2", "10.0.0.9");
const app = fc.constantFrom({ app: "a" }, { app: "b" });
/** Where a workload is, and whether it speaks mTLS: without that, no gateway leads to it. */
const place = fc.constantFrom(
  {},
  { network: "n1", serviceAccount: "sa" },
  { network: "n2", serviceAccount: "sa" },
  { network: "n2", serviceAccount: "sa", locality: "r1/z1" },
);
/** Who sees an object: as the mesh says, only its namespace, all, or one other. */
const visible = fc.constantFrom({}, { exportTo: ["."] }, { exportTo: ["*"] }, { exportTo: ["other"] });
const selector = fc.option(
  app.map((matchLabels) => ({ selector: { matchLabels } })),
  { nil: undefined },
);

const object: fc.Arbitrary<MeshObject> = fc.oneof(
  fc
    .record({ name, namespace, host, address, labels: app, selects: fc.boolean(), dns: fc.boolean(), visible })
    .map((r) =>
      config(
        "ServiceEntry",
        r.name,
        {
          hosts: [r.host],
          ...r.visible,
          location: "MESH_INTERNAL",
          resolution: r.dns ? "DNS" : "STATIC",
          ports: [
            { number: 80, name: "http", protocol: "HTTP" },
            { number: 90, name: "tcp", protocol: "TCP" },
          ],
          ...(r.selects && !r.dns
            ? { workloadSelector: { labels: r.labels } }
            : { endpoints: [{ address: r.dns ? "dns.example.com" : r.address, labels: r.labels }] }),
        },
        { namespace: r.namespace },
      ),
    ),
  fc.record({ name, namespace, address, labels: app, place }).map((r) => ({
    ...workloadEntry(r.name, r.address, r.labels, r.place),
    meta: meta(r.name, { namespace: r.namespace }),
  })),
  fc.record({ name, namespace, host, gateway: fc.boolean(), header: fc.constantFrom("1", "2"), visible }).map((r) =>
    config(
      "VirtualService",
      r.name,
      {
        hosts: [r.host],
        ...r.visible,
        ...(r.gateway ? { gateways: ["default/gw"] } : {}),
        http: [
          {
            headers: { request: { set: { x: r.header } } },
            route: [{ destination: { host: r.host, subset: "s" } }],
          },
        ],
      },
      { namespace: r.namespace },
    ),
  ),
  fc
    .record({ name, namespace, host: ruleHost, policy: trafficPolicy, labels: app, visible, selects: fc.boolean() })
    .map((r) =>
      config(
        "DestinationRule",
        r.name,
        {
          host: r.host,
          ...r.visible,
          ...r.policy,
          ...(r.selects ? { workloadSelector: { matchLabels: r.labels } } : {}),
          subsets: [{ name: "s", labels: r.labels }],
        },
        { namespace: r.namespace },
      ),
    ),
  fc.record({ port: fc.constantFrom(80, 8080), hosts: host, passes: fc.boolean() }).map((r) =>
    config("Gateway", "gw", {
      selector: { istio: "ingressgateway" },
      servers: [
        { port: { number: r.port, name: "http", protocol: "HTTP" }, hosts: [r.hosts] },
        ...(r.passes
          ? [{ port: { number: 15443, name: "tls", protocol: "TLS" }, hosts: ["*"], tls: { mode: "AUTO_PASSTHROUGH" } }]
          : []),
      ],
    }),
  ),
  fc
    .record({
      namespace,
      egress: fc.constantFrom(["./*"], ["*/*"], ["default/*"], ["./a.example.com"], ["*/*", "~other/*"]),
      captureMode: fc.constantFrom("DEFAULT", "NONE"),
      ingress: fc.constantFrom(
        undefined,
        { defaultEndpoint: "127.0.0.1:81" },
        { bind: "10.0.0.8", captureMode: "NONE" },
      ),
      labels: fc.option(app, { nil: undefined }),
    })
    .map((r) =>
      config(
        "Sidecar",
        "sc",
        {
          ...(r.labels ? { workloadSelector: { labels: r.labels } } : {}),
          egress: [{ hosts: r.egress, captureMode: r.captureMode }],
          ...(r.ingress ? { ingress: [{ port: { number: 80, name: "http", protocol: "HTTP" }, ...r.ingress }] } : {}),
        },
        { namespace: r.namespace },
      ),
    ),
  fc
    .record({ name, namespace, mode: fc.constantFrom("STRICT", "PERMISSIVE", "DISABLE"), selector })
    .map((r) =>
      config("PeerAuthentication", r.name, { mtls: { mode: r.mode }, ...r.selector }, { namespace: r.namespace }),
    ),
  fc
    .record({ name, namespace, action: fc.constantFrom("ALLOW", "DENY"), selector })
    .map((r) =>
      config(
        "AuthorizationPolicy",
        r.name,
        { action: r.action, rules: [{ to: [{ operation: { methods: ["GET"] } }] }], ...r.selector },
        { namespace: r.namespace },
      ),
    ),
  fc
    .record({
      name,
      namespace,
      selector,
      spec: fc.constantFrom(
        { accessLogging: [{ providers: [{ name: "envoy" }] }] },
        { accessLogging: [{ disabled: true, providers: [{ name: "envoy" }] }] },
        { metrics: [{ providers: [{ name: "prometheus" }] }] },
        { tracing: [{ providers: [{ name: "zipkin" }] }] },
        {},
      ),
    })
    .map((r) => config("Telemetry", r.name, { ...r.spec, ...r.selector }, { namespace: r.namespace })),
  fc.record({ name, namespace }).chain((where) =>
    fc
      .record({
        configPatches: patches(`${where.name}-${where.namespace}`),
        labels: fc.option(app, { nil: undefined }),
      })
      .map(({ configPatches, labels }) =>
        config(
          "EnvoyFilter",
          where.name,
          { ...(labels ? { workloadSelector: { labels } } : {}), configPatches },
          { namespace: where.namespace },
        ),
      ),
  ),
  fc
    .record({ name, namespace, issuer: fc.constantFrom("x", "y"), selector })
    .map((r) =>
      config(
        "RequestAuthentication",
        r.name,
        { jwtRules: [{ issuer: r.issuer, jwks: '{"keys":[]}' }], ...r.selector },
        { namespace: r.namespace },
      ),
    ),
  fc.record({ name, headless: fc.boolean(), labels: app, gateway: fc.boolean() }).map((r) =>
    kubeService(r.name, {
      clusterIPs: [r.headless ? "None" : "10.96.0.1"],
      selector: r.labels,
      ...(r.gateway
        ? {
            meta: meta(r.name, { labels: { "topology.istio.io/network": "n2" } }),
            loadBalancerAddresses: ["203.0.113.1"],
          }
        : {}),
    }),
  ),
  fc
    .record({ name, service: name, address, pod: name, ready: fc.boolean() })
    .map((r) =>
      kubeSlice(r.name, r.service, [kubeEndpoint(r.address, { podName: r.pod, nodeName: "n", ready: r.ready })]),
    ),
  fc.record({ name, address, labels: app }).map((r) => kubePod(r.name, r.address, { labels: r.labels, nodeName: "n" })),
  fc.constantFrom("r1", "r2").map((region) => kubeNode("n", { "topology.kubernetes.io/region": region })),
);

/** Each starts threads of its own. MIZZEN_TEST_RUNS=300 looks harder. */
const RUNS = Number(process.env.MIZZEN_TEST_RUNS ?? 10);

type Step = { readonly upsert: MeshObject } | { readonly remove: MeshObject };
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: object.map((upsert) => ({ upsert })) },
  { weight: 1, arbitrary: object.map((remove) => ({ remove })) },
);

/** What every history begins with: each sidecar serves something. Later steps may change and remove it. */
const SERVED: readonly MeshObject[] = (["a", "b"] as const).flatMap((name, i) => {
  const at = { namespace: ["default", "other"][i]! };
  const labels = { app: name };
  const entry = config(
    "ServiceEntry",
    name,
    {
      hosts: [`${name}.example.com`],
      location: "MESH_INTERNAL",
      resolution: "STATIC",
      ports: [{ number: 80, name: "http", protocol: "HTTP" }],
      workloadSelector: { labels },
    },
    at,
  );
  return [entry, { ...workloadEntry(name, `10.0.0.${i + 1}`, labels), meta: meta(name, at) }];
});

/** With a provider whose service comes and goes. */
const MESH: MeshSettings = {
  ...testMesh(),
  mesh: {
    ...testMesh().mesh,
    extensionProviders: [
      ...testMesh().mesh.extensionProviders!,
      { name: "zipkin", zipkin: { service: "b.example.com", port: 80 } },
    ],
  },
};
/** Configurations of TrafficExtensions. */
const EXTENSIONS = ["default", "other", "istio-system"].flatMap((ns) =>
  ["a", "b"].map((own) => `extensions.istio.io/trafficextension/${ns}.${own}`),
);

/** Registry to provider, as the control plane connects them. */
class Pipeline {
  readonly registry = new Registry(MESH);
  private readonly snapshots = new SnapshotBuilder(this.registry);
  /** Few services are cut into many slices, and into others when one comes or goes. */
  private readonly planner = new MeshPlanner(this.registry, hash, (hosts) => (hosts > 3 ? 4 : 2));
  private readonly pool: WorkerPool;
  private readonly provider;

  constructor(pool: WorkerPool) {
    this.pool = pool;
    this.provider = createResourceProvider({
      cache: new ResourceCache({ maxEntries: 10_000, maxBytes: 1e8 }),
      backend: pool,
      versions: this.planner,
    });
  }

  apply(upserts: readonly MeshObject[], deletes: readonly MeshObject[], first: boolean): void {
    const change = this.registry.apply({
      upserts,
      deletes: deletes.map((o) => ({ kind: o.kind, namespace: o.meta.namespace, name: o.meta.name })),
    });
    const snapshot = this.snapshots.build(first ? undefined : change);
    this.planner.advance(snapshot.version, first ? undefined : change);
    this.pool.publish(snapshot);
  }

  async answers(): Promise<Record<string, string>> {
    const out: Record<string, string> = {};
    const snapshot = this.snapshots.current();
    for (const identity of PROXIES) {
      const view = this.planner.viewOf(identity);
      const note = (type: XdsType, names: readonly string[], hashes: readonly string[]): void => {
        names.forEach((n, i) => {
          out[`${identity.id}/${identity.type} ${type} ${n}`] = hashes[i]!;
        });
      };
      if (identity.generator === "grpc") {
        for (const { type, resources } of await this.provider.fetch(snapshot, view, GRPC_WANTS)) {
          note(
            type,
            resources.map((r) => `by name ${r.name}`),
            resources.map((r) => r.hash),
          );
        }
        continue;
      }
      const whole = await this.provider.fetch(snapshot, view, [
        { type: "CDS", names: null },
        { type: "LDS", names: null },
      ]);
      const clusters = whole[0]!.resources.map((r) => r.name).filter((n) => n.startsWith("outbound"));
      const named = await this.provider.fetch(snapshot, view, [
        { type: "EDS", names: clusters.sort() },
        { type: "RDS", names: ["80", "90", "http.80", "http.8080"] },
        { type: "ECDS", names: [EXTENSION, ...EXTENSIONS] },
      ]);
      for (const set of [...whole, ...named]) {
        note(
          set.type,
          set.resources.map((r) => r.name),
          set.resources.map((r) => r.hash),
        );
      }
    }
    return out;
  }
}

/** The resources that only one side has, or that differ: short enough to be read in a report. */
function differing(followed: Readonly<Record<string, string>>, fresh: Readonly<Record<string, string>>): string[] {
  const names = new Set([...Object.keys(followed), ...Object.keys(fresh)]);
  return [...names]
    .filter((name) => followed[name] !== fresh[name])
    .map((name) => `${name}: ${followed[name] ?? "missing"}, should be ${fresh[name] ?? "missing"}`);
}

/** Not a good hash, but enough to tell a few views apart. */
function hash(text: string): string {
  let h = 0n;
  for (const c of text) h = (h * 131n + BigInt(c.codePointAt(0)!)) % (1n << 64n);
  return h.toString(16).padStart(16, "0");
}

test("cached equals fresh after every change", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(step, { minLength: 1, maxLength: 3 }), { minLength: 2, maxLength: 8 }),
      async (batches) => {
        // A pool follows one series of snapshots, so each history has pools of its own.
        // Four workers give what one gives.
        const pools = [new WorkerPool({ workers: 4, log }), new WorkerPool({ workers: 1, log })];
        try {
          const followed = new Pipeline(pools[0]!);
          followed.apply(SERVED, [], true);
          await followed.answers();
          const final = new Map(SERVED.map((o) => [keyString({ kind: o.kind, ...o.meta }), o]));
          for (const batch of batches) {
            const upserts = new Map<string, MeshObject>();
            const deletes = new Map<string, MeshObject>();
            for (const s of batch) {
              const o = "upsert" in s ? s.upsert : s.remove;
              const id = keyString({ kind: o.kind, ...o.meta });
              upserts.delete(id);
              deletes.delete(id);
              ("upsert" in s ? upserts : deletes).set(id, o);
            }
            followed.apply([...upserts.values()], [...deletes.values()], false);
            await followed.answers();
            for (const [id, o] of upserts) final.set(id, o);
            for (const id of deletes.keys()) final.delete(id);
          }
          const fresh = new Pipeline(pools[1]!);
          fresh.apply([...final.values()], [], true);
          assert.deepEqual(differing(await followed.answers(), await fresh.answers()), []);
        } finally {
          for (const pool of pools) await pool.close();
        }
      },
    ),
    { numRuns: RUNS, includeErrorInReport: true },
  );
});
