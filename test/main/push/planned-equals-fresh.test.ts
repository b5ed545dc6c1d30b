// What the planner lets stand is what generation would give again: after any change, answers from the cache equal those
// of a control plane that has just been started.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ResourceCache } from "../../../src/main/cache/resource-cache.ts";
import { DebounceWindow } from "../../../src/main/debounce/debounce-window.ts";
import { WorkerPool } from "../../../src/main/pool/worker-pool.ts";
import { MeshPlanner } from "../../../src/main/push/planner.ts";
import { createResourceProvider } from "../../../src/main/push/resource-provider.ts";
import { SnapshotBuilder } from "../../../src/main/push/snapshot-builder.ts";
import { Registry } from "../../../src/main/registry/registry.ts";
import { identityOf } from "../../../src/main/streams/proxy-identity.ts";
import type { MeshObject, SourceDelta } from "../../../src/shared/model/delta.ts";
import type { MeshSettings } from "../../../src/shared/model/mesh.ts";
import type { ProxyIdentity } from "../../../src/shared/model/proxy.ts";
import type { RegistryChange } from "../../../src/shared/model/push-request.ts";
import type { ResourceWant } from "../../../src/shared/model/resource.ts";
import type { XdsType } from "../../../src/shared/xds-types.ts";
import { envoyNode } from "../../support/envoy-node.ts";
import { MeshHistory, stepsWith } from "../../support/mesh-history.ts";
import { EXTENSION } from "../../support/patch-arbitraries.ts";
import { plannedObject } from "../../support/planned-objects.ts";
import { config, meta, testMesh, workloadEntry } from "../../support/registry.ts";

const log = { error: () => undefined, warn: () => undefined, info: () => undefined, debug: () => undefined };

function proxy(
  type: "sidecar" | "router",
  ip: string,
  namespace: string,
  labels: object,
  metadata: object = {},
): ProxyIdentity {
  const own = { LABELS: labels, ISTIO_VERSION: "1.32.0", NAMESPACE: namespace, NETWORK: "n1", ...metadata };
  return identityOf(envoyNode(`${type}~${ip}~p.${namespace}~${namespace}.svc.cluster.local`, "p", own));
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

/** Each starts threads of its own. MIZZEN_TEST_RUNS=300 looks harder. */
const RUNS = Number(process.env.MIZZEN_TEST_RUNS ?? 10);

const step = stepsWith(plannedObject);

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
      hash,
    });
  }

  apply(delta: SourceDelta, first: boolean): void {
    const change = this.registry.apply(delta);
    this.push(first ? undefined : change);
  }

  push(change: RegistryChange | undefined): void {
    const snapshot = this.snapshots.build(change);
    this.planner.advance(snapshot.version, change);
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

/**
 * Follows a history from its beginning on, and compares the outcome with a control plane that has just been started. A pool
 * follows one series of snapshots, so each history has pools of its own.
 */
async function assertFresh(
  workers: number,
  follow: (followed: Pipeline, history: MeshHistory) => Promise<void>,
): Promise<void> {
  const pools = [new WorkerPool({ workers, log }), new WorkerPool({ workers: 1, log })];
  try {
    const followed = new Pipeline(pools[0]!);
    const history = new MeshHistory();
    followed.apply(history.next(SERVED.map((upsert) => ({ upsert }))), true);
    await followed.answers();
    await follow(followed, history);
    const fresh = new Pipeline(pools[1]!);
    fresh.apply(history.outcome(), true);
    assert.deepEqual(differing(await followed.answers(), await fresh.answers()), []);
  } finally {
    for (const pool of pools) await pool.close();
  }
}

test("cached equals fresh after every change", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(step, { minLength: 1, maxLength: 3 }), { minLength: 2, maxLength: 8 }),
      async (batches) => {
        // Four workers give what one gives.
        await assertFresh(4, async (followed, history) => {
          for (const batch of batches) {
            followed.apply(history.next(batch), false);
            await followed.answers();
          }
        });
      },
    ),
    { numRuns: RUNS, includeErrorInReport: true },
  );
});

test("cached equals fresh once all is pushed, though endpoints overtake what is debounced", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.array(step, { minLength: 1, maxLength: 3 }), fc.integer({ min: 1, max: 200 })), {
        minLength: 2,
        maxLength: 8,
      }),
      async (batches) => {
        await assertFresh(2, async (followed, history) => {
          const window = new DebounceWindow({ afterMs: 100, maxMs: 1_000, endpoints: true });
          const pushUntil = async (end: number): Promise<void> => {
            for (let due = window.nextDue(); due !== undefined && due <= end; due = window.nextDue()) {
              followed.push(window.due(due)!.change);
              await followed.answers();
            }
          };
          let now = 0;
          for (const [batch, pause] of batches) {
            window.offer(followed.registry.apply(history.next(batch)), now);
            now += pause;
            await pushUntil(now);
          }
          await pushUntil(Number.POSITIVE_INFINITY);
        });
      },
    ),
    { numRuns: RUNS, includeErrorInReport: true },
  );
});
