import assert from "node:assert/strict";
import { test } from "node:test";
import { affineBalancer, withAffinity } from "../../../src/main/pool/affinity.ts";

type Task = Parameters<typeof affineBalancer>[0];
type Worker = Parameters<typeof affineBalancer>[1][number];

const worker = (id: number, currentUsage = 0): Worker => ({ id, currentUsage }) as Worker;
const task = (key: string): Task => withAffinity({}, key) as unknown as Task;
const chosen = (key: string, workers: Worker[]): number | undefined => affineBalancer(task(key), workers)?.id;
const keys = Array.from({ length: 400 }, (_, i) => `view-${i}`);

test("a key has one worker, and keys are spread over all of them", () => {
  const workers = [1, 2, 3, 4].map((id) => worker(id));
  const counts = new Map<number, number>();
  for (const key of keys) {
    const id = chosen(key, workers)!;
    assert.equal(chosen(key, [...workers].reverse()), id);
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  assert.deepEqual([...counts.keys()].sort(), [1, 2, 3, 4]);
  for (const count of counts.values()) assert.ok(count > 50, `${[...counts.values()]}`);
});

test("no worker is idle while a task waits, and none gets a second one", () => {
  for (const key of keys) {
    assert.equal(chosen(key, [worker(1, 1), worker(2), worker(3, 1)]), 2);
    assert.equal(chosen(key, [worker(1, 1), worker(2, 1)]), undefined);
  }
  assert.equal(affineBalancer({} as Task, [worker(7, 1), worker(8)])?.id, 8);
});

test("when a worker is replaced, the tasks of the others stay where they are", () => {
  const before = [1, 2, 3].map((id) => worker(id));
  const after = [1, 2, 9].map((id) => worker(id));
  for (const key of keys) {
    const id = chosen(key, before)!;
    if (id !== 3 && chosen(key, after) !== 9) assert.equal(chosen(key, after), id);
  }
});
