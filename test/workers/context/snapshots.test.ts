// How a worker follows snapshots, and what of one version is good in the next.
import assert from "node:assert/strict";
import { test } from "node:test";
import { pushVersion } from "../../../src/shared/ids.ts";
import type { ConfigObject } from "../../../src/shared/model/config.ts";
import type { SegmentHandle, SnapshotHandle } from "../../../src/shared/snapshot/handle.ts";
import { writeEndpoints, writeRecords } from "../../../src/shared/snapshot/writer.ts";
import { SnapshotStore } from "../../../src/workers/attach.ts";
import { config } from "../../support/registry.ts";

const GONE = { code: "MIZZEN_ERR_SNAPSHOT_GONE" };

function rules(version: number, hosts: readonly string[], namespace = "default"): SegmentHandle {
  const records = hosts.map((host) => config("DestinationRule", host, { host }, { namespace }));
  return { name: `config/DestinationRule/${namespace}`, version, buffer: writeRecords(records) };
}

function step(version: number, changed: readonly SegmentHandle[], removed: readonly string[] = []): SnapshotHandle {
  return { version: pushVersion(version), baseVersion: version - 1, changed, removed };
}

const hostsOf = (objects: readonly ConfigObject[]): string[] => objects.map((o) => o.meta.name);

test("steps add up, and each version stays what it was", () => {
  const store = new SnapshotStore();
  store.step(step(1, [rules(1, ["a", "b"])]));
  store.step(step(2, [rules(2, ["a", "c"])]));
  store.step(step(3, [rules(3, ["x"], "other")]));
  store.step(step(4, [], ["config/DestinationRule/default"]));
  const seen = (version: number): string[] => hostsOf(store.context(version).configs("DestinationRule"));
  assert.deepEqual(seen(4), ["x"]);
  assert.deepEqual(seen(3), ["a", "c", "x"]);
  assert.deepEqual(seen(2), ["a", "c"]);
  assert.deepEqual(seen(1), ["a", "b"]);
});

test("a step whose base is missing is passed over until a complete snapshot comes", () => {
  const store = new SnapshotStore();
  store.step(step(1, [rules(1, ["a"])]));
  store.step(step(3, [rules(3, ["c"])]));
  assert.throws(() => store.context(3), GONE);
  store.step({ ...step(3, [rules(3, ["c"])]), baseVersion: 0 });
  store.step(step(4, []));
  assert.deepEqual(hostsOf(store.context(4).configs("DestinationRule")), ["c"]);
  assert.throws(() => store.context(2), GONE);
});

test("versions that nobody uses are forgotten, the newest never", () => {
  const store = new SnapshotStore();
  for (const version of [1, 2, 3]) store.step(step(version, [rules(version, [`h${version}`])]));
  store.forget(3);
  assert.throws(() => store.context(2), GONE);
  store.forget(99);
  assert.deepEqual(hostsOf(store.context(3).configs("DestinationRule")), ["h3"]);
});

test("a bounded number of versions is held, though none is said to be out of use", () => {
  const store = new SnapshotStore();
  for (let version = 1; version <= 50; version++) store.step(step(version, [rules(version, [`h${version}`])]));
  assert.throws(() => store.context(1), GONE);
  assert.deepEqual(hostsOf(store.context(50).configs("DestinationRule")), ["h50"]);
});

test("records that did not change are the same objects in the next version", () => {
  const store = new SnapshotStore();
  store.step(step(1, [rules(1, ["a", "b"])]));
  const before = store.context(1).configs("DestinationRule");
  store.step(step(2, [rules(2, ["a", "c"])]));
  const after = store.context(2).configs("DestinationRule");
  assert.equal(after[0], before[0]);
  assert.notEqual(after[1], before[1]);
});

test("what is derived is computed again only when something changes that it depends on", () => {
  const store = new SnapshotStore();
  store.step(step(1, [rules(1, ["a"])]));
  let computed = 0;
  const ask = (version: number): number =>
    store.context(version).derive("key", ["DestinationRule", "services"], () => ++computed);
  assert.equal(ask(1), 1);
  assert.equal(ask(1), 1);
  store.step(step(2, [{ name: "config/VirtualService/default", version: 2, buffer: writeRecords([]) }]));
  store.step(step(3, [{ name: "endpoints/default/a", version: 3, buffer: writeEndpoints([]) }]));
  assert.equal(ask(3), 1);
  store.step(step(4, [{ name: "services/default", version: 4, buffer: writeRecords([]) }]));
  assert.equal(ask(4), 2);
  store.step(step(5, [], ["config/DestinationRule/default"]));
  assert.equal(ask(5), 3);
  assert.equal(ask(4), 2);
});

test("the version of a service's endpoints is that of their segment", () => {
  const store = new SnapshotStore();
  const key = { namespace: "default", hostname: "a" };
  store.step(step(1, [{ name: "endpoints/default/a", version: 1, buffer: writeEndpoints([]) }]));
  store.step(step(2, [rules(2, ["a"])]));
  assert.equal(store.context(2).endpointsVersion(key), 1);
  assert.equal(store.context(2).endpointsVersion({ namespace: "other", hostname: "a" }), 0);
  assert.deepEqual(store.context(2).endpoints({ namespace: "other", hostname: "a" }), []);
});
