// Bytes on their way are bounded over all streams, and nobody waits for a proxy that doesn't read.
import assert from "node:assert/strict";
import { test } from "node:test";
import { WriteBudget } from "../../../src/main/streams/write-budget.ts";
import { ManualTimers } from "./session-harness.ts";

const MB = 1024 * 1024;

function setUp() {
  const timers = new ManualTimers();
  const turns: (() => void)[] = [];
  const budget = new WriteBudget({
    schedule: timers.schedule,
    now: () => timers.now,
    soon: (run) => turns.push(run),
  });
  const log: string[] = [];
  /** A stream that writes as soon as it may. */
  const stream = (name: string, megabytes: number): object => {
    const id = {};
    const turn = budget.turn();
    const write = (): void => {
      log.push(name);
      if (megabytes > 0) budget.hold(id, megabytes * MB);
    };
    if (turn) void turn.then(write);
    else write();
    return id;
  };
  /** Lets the event loop turn until nothing is left to do. */
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 20; i++) {
      turns.shift()?.();
      await Promise.resolve();
      await Promise.resolve();
    }
  };
  return { timers, budget, log, stream, settle };
}

test("streams write at once while there is room", () => {
  const { log, stream } = setUp();
  stream("a", 10);
  stream("b", 10);
  assert.deepEqual(log, ["a", "b"]);
});

test("the others wait, and are let in in order, each only when what was written before it is counted", async () => {
  const { budget, log, stream, settle } = setUp();
  const a = stream("a", 20);
  stream("b", 20);
  stream("c", 20);
  await settle();
  assert.deepEqual(log, ["a"]);
  budget.release(a);
  await settle();
  assert.deepEqual(log, ["a", "b"]);
});

test("several are let in when they have room together", async () => {
  const { budget, log, stream, settle } = setUp();
  const a = stream("a", 20);
  for (const name of ["b", "c", "d"]) stream(name, 4);
  budget.release(a);
  await settle();
  assert.deepEqual(log, ["a", "b", "c", "d"]);
});

test("who comes later doesn't pass those who wait", async () => {
  const { budget, log, stream, settle } = setUp();
  const a = stream("a", 20);
  stream("b", 1);
  budget.release(a);
  stream("c", 1);
  await settle();
  assert.deepEqual(log, ["a", "b", "c"]);
});

test("a proxy that doesn't read holds up others for a while only", async () => {
  const { timers, log, stream, settle } = setUp();
  stream("stalled", 20);
  stream("b", 1);
  timers.advance(50);
  await settle();
  assert.deepEqual(log, ["stalled"]);
  timers.advance(60);
  await settle();
  assert.deepEqual(log, ["stalled", "b"]);
  assert.equal(timers.pending, 0);
});

test("a stream that was released twice counts once", async () => {
  const { budget, log, stream, settle } = setUp();
  const a = stream("a", 20);
  budget.release(a);
  budget.release(a);
  stream("b", 20);
  stream("c", 1);
  await settle();
  assert.deepEqual(log, ["a", "b"]);
});
