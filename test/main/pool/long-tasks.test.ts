// Tasks of workers that take long are counted, and the log says what they were.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { WorkerPool } from "../../../src/main/pool/worker-pool.ts";
import { SnapshotBuilder } from "../../../src/main/push/snapshot-builder.ts";
import type { ProxyViewRef } from "../../../src/shared/model/proxy.ts";
import type { ResourceWant } from "../../../src/shared/model/resource.ts";
import { testRegistry } from "../../support/registry.ts";

const ENTRY = new URL("../../support/misbehaving-worker.js", import.meta.url);

/** A pool whose workers say that they took as long as a view's name has it. */
function started(t: TestContext) {
  const said: { readonly fields: object; readonly message: string }[] = [];
  const counted: number[] = [];
  const nothing = (): void => undefined;
  const debug = (fields: object, message: string): void => void said.push({ fields, message });
  const pool = new WorkerPool({
    ...{ workers: 1, entry: ENTRY, log: { error: nothing, warn: nothing, info: nothing, debug } },
    onLongTask: () => counted.push(1),
  });
  t.after(() => pool.close());
  const snapshot = new SnapshotBuilder(testRegistry()).build();
  const ask = (id: string, wants: readonly ResourceWant[]) =>
    pool.generate(snapshot, { id, json: "{}" } as ProxyViewRef, wants);
  return { ask, said, counted, version: snapshot.version };
}

const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `n${i}`);

test("a task that took more than 50 ms in all is told of, with all that was asked", async (t) => {
  const { ask, said, counted, version } = started(t);
  const view = "took 10.04 40.26";
  await ask(view, [
    { type: "CDS", names: null, part: "shared", slice: { index: 3, of: 16 } },
    { type: "LDS", names: null, part: "own" },
    { type: "EDS", names: names(40) },
    { type: "RDS", names: names(1) },
    { type: "NDS", names: null },
  ]);
  const asked = "CDS shared/3/16, LDS own, EDS 40 names, RDS 1 name, NDS";
  assert.deepEqual(said, [
    {
      fields: { view, asked, version, attachMs: 10, generateMs: 40.3 },
      message: "a task of a worker took longer than 50 ms",
    },
  ]);
  assert.equal(counted.length, 1);
});

test("of a batch it is told how many questions it had", async (t) => {
  const { ask, said, counted, version } = started(t);
  await Promise.all([1, 2, 3].map((n) => ask(`took 0 80 ${n}`, [{ type: "EDS", names: names(n) }])));
  assert.deepEqual(
    said.map(({ fields }) => fields),
    [{ items: 3, version, attachMs: 0, generateMs: 80 }],
  );
  assert.equal(counted.length, 1);
});

test("a task of 50 ms is not long", async (t) => {
  const { ask, said, counted } = started(t);
  await ask("took 10 40", [{ type: "CDS", names: null }]);
  assert.deepEqual([said, counted], [[], []]);
});
