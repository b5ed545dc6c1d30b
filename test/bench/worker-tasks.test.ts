// Tasks of workers, as a server's metrics tell of them, or not.
import assert from "node:assert/strict";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { askWorkerTasks, tasksBetween, workerTasksIn } from "../../bench/server/worker-tasks.ts";
import { createMetrics } from "../../src/main/telemetry/metrics.ts";

const nothing = (): number => 0;

/** Metrics of a control plane whose workers took so many seconds for each task. */
async function metricsAfter(...seconds: readonly number[]): Promise<string> {
  const metrics = createMetrics({
    ...{ version: "1", services: nothing, virtualServices: nothing, connectionsWaiting: nothing },
    cache: () => ({ entries: 0, bytes: 0, hits: 0, misses: 0, evictions: 0 }),
    workers: () => ({ threads: 1, waiting: 0, busyMs: 0 }),
  });
  for (const each of seconds) metrics.workerTaskTime.observe(each);
  return await metrics.registry.metrics();
}

/** Gives HOST:PORT of a server that does so with requests. */
async function serve(t: TestContext, answer: http.RequestListener): Promise<string> {
  const server = http.createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => new Promise((resolve) => server.close(resolve)));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test("what took more than 50 ms is long", async () => {
  assert.deepEqual(workerTasksIn(await metricsAfter()), { tasks: 0, longTasks: 0 });
  assert.deepEqual(workerTasksIn(await metricsAfter(0.001, 0.05, 0.0501, 60)), { tasks: 4, longTasks: 2 });
});

test("metrics without tasks say nothing, nor do those with other buckets", async () => {
  assert.equal(workerTasksIn("pilot_services 7\n"), undefined);
  const page = await metricsAfter(0.01);
  assert.equal(workerTasksIn(page.replace('mizzen_worker_task_seconds_bucket{le="0.05"}', "other")), undefined);
});

test("a step has what came between two moments, if both are known", () => {
  const before = { tasks: 10, longTasks: 2 };
  assert.deepEqual(tasksBetween(before, { tasks: 15, longTasks: 3 }), { tasks: 5, longTasks: 1 });
  assert.deepEqual(tasksBetween(before, undefined), {});
  assert.deepEqual(tasksBetween(undefined, before), {});
});

test("a server is asked over HTTP; one that has no metrics says nothing", async (t) => {
  const page = await metricsAfter(0.2);
  const telling = await serve(t, (_, response) => response.end(page));
  const bare = await serve(t, (_, response) => response.writeHead(404).end(page));
  assert.deepEqual(await askWorkerTasks(telling, 10_000), { tasks: 1, longTasks: 1 });
  assert.equal(await askWorkerTasks(bare, 10_000), undefined);
});

test("a server that goes while it is asked is an error", async (t) => {
  const going = await serve(t, (request) => request.socket.destroy());
  await assert.rejects(askWorkerTasks(going, 10_000), { code: "ECONNRESET" });
});

test("a server that doesn't answer is waited for only so long", async (t) => {
  const silent = await serve(t, () => undefined);
  await assert.rejects(askWorkerTasks(silent, 50), /in time/);
});
