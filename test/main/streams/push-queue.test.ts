// The push queue serves each once, in order, a bounded number at a time.
import assert from "node:assert/strict";
import { test } from "node:test";
import { PushQueue } from "../../../src/main/streams/push-queue.ts";
import { RateLimit } from "../../../src/main/streams/rate-limit.ts";

/** A job that works until it is let go. */
class Job {
  started = 0;
  private finish: (() => void)[] = [];
  private readonly log: string[];
  readonly name: string;
  readonly isNew: boolean;

  constructor(name: string, log: string[], isNew = false) {
    this.name = name;
    this.log = log;
    this.isNew = isNew;
  }

  serveUrgent(): void {
    this.log.push(`${this.name}!`);
  }

  serve(): Promise<void> {
    this.started++;
    this.log.push(this.name);
    return new Promise((resolve) => this.finish.push(resolve));
  }

  done(): Promise<void> {
    this.finish.shift()!();
    return turns();
  }
}

/** The queue starts jobs in turns of their own. */
async function turns(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
}

function setUp(limit: number) {
  const log: string[] = [];
  const errors: unknown[] = [];
  const queue = new PushQueue({ limit, now: () => 0, onError: (error) => errors.push(error) });
  const job = (name: string, isNew = false): Job => new Job(name, log, isNew);
  return { log, errors, queue, job };
}

test("no more than the limit are in work, and the others follow in order", async () => {
  const { log, queue, job } = setUp(2);
  const [a, b, c, d] = [job("a"), job("b"), job("c"), job("d")];
  for (const j of [a, b, c, d]) queue.add(j);
  assert.deepEqual(log, [], "not before those who add are done");
  await turns();
  assert.deepEqual(log, ["a", "b"]);
  assert.equal(queue.size, 2);
  assert.equal(queue.active, 2);
  await b.done();
  assert.deepEqual(log, ["a", "b", "c"]);
  await a.done();
  assert.deepEqual(log, ["a", "b", "c", "d"]);
  await c.done();
  await d.done();
  await queue.whenIdle();
});

test("one that waits keeps its place, one that works comes again at the end, once", async () => {
  const { log, queue, job } = setUp(1);
  const [a, b, c] = [job("a"), job("b"), job("c")];
  for (const j of [a, b]) queue.add(j);
  await turns();
  for (const j of [c, b, a, a, b]) queue.add(j);
  await a.done();
  await b.done();
  await c.done();
  await a.done();
  await queue.whenIdle();
  assert.deepEqual(log, ["a", "b", "c", "a"]);
});

test("one that is removed is not served, and a failure does not stop the queue", async () => {
  const { log, errors, queue, job } = setUp(1);
  const a = job("a");
  const b = job("b");
  queue.add(a);
  queue.add(b);
  queue.add({ serve: () => Promise.reject(new Error("broken")), serveUrgent: () => undefined, isNew: false });
  const d = job("d");
  queue.add(d);
  queue.remove(b);
  await turns();
  await a.done();
  await turns();
  assert.deepEqual(log, ["a", "d"]);
  assert.equal(errors.length, 1);
  await d.done();
  await queue.whenIdle();
});

test("what is urgent is done first, past the limit, and the job keeps its place for the rest", async () => {
  const { log, errors, queue, job } = setUp(1);
  const [a, b, c] = [job("a"), job("b"), job("c")];
  queue.add(a);
  await turns();
  for (const j of [b, c]) queue.add(j);
  for (const j of [c, a, c]) queue.hurry(j);
  queue.hurry({
    ...{ serve: () => undefined, isNew: false },
    serveUrgent: () => Promise.reject(new Error("broken")),
  });
  await turns();
  assert.deepEqual(log, ["a", "c!", "a!"]);
  assert.equal(errors.length, 1);
  queue.hurry(b);
  queue.remove(b);
  await a.done();
  await c.done();
  await queue.whenIdle();
  assert.deepEqual(log, ["a", "c!", "a!", "c"]);
});

test("new jobs and known ones take turns", async () => {
  const { log, queue, job } = setUp(1);
  const known = ["a", "b", "c"].map((name) => job(name));
  const fresh = ["x", "y", "z", "w"].map((name) => job(name, true));
  for (const j of [...known, ...fresh]) queue.add(j);
  await turns();
  const all = new Map([...known, ...fresh].map((j) => [j.name, j]));
  for (let i = 0; i < all.size; i++) await all.get(log[i]!)!.done();
  await queue.whenIdle();
  assert.deepEqual(log, ["x", "a", "y", "b", "z", "c", "w"]);
});

test("long work lets the event loop turn", async () => {
  const queue = new PushQueue({ limit: 4, now: () => performance.now(), onError: () => undefined });
  let turned = 0;
  let served = 0;
  const busy = {
    async serve(): Promise<void> {
      const until = performance.now() + 3;
      while (performance.now() < until);
      served++;
    },
  };
  const turn = (): void => {
    turned++;
    if (served < 30) setImmediate(turn);
  };
  setImmediate(turn);
  for (let i = 0; i < 30; i++) queue.add({ serve: busy.serve, serveUrgent: () => undefined, isNew: false });
  await queue.whenIdle();
  assert.equal(served, 30);
  assert.equal(turned > 3, true, `${turned} turns`);
});

test("a token bucket lets some through at once, then as many as it gets", () => {
  const limit = new RateLimit(10, 500);
  const waits = Array.from({ length: 20 }, () => limit.reserve(0));
  assert.deepEqual(waits.slice(0, 10), Array(10).fill(0));
  assert.deepEqual(waits.slice(10, 15), [100, 200, 300, 400, 500]);
  assert.deepEqual(waits.slice(15), Array(5).fill(undefined));
  assert.equal(limit.reserve(1_000), 0, "half of a second later than the last one that waits");
  assert.equal(limit.reserve(100_000), 0);
});
