// Who is told what and when while workers are profiled, without workers: threads that are late, die, or never answer.
import assert from "node:assert/strict";
import { test } from "node:test";
import { WorkerProfiles } from "../../../src/main/pool/worker-profiles.ts";
import type { ProfileReply, ProfileStart, ProfileStop } from "../../../src/shared/protocol/profile.ts";
import { until } from "../../support/until.ts";

interface FakePool {
  alive: readonly number[];
  readonly announced: (ProfileStart | ProfileStop)[];
  readonly missing: object[];
  wakes: number;
  /** Threads that take up the last announcement when they are woken. */
  answering: Set<number>;
  readonly profiles: WorkerProfiles;
}

function fakePool(alive: readonly number[]): FakePool {
  const announced: (ProfileStart | ProfileStop)[] = [];
  const missing: object[] = [];
  const log = {
    error: () => undefined,
    warn: (fields: object) => void missing.push(fields),
    info: () => undefined,
    debug: () => undefined,
  };
  const pool: FakePool = {
    alive,
    announced,
    missing,
    wakes: 0,
    answering: new Set(),
    profiles: new WorkerProfiles({
      threadIds: () => pool.alive,
      announce: (message) => void announced.push(message),
      wake: async () => {
        pool.wakes++;
        const last = announced.at(-1)!;
        for (const thread of pool.answering) answer(last, thread);
      },
      log,
    }),
  };
  const answer = (to: ProfileStart | ProfileStop, thread: number): void => {
    const reply: ProfileReply =
      to.tag === "profile-start"
        ? { tag: "profile-started", id: to.id, thread }
        : { tag: "profile-done", id: to.id, thread, bytes: Uint8Array.of(thread) };
    pool.profiles.received(reply);
  };
  return pool;
}

const bytesByThread = (parts: readonly { thread: string; bytes: Uint8Array }[]) =>
  Object.fromEntries(parts.map(({ thread, bytes }) => [thread, bytes[0]]));

test("all threads start, and hand over what they have", async () => {
  const pool = fakePool([11, 12]);
  for (const id of pool.alive) pool.answering.add(id);
  assert.deepEqual(pool.profiles.names(), ["worker-1", "worker-2"]);
  const profiling = pool.profiles.start("cpu", 20);
  assert.deepEqual(pool.announced, [{ tag: "profile-start", id: 1, kind: "cpu", seconds: 20, threads: [11, 12] }]);
  await until("woken", () => pool.wakes === 1);
  assert.deepEqual(bytesByThread(await profiling.stop(5_000)), { "worker-1": 11, "worker-2": 12 });
  // Who has answered isn't asked again.
  assert.deepEqual(
    pool.announced.map(({ tag }) => tag),
    ["profile-start", "profile-stop"],
  );
  assert.deepEqual(pool.missing, []);
});

test("one thread only", async () => {
  const pool = fakePool([11, 12]);
  pool.answering.add(12);
  const profiling = pool.profiles.start("heap", 1, "worker-2");
  assert.deepEqual((pool.announced[0] as ProfileStart).threads, [12]);
  assert.deepEqual(bytesByThread(await profiling.stop(5_000)), { "worker-2": 12 });
});

test("a thread that is late is told until it answers", async () => {
  const pool = fakePool([11, 12]);
  pool.answering.add(11);
  const profiling = pool.profiles.start("cpu", 20);
  await until("told again", () => pool.announced.length >= 3 && pool.wakes >= 3);
  assert.equal(pool.announced[2]!.tag, "profile-start");
  pool.answering.add(12);
  await until("woken with the new one", () => pool.announced.length >= 4);
  assert.deepEqual(bytesByThread(await profiling.stop(5_000)), { "worker-1": 11, "worker-2": 12 });
});

test("a thread that ends is missing, and the log says so", async () => {
  const pool = fakePool([11, 12]);
  for (const id of pool.alive) pool.answering.add(id);
  const profiling = pool.profiles.start("cpu", 20);
  // Another has taken its place, and its number; it has no part in this profile.
  pool.alive = [11, 13];
  pool.answering = new Set([11, 13]);
  assert.deepEqual(pool.profiles.names(), ["worker-1", "worker-2"]);
  assert.deepEqual(bytesByThread(await profiling.stop(5_000)), { "worker-1": 11 });
  assert.deepEqual(pool.missing, [{ thread: "worker-2", reason: "the thread ended" }]);
});

test("a thread that ends while it is waited for holds up nobody", async () => {
  const pool = fakePool([11, 12]);
  pool.answering.add(11);
  const profiling = pool.profiles.start("cpu", 20);
  const parts = profiling.stop(60_000);
  pool.alive = [11];
  assert.deepEqual(bytesByThread(await parts), { "worker-1": 11 });
});

test("a thread that never answers is waited for only so long", async () => {
  const pool = fakePool([11, 12]);
  pool.answering.add(12);
  const profiling = pool.profiles.start("cpu", 20);
  assert.deepEqual(bytesByThread(await profiling.stop(50)), { "worker-2": 12 });
  assert.deepEqual(pool.missing, [{ thread: "worker-1", reason: "the thread did not answer" }]);
});

test("a thread that can't sample says why", async () => {
  const pool = fakePool([11]);
  const profiling = pool.profiles.start("cpu", 20);
  pool.profiles.received({ tag: "profile-failed", id: 1, thread: 11, reason: "no native part" });
  assert.deepEqual(await profiling.stop(60_000), []);
  assert.deepEqual(pool.missing, [{ thread: "worker-1", reason: "no native part" }]);
});

test("closing waits for nobody", async () => {
  const pool = fakePool([11]);
  const waited = pool.profiles.start("cpu", 20).stop(60_000);
  pool.profiles.close();
  assert.deepEqual(await waited, []);
  const stopped = pool.profiles.start("cpu", 20);
  pool.profiles.close();
  assert.equal(pool.announced.at(-1)!.tag, "profile-stop");
  assert.deepEqual(await stopped.stop(60_000), []);
});

test("answers to an earlier profile are passed over", async () => {
  const pool = fakePool([11]);
  pool.profiles.start("cpu", 20);
  const second = pool.profiles.start("cpu", 20);
  const parts = second.stop(60_000);
  pool.profiles.received({ tag: "profile-done", id: 1, thread: 11, bytes: Uint8Array.of(1) });
  pool.profiles.received({ tag: "profile-started", id: 2, thread: 11 });
  pool.profiles.received({ tag: "profile-done", id: 2, thread: 11, bytes: Uint8Array.of(2) });
  assert.deepEqual(bytesByThread(await parts), { "worker-1": 2 });
});
