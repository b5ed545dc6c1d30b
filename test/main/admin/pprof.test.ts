// Profiles are what pprof reads: a gzipped protobuf whose strings name functions of the running code.
import assert from "node:assert/strict";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { Profiler } from "../../../src/main/admin/pprof.ts";
import { until } from "../../support/until.ts";

type Answer = { status?: number; body: string | Uint8Array };

function ask(profiler: Profiler, path: string, query = ""): Promise<Answer> {
  const page = profiler.routes().get(`/debug/pprof/${path}`);
  assert.ok(page, path);
  return Promise.resolve(page.answer({ path, query: new URLSearchParams(query) }));
}

function busyWork(ms: number): number {
  let sum = 0;
  const until = performance.now() + ms;
  while (performance.now() < until) for (let i = 0; i < 1_000; i++) sum += Math.sqrt(i);
  return sum;
}

function text({ body }: Answer): string {
  assert.ok(typeof body !== "string", String(body));
  return gunzipSync(body).toString("latin1");
}

test("where CPU time goes", async () => {
  const profile = ask(new Profiler(), "profile", "seconds=0.5");
  // The profiler is loaded, and then runs.
  for (let i = 0; i < 40; i++) {
    busyWork(10);
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.match(text(await profile), /busyWork/);
});

test("what allocates memory", async () => {
  const profiler = new Profiler();
  const profile = ask(profiler, "heap", "seconds=0.3");
  const kept: unknown[] = [];
  const allocate = (): void => {
    for (let i = 0; i < 20_000; i++) kept.push({ i, text: `kept ${i}` });
  };
  for (let i = 0; i < 20; i++) {
    allocate();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.match(text(await profile), /allocate/);
  assert.equal(kept.length, 400_000);
});

test("one at a time, and not for ever", async () => {
  const profiler = new Profiler();
  const first = ask(profiler, "profile", "seconds=100");
  const second = await ask(profiler, "heap");
  assert.equal(second.status, 409);
  assert.match(String(second.body), /profile is being taken already/);
  for (const seconds of ["0", "-1", "301", "x"]) {
    assert.equal((await ask(profiler, "profile", `seconds=${seconds}`)).status, 400, seconds);
  }
  // Closing ends it, with what it has by then.
  profiler.close();
  assert.equal((await first).status, undefined);
  await until(
    "the next may be taken",
    async () => (await ask(profiler, "profile", "seconds=0.1")).status === undefined,
  );
});
