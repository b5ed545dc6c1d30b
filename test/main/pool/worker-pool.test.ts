// The pool with real worker threads: results, snapshots that workers don't know, and threads that die.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { getPriority } from "node:os";
import { after, before, test } from "node:test";
import { WorkerPool } from "../../../src/main/pool/worker-pool.ts";
import { buildView } from "../../../src/main/push/proxy-view.ts";
import { SnapshotBuilder } from "../../../src/main/push/snapshot-builder.ts";
import { identityOf } from "../../../src/main/streams/proxy-identity.ts";
import { MizzenError } from "../../../src/shared/errors.ts";
import { envoyNode } from "../../support/envoy-node.ts";
import { serviceEntry, testRegistry } from "../../support/registry.ts";
import { until } from "../../support/until.ts";

const lost: string[] = [];
const log = {
  error: () => undefined,
  warn: (_fields: object, message: string) => void lost.push(message),
  info: () => undefined,
  debug: () => undefined,
};

const registry = testRegistry();
for (let i = 0; i < 20; i++) registry.apply({ upserts: [serviceEntry(`s${i}`, [`10.0.0.${i}`])], deletes: [] });
const snapshots = new SnapshotBuilder(registry);
const first = snapshots.build();
const view = buildView(
  identityOf(envoyNode("sidecar~10.9.9.9~a.default~default.svc.cluster.local", "a")),
  registry,
  () => "0123456789abcdef",
);
let pool: WorkerPool;

before(async () => {
  pool = new WorkerPool({ workers: 2, log });
  pool.publish(first);
  await pool.warm();
});

after(() => pool.close());

test("equal questions give equal bytes, whichever worker answers", async () => {
  const answers = await Promise.all(
    Array.from({ length: 8 }, () => pool.generate(first, view, [{ type: "CDS", names: null }])),
  );
  const [one, ...others] = answers.map(({ sets }) => ({
    names: sets[0]!.names,
    hashes: sets[0]!.hashes,
    bytes: Buffer.from(sets[0]!.bytes).toString("hex"),
  }));
  assert.equal(one!.names.filter((name) => name.startsWith("outbound|80||s")).length, 20);
  for (const other of others) assert.deepEqual(other, one);
});

test("workers that can't rehearse say so, and work", async () => {
  await pool.warm({ ...view, id: "unreadable" as typeof view.id, json: "{" });
  assert.deepEqual(lost.splice(0), Array(2).fill("a worker could not be warmed up"));
  await pool.warm(view);
  assert.deepEqual(lost, []);
  const { sets } = await pool.generate(first, view, [{ type: "CDS", names: null }]);
  assert.ok(sets[0]!.names.includes("outbound|80||s1.example.com"));
});

test("the main thread goes before its workers", { skip: process.platform !== "linux" && "needs Linux" }, () => {
  const niceness = new Map(
    readdirSync("/proc/self/task").map((thread) => [Number(thread), getPriority(Number(thread))]),
  );
  const own = niceness.get(process.pid)!;
  assert.equal([...niceness.values()].filter((nice) => nice > own).length, 2, "two workers yield, and no other thread");
});

test("a worker that doesn't know a snapshot is sent all of it", async () => {
  registry.apply({ upserts: [serviceEntry("late", ["10.0.1.1"])], deletes: [] });
  // Not published: no worker has heard of it.
  const unheard = snapshots.build(registry.setMesh({ ...registry.mesh, clusterId: "other" }));
  const { sets } = await pool.generate(unheard, view, [{ type: "CDS", names: null }]);
  assert.equal(sets[0]!.names.includes("outbound|80||late.example.com"), true);
});

test("an older snapshot is answered as it was", async () => {
  registry.apply({ upserts: [serviceEntry("newer", ["10.0.1.2"])], deletes: [] });
  const newer = snapshots.build();
  pool.publish(newer);
  const [old, now] = await Promise.all([
    pool.generate(first, view, [{ type: "CDS", names: null }]),
    pool.generate(newer, view, [{ type: "CDS", names: null }]),
  ]);
  assert.equal(old.sets[0]!.names.includes("outbound|80||newer.example.com"), false);
  assert.equal(now.sets[0]!.names.includes("outbound|80||newer.example.com"), true);
});

test("tasks of workers that die are run again by others, and the log says so", async () => {
  lost.splice(0);
  const work = Array.from({ length: 40 }, () => pool.generate(first, view, [{ type: "CDS", names: null }]));
  await pool.killWorker(0);
  await pool.killWorker(0);
  const answers = await Promise.all(work);
  for (const { sets } of answers) assert.equal(sets[0]!.names.length, answers[0]!.sets[0]!.names.length);
  assert.equal(lost.length > 0, true);
  assert.match(lost[0]!, /another one runs it again/);
  await until("those that died are replaced", async () => pool.threadCount === 2);
});

test("a task after close is refused as draining", async () => {
  const other = new WorkerPool({ workers: 1, log });
  await other.close();
  await assert.rejects(
    other.generate(first, view, [{ type: "CDS", names: null }]),
    (error) => error instanceof MizzenError && error.code === "MIZZEN_ERR_DRAINING",
  );
});
