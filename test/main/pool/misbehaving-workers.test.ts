// Workers that hang or need too much memory cost only the task that they misbehave over.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { StuckWorkers } from "../../../src/main/pool/stuck-workers.ts";
import { WorkerPool, type WorkerPoolOptions } from "../../../src/main/pool/worker-pool.ts";
import { SnapshotBuilder } from "../../../src/main/push/snapshot-builder.ts";
import type { ProxyViewRef } from "../../../src/shared/model/proxy.ts";
import { BusyTable } from "../../../src/shared/protocol/busy-table.ts";
import { serviceEntry, testRegistry } from "../../support/registry.ts";
import { WorkerMesh } from "../../support/worker-mesh.ts";

const ENTRY = new URL("../../support/misbehaving-worker.js", import.meta.url);

async function started(t: TestContext, options: Partial<WorkerPoolOptions>) {
  const said: string[] = [];
  const lost: number[] = [];
  const say = (_fields: object, message: string): void => void said.push(message);
  const log = { error: say, warn: say, info: () => undefined, debug: () => undefined };
  const pool = new WorkerPool({ workers: 2, entry: ENTRY, log, onWorkerLost: () => lost.push(1), ...options });
  t.after(() => pool.close());
  const registry = testRegistry();
  registry.apply({ upserts: [serviceEntry("s", ["10.0.0.1"])], deletes: [] });
  const snapshot = new SnapshotBuilder(registry).build();
  pool.publish(snapshot);
  await pool.warm();
  const { json } = new WorkerMesh().view();
  const clusters = (id: string) =>
    pool.generate(snapshot, { id, json } as ProxyViewRef, [{ type: "CDS", names: null }]);
  return { clusters, said, lost };
}

test("a worker that hangs is ended, the task is given up after some workers, and others are served meanwhile", async (t) => {
  const { clusters, said, lost } = await started(t, { taskLimitMs: 300 });
  const hanging = assert.rejects(clusters("hang"), { code: "MIZZEN_ERR_WORKER_LOST" });
  for (let i = 0; i < 5; i++) assert.ok((await clusters(`good-${i}`)).sets[0]!.names.length > 0);
  await hanging;
  assert.equal(lost.length, 3);
  assert.equal(said.filter((message) => message.includes("doesn't come back")).length, 3);
  assert.ok((await clusters("good-again")).ok);
});

test("a worker whose heap is full ends alone", async (t) => {
  const { clusters, lost } = await started(t, { heapMegabytes: 64 });
  await assert.rejects(clusters("fill"), { code: "MIZZEN_ERR_WORKER_LOST" });
  assert.equal(lost.length, 3);
  assert.ok((await clusters("good")).ok);
});

test("only one and the same task for too long is being stuck", () => {
  const table = new BusyTable();
  const stuck = new StuckWorkers(table, 100);
  table.turn(1);
  table.turn(2);
  assert.deepEqual(stuck.look([1, 2, 3], 0), []);
  // 2 is done, and has the next one.
  table.turn(2);
  table.turn(2);
  assert.deepEqual(stuck.look([1, 2, 3], 60), []);
  assert.deepEqual(stuck.look([1, 2, 3], 100), [1]);
  table.turn(2);
  assert.deepEqual(stuck.look([2, 3], 500), []);
  // Another thread in the same place of the table.
  table.enter(1025);
  assert.deepEqual(stuck.look([1025], 1_000), []);
  table.turn(1025);
  assert.deepEqual(stuck.look([1025], 1_100), []);
  assert.deepEqual(stuck.look([1025], 1_199), []);
  assert.deepEqual(stuck.look([1025], 1_200), [1025]);
});
