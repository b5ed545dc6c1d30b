// Snapshots are immutable, and share all segments that a change does not touch.
import assert from "node:assert/strict";
import { test } from "node:test";
import { completeHandle, SnapshotBuilder } from "../../../src/main/push/snapshot-builder.ts";
import { readEndpoints } from "../../../src/shared/snapshot/reader.ts";
import { config, serviceEntry, testMesh, testRegistry } from "../../support/registry.ts";

const ONE = "endpoints/default/one.example.com";
const TWO = "endpoints/default/two.example.com";

function build() {
  const registry = testRegistry();
  registry.apply({ upserts: [serviceEntry("one", ["10.0.0.1"]), serviceEntry("two", ["10.0.0.2"])], deletes: [] });
  const builder = new SnapshotBuilder(registry);
  return { registry, builder, first: builder.build() };
}

test("a change of endpoints writes one segment", () => {
  const { registry, builder, first } = build();
  const change = registry.apply({ upserts: [serviceEntry("one", ["10.0.0.9"])], deletes: [] });
  const second = builder.build(change);
  assert.equal(second.version, first.version + 1);
  assert.deepEqual(
    second.step.changed.map((s) => s.name),
    [ONE],
  );
  assert.deepEqual(second.step.removed, []);
  assert.equal(second.step.baseVersion, first.version);
  assert.equal(second.segments.get(TWO), first.segments.get(TWO));
  assert.equal(readEndpoints(first.segments.get(ONE)!.buffer)[0]?.addresses[0], "10.0.0.1");
  assert.equal(readEndpoints(second.segments.get(ONE)!.buffer)[0]?.addresses[0], "10.0.0.9");
  assert.equal(builder.current(), second);
});

test("a segment whose bytes are the same keeps its version", () => {
  const { registry, builder, first } = build();
  const second = builder.build(registry.setMesh({ ...testMesh(), clusterId: "other" }));
  assert.equal(second.segments.get("services/default"), first.segments.get("services/default"));
  assert.notEqual(second.segments.get("mesh"), first.segments.get("mesh"));
});

test("what is gone is removed, and a complete handle has the rest", () => {
  const { registry, builder } = build();
  const change = registry.apply({
    upserts: [config("VirtualService", "v", { hosts: ["one.example.com"] })],
    deletes: [{ kind: "ServiceEntry", namespace: "default", name: "two" }],
  });
  const second = builder.build(change);
  assert.deepEqual(second.step.removed, [TWO]);
  const complete = completeHandle(second);
  assert.equal(complete.baseVersion, 0);
  assert.deepEqual(complete.changed.map((s) => s.name).sort(), [
    "config/VirtualService/default",
    ONE,
    "mesh",
    "services/default",
  ]);
});

test("before the first build there is no snapshot", () => {
  assert.throws(() => new SnapshotBuilder(testRegistry()).current(), /no snapshot/);
});
