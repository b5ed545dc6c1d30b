// Into how many slices what proxies share is cut: as many as it takes for what they see.
import assert from "node:assert/strict";
import { test } from "node:test";
import { SliceIndex } from "../../../src/main/push/slice-counts.ts";
import type { MeshObject } from "../../../src/shared/model/delta.ts";
import { sliceCount } from "../../../src/shared/names/host-slice.ts";
import { config, serviceEntry, testRegistry, workloadEntry } from "../../support/registry.ts";

test("a power of two, as many as hosts ask for, and never more than 128", () => {
  for (const [hosts, count] of [
    [0, 1],
    [128, 1],
    [129, 2],
    [1000, 8],
    [10_000, 128],
    [1_000_000, 128],
  ] as const) {
    assert.equal(sliceCount(hosts, 128), count, `${hosts} hosts`);
  }
});

function services(namespace: string, count: number): MeshObject[] {
  return Array.from({ length: count }, (_, i) => {
    const service = serviceEntry(`${namespace}-${i}`, ["10.0.0.1"]);
    return { ...service, meta: { ...service.meta, namespace } };
  });
}

/** `labels` choose workloads; all of the namespace when there are none. */
function sidecar(namespace: string, hosts: readonly string[], labels?: object): MeshObject {
  const spec = { egress: [{ hosts }], ...(labels ? { workloadSelector: { labels } } : {}) };
  return config("Sidecar", labels ? "chosen" : "all", spec, { namespace });
}

/** How many services the proxies of a namespace are taken to see, of four in `a`, two in `b` and one in `c`. */
function seen(objects: readonly MeshObject[], namespace: string): number {
  const registry = testRegistry();
  registry.apply({ upserts: [...services("a", 4), ...services("b", 2), ...services("c", 1), ...objects], deletes: [] });
  const index = new SliceIndex((hosts) => hosts);
  index.update(registry, undefined);
  assert.equal(index.current().clusters(namespace), index.current().listeners(namespace));
  return index.current().listeners(namespace);
}

const CASES: readonly (readonly [says: string, objects: readonly MeshObject[], seen: number])[] = [
  ["no Sidecar", [], 7],
  ["its own namespace", [sidecar("b", ["./*"])], 2],
  ["another one as well", [sidecar("b", ["./*", "c/*"])], 3],
  ["single hosts", [sidecar("b", ["*/a-1.example.com", "a-2.example.com", "c/*"])], 3],
  ["all of the mesh", [sidecar("b", ["./*", "*/*"])], 7],
  ["a domain of the mesh", [sidecar("b", ["*/*.example.com"])], 7],
  ["all but one namespace", [sidecar("b", ["a/*", "~c/*"])], 4],
  ["a Sidecar without hosts to reach", [config("Sidecar", "all", {}, { namespace: "b" })], 7],
  ["a Sidecar for some workloads alone", [sidecar("b", ["./*"], { app: "x" })], 7],
  ["one of those that see more", [sidecar("b", ["./*"]), sidecar("b", ["a/*"], { app: "x" })], 4],
  ["a Sidecar for the whole mesh", [sidecar("istio-system", ["./*"])], 2],
  ["a Sidecar of its own instead", [sidecar("istio-system", ["./*"]), sidecar("b", ["a/*"])], 4],
  ["some with their own", [sidecar("istio-system", ["./*"]), sidecar("b", ["a/*"], { app: "x" })], 4],
];

for (const [says, objects, expected] of CASES) {
  test(`a namespace sees ${says}: ${expected} services`, () => {
    assert.equal(seen(objects, "b"), expected);
  });
}

test("the numbers are another object only when one is another number", () => {
  const registry = testRegistry();
  const index = new SliceIndex((hosts) => Math.ceil(hosts / 2));
  const after = (...upserts: MeshObject[]): unknown => {
    index.update(registry, registry.apply({ upserts, deletes: [] }));
    return index.current();
  };
  const one = after(...services("a", 1), sidecar("a", ["./*"]));
  assert.equal(after(...services("a", 2)), one);
  assert.equal(after(workloadEntry("w", "10.0.0.1", {})), one);
  assert.notEqual(after(...services("a", 3)), one);
});
