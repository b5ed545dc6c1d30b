import assert from "node:assert/strict";
import { test } from "node:test";
import { isSmall, TaskBatches } from "../../../src/main/pool/task-batches.ts";
import type { MeshSnapshot } from "../../../src/main/push/snapshot-builder.ts";
import type { ProxyViewRef } from "../../../src/shared/model/proxy.ts";
import type { Generated } from "../../../src/shared/protocol/output.ts";

const SNAPSHOT = {} as MeshSnapshot;
const EDS = [{ type: "EDS" as const, names: ["a"] }];
const view = (id: string): ProxyViewRef => ({ id, json: "{}" }) as ProxyViewRef;
const answer = (reason: string): Generated => ({
  ok: true,
  sets: [],
  warnings: [{ object: "", reason }],
  attachMs: 0,
  generateMs: 0,
});

test("a few names are small, a whole type is not, and routes are by the size of the mesh", () => {
  const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `n${i}`);
  assert.equal(isSmall([{ type: "EDS", names: names(16) }], 10_000), true);
  assert.equal(isSmall([{ type: "EDS", names: names(17) }], 10), false);
  assert.equal(isSmall([{ type: "CDS", names: null }], 10), false);
  assert.equal(isSmall([...EDS, { type: "CDS", names: null }], 10), false);
  assert.equal(isSmall([{ type: "RDS", names: names(8) }], 10), true);
  assert.equal(isSmall([{ type: "RDS", names: names(1) }], 100), true);
  assert.equal(isSmall([{ type: "RDS", names: names(8) }], 100), false);
  assert.equal(isSmall([{ type: "RDS", names: names(1) }], 1_000), false);
});

test("questions of one turn are few tasks, none of them large, and each has its own answer", async () => {
  const tasks: number[] = [];
  const batches = new TaskBatches(1, async (_, items) => {
    tasks.push(items.length);
    return items.map((item) => answer(item.view.id));
  });
  const ids = Array.from({ length: 600 }, (_, i) => `v${i}`);
  const answers = await Promise.all(ids.map((id) => batches.add(SNAPSHOT, view(id), EDS)));
  assert.deepEqual(
    answers.map((generated) => generated.warnings[0]!.reason),
    ids,
  );
  assert.equal(
    tasks.reduce((sum, size) => sum + size, 0),
    600,
  );
  assert.ok(tasks.length <= 4 && Math.max(...tasks) <= 256, `tasks of ${tasks}`);
});

test("what fails is told to who asked for it alone, and a lost task to all in it", async () => {
  const batches = new TaskBatches(2, async (_, items) => {
    if (items.some(({ view }) => view.id === "lost")) throw new Error("the worker died");
    return items.map(({ view }) =>
      view.id === "bad"
        ? { ok: false as const, code: "MIZZEN_ERR_GENERATE" as const, message: "bad view", stack: "" }
        : answer(view.id),
    );
  });
  const results = await Promise.allSettled(["good", "bad"].map((id) => batches.add(SNAPSHOT, view(id), EDS)));
  assert.deepEqual(
    results.map((r) => r.status),
    ["fulfilled", "rejected"],
  );
  await assert.rejects(batches.add(SNAPSHOT, view("lost"), EDS), /the worker died/);
});
