// The timer behind the window: one push at a time, none forgotten.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Debouncer } from "../../../src/main/debounce/debouncer.ts";
import type { PushRequest } from "../../../src/shared/model/push-request.ts";
import { configChange } from "../../support/changes.ts";
import { until } from "../../support/until.ts";

test("a push waits for the one before it, and a failed one doesn't stop the next", async () => {
  const pushed: PushRequest[] = [];
  const errors: unknown[] = [];
  const finish: ((error?: Error) => void)[] = [];
  const debouncer = new Debouncer({
    afterMs: 1,
    maxMs: 10,
    endpoints: true,
    now: () => performance.now(),
    push: (request) => {
      pushed.push(request);
      return new Promise((resolve, reject) => finish.push((error) => (error ? reject(error) : resolve())));
    },
    onError: (error) => errors.push(error),
  });
  debouncer.offer(configChange("a"));
  await until("the first is pushed", () => pushed.length === 1);
  debouncer.offer(configChange("b"));
  debouncer.offer(configChange("c"));
  // Longer than any wait of the window.
  const start = performance.now();
  await until("time has passed", () => performance.now() - start > 30);
  assert.equal(pushed.length, 1);
  finish[0]!(new Error("broken"));
  await until("the second is pushed", () => pushed.length === 2);
  assert.deepEqual([...pushed[1]!.change.configs.keys()], ["b", "c"]);
  assert.equal(errors.length, 1);
  finish[1]!();
  debouncer.offer(configChange("d"));
  await until("the third is pushed", () => pushed.length === 3);
  debouncer.close();
  finish[2]!();
});
