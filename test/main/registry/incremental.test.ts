// A registry that followed changes holds what one holds that was given the outcome at once.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Registry } from "../../../src/main/registry/registry.ts";
import type { MeshObject } from "../../../src/shared/model/delta.ts";
import { MeshHistory, stepsWith } from "../../support/mesh-history.ts";
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

const step = stepsWith(object);

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
      const history = new MeshHistory();
      for (const batch of batches) followed.apply(history.next(batch));
      const rebuilt = testRegistry();
      rebuilt.apply(history.outcome());
      assert.deepEqual(contents(followed), contents(rebuilt));
    }),
    { numRuns: 500 },
  );
});
