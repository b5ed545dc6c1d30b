import assert from "node:assert/strict";
import { test } from "node:test";
import { type PacedConnection, ReadPace } from "../../../src/main/streams/read-pace.ts";

const MEGABYTE = 1024 * 1024;

/** A pace with a clock and turns of its own. */
class Bench {
  now = 0;
  busy = false;
  readonly diary: string[] = [];
  private readonly turns: (() => void)[] = [];
  readonly pace = new ReadPace({
    busy: () => this.busy,
    now: () => this.now,
    soon: (run) => void this.turns.push(run),
    schedule: (ms, run) => {
      this.diary.push(`look in ${ms} ms`);
      this.turns.push(run);
      return () => undefined;
    },
  });

  connection(name: string): PacedConnection {
    return {
      stopReading: () => this.diary.push(`stop ${name}`),
      startReading: () => this.diary.push(`start ${name}`),
    };
  }

  /** Runs what is due, once. */
  turn(): string[] {
    this.diary.length = 0;
    for (const run of this.turns.splice(0)) run();
    return [...this.diary];
  }

  get pending(): number {
    return this.turns.length;
  }
}

test("a connection is stopped at once, and read again in a later turn", () => {
  const bench = new Bench();
  bench.pace.hold(bench.connection("a"), 1);
  assert.deepEqual(bench.diary, ["stop a"]);
  assert.equal(bench.pace.size, 1);
  assert.deepEqual(bench.turn(), ["start a"]);
  assert.equal(bench.pace.size, 0);
  assert.equal(bench.pending, 0, "nothing is left to run");
});

test("a turn reads some megabytes, in the order in which they were sent something", () => {
  const bench = new Bench();
  for (const name of ["a", "b", "c"]) bench.pace.hold(bench.connection(name), 1.5 * MEGABYTE);
  assert.deepEqual(bench.turn(), ["start a", "start b"]);
  assert.deepEqual(bench.turn(), ["start c"]);
  assert.equal(bench.pending, 0);
});

test("while proxies wait to be served nothing is read, but no connection waits long", () => {
  const bench = new Bench();
  bench.busy = true;
  bench.pace.hold(bench.connection("a"), 1);
  bench.now = 50;
  bench.pace.hold(bench.connection("b"), 1);
  assert.deepEqual(bench.turn(), ["look in 1 ms"]);
  bench.now = 100;
  assert.deepEqual(bench.turn(), ["start a", "look in 1 ms"]);
  bench.busy = false;
  assert.deepEqual(bench.turn(), ["start b"]);
});

test("a connection that is sent more keeps its place, and is stopped once", () => {
  const bench = new Bench();
  const a = bench.connection("a");
  bench.pace.hold(a, 3 * MEGABYTE);
  bench.pace.hold(bench.connection("b"), MEGABYTE);
  bench.pace.hold(a, 2 * MEGABYTE);
  assert.deepEqual(bench.diary, ["stop a", "stop b"]);
  assert.deepEqual(bench.turn(), ["start a"], "what it is to be sent counts as a whole");
  assert.deepEqual(bench.turn(), ["start b"]);
});
