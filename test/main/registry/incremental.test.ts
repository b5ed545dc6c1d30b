// A registry that followed changes holds what one holds that was given the outcome at once.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Registry } from "../../../src/main/registry/registry.ts";
import { keyString } from "../../../src/shared/model/config.ts";
import type { MeshObject } from "../../../src/shared/model/delta.ts";
import {
  config,
  kubeEndpoint,
  kubeNode,
  kubePod,
  kubeService,
  kubeSlice,
  testRegistry,
  workloadEntry,
} from "../../support/registry.ts";

const name = fc.constantFrom("a", "b", "c");
const address = fc.constantFrom("10.0.0.1", "10.0.0.2", "10.0.0.3");
const labels = fc.constantFrom({ app: "a" }, { app: "b" }, { app: "a", version: "v1" });

const object: fc.Arbitrary<MeshObject> = fc.oneof(
  fc.record({ name, address, labels }).map((r) => workloadEntry(r.name, r.address, r.labels)),
  fc
    .record({ name, resolution: fc.constantFrom("STATIC", "DNS", "NONE"), selects: fc.boolean(), address, labels })
    .map((r) =>
      config("ServiceEntry", r.name, {
        hosts: [`${r.name}.example.com`, "shared.example.com"],
        location: "MESH_INTERNAL",
        resolution: r.resolution,
        ports: [{ number: 80, name: "http", protocol: "HTTP" }],
        ...(r.selects ? { workloadSelector: { labels: r.labels } } : { endpoints: [{ address: r.address }] }),
      }),
    ),
  fc
    .record({ name, headless: fc.boolean(), labels })
    .map((r) => kubeService(r.name, { clusterIPs: [r.headless ? "None" : "10.96.0.1"], selector: r.labels })),
  fc
    .record({ name, service: name, address, pod: name, ready: fc.boolean() })
    .map((r) =>
      kubeSlice(r.name, r.service, [kubeEndpoint(r.address, { podName: r.pod, nodeName: "n", ready: r.ready })]),
    ),
  fc
    .record({ name, address, labels, ready: fc.boolean() })
    .map((r) => kubePod(r.name, r.address, { labels: r.labels, nodeName: "n", ready: r.ready })),
  fc.constantFrom("r1", "r2").map((region) => kubeNode("n", { "topology.kubernetes.io/region": region })),
);

type Step = { readonly upsert: MeshObject } | { readonly remove: MeshObject };
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: object.map((upsert) => ({ upsert })) },
  { weight: 1, arbitrary: object.map((remove) => ({ remove })) },
);

function contents(registry: Registry): unknown {
  const { services } = registry;
  const all = [...services.all()];
  return {
    services: all,
    endpoints: Object.fromEntries(
      [...services.endpointKeys()]
        .map((key) => [`${key.namespace}/${key.hostname}`, services.endpointsOf(key)] as const)
        .sort(([a], [b]) => (a < b ? -1 : 1)),
    ),
    targets: ["10.0.0.1", "10.0.0.2", "10.0.0.3"].map((ip) => [
      services.targetsAt([ip], "default"),
      services.endpointAt([ip], "default") !== undefined,
    ]),
  };
}

test("incremental equals rebuilt", () => {
  fc.assert(
    fc.property(fc.array(fc.array(step, { maxLength: 4 }), { maxLength: 12 }), (batches) => {
      const followed = testRegistry();
      const final = new Map<string, MeshObject>();
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
        followed.apply({
          upserts: [...upserts.values()],
          deletes: [...deletes.values()].map((o) => ({ kind: o.kind, namespace: o.meta.namespace, name: o.meta.name })),
        });
        for (const [id, o] of upserts) final.set(id, o);
        for (const id of deletes.keys()) final.delete(id);
      }
      const rebuilt = testRegistry();
      rebuilt.apply({ upserts: [...final.values()], deletes: [] });
      assert.deepEqual(contents(followed), contents(rebuilt));
    }),
    { numRuns: 500 },
  );
});
