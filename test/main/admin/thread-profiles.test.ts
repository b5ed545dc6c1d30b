// Profiles of the whole process, with a real pool: busy workers, idle ones, and one that is killed in between.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Profiler } from "../../../src/main/admin/pprof.ts";
import { WorkerPool } from "../../../src/main/pool/worker-pool.ts";
import { buildView } from "../../../src/main/push/proxy-view.ts";
import { SnapshotBuilder } from "../../../src/main/push/snapshot-builder.ts";
import { identityOf } from "../../../src/main/streams/proxy-identity.ts";
import { envoyNode } from "../../support/envoy-node.ts";
import { type ReadProfile, readProfile } from "../../support/profiles.ts";
import { serviceEntry, testRegistry } from "../../support/registry.ts";
import { until } from "../../support/until.ts";

const warnings: { readonly fields: object; readonly message: string }[] = [];
const log = {
  error: () => undefined,
  warn: (fields: object, message: string) => void warnings.push({ fields, message }),
  info: () => undefined,
  debug: () => undefined,
};

const registry = testRegistry();
for (let i = 0; i < 50; i++) registry.apply({ upserts: [serviceEntry(`s${i}`, [`10.0.0.${i}`])], deletes: [] });
const snapshot = new SnapshotBuilder(registry).build();
const view = buildView(
  identityOf(envoyNode("sidecar~10.9.9.9~a.default~default.svc.cluster.local", "a")),
  registry,
  () => "0123456789abcdef",
);
const GENERATOR = /^\w+ .*\/src\/workers\/generators\//;
let pool: WorkerPool;
let profiler: Profiler;

before(async () => {
  pool = new WorkerPool({ workers: 2, log });
  pool.publish(snapshot);
  await pool.warm();
  profiler = new Profiler(pool.profiles);
});

after(() => pool.close());

type Answer = { readonly status?: number; readonly body: string | Uint8Array };

function ask(path: "profile" | "heap", query: string, of = profiler): Promise<Answer> {
  const page = of.routes().get(`/debug/pprof/${path}`)!;
  return Promise.resolve(page.answer({ path, query: new URLSearchParams(query) }));
}

async function take(path: "profile" | "heap", query: string): Promise<ReadProfile> {
  const { status, body } = await ask(path, query);
  assert.ok(status === undefined && typeof body !== "string", String(body));
  return readProfile(body);
}

/** Keeps both workers busy until `during` is settled. */
async function busy<T>(during: Promise<T>): Promise<T> {
  let over = false;
  const ended = during.finally(() => {
    over = true;
  });
  const work = Array.from({ length: 3 }, async () => {
    while (!over) await pool.generate(snapshot, view, [{ type: "CDS", names: null }]);
  });
  return (await Promise.all([ended, ...work]))[0];
}

const threadsOf = ({ functions }: ReadProfile): string[] => [...functions.keys()].filter((t) => t !== "native").sort();

test("busy workers are in the profile with what they do, each by its name", async () => {
  const profile = await busy(take("profile", "seconds=1"));
  assert.deepEqual(profile.types, ["sample", "wall", "cpu"]);
  assert.deepEqual(threadsOf(profile), ["main", "worker-1", "worker-2"]);
  for (const thread of ["worker-1", "worker-2"]) {
    const generating = profile.samples.filter((s) => s.thread === thread && s.stack.some((f) => GENERATOR.test(f)));
    assert.ok(generating.length > 0, thread);
    assert.ok(
      generating.some(({ values }) => values[2]! > 0),
      `${thread} has used CPU time`,
    );
  }
  const here = profile.samples.filter(({ thread }) => thread === "main");
  assert.equal(
    here.some((s) => s.stack.some((f) => GENERATOR.test(f))),
    false,
  );
});

test("idle workers start and stop too, and have used no CPU time to speak of", async () => {
  const started = performance.now();
  const profile = await take("profile", "seconds=0.5");
  assert.deepEqual(threadsOf(profile), ["main", "worker-1", "worker-2"]);
  assert.ok(performance.now() - started < 4_000, "no worker was waited for in vain");
  for (const thread of ["worker-1", "worker-2"]) {
    const mine = profile.samples.filter((sample) => sample.thread === thread);
    const [wall, cpu] = [1, 2].map((i) => mine.reduce((sum, { values }) => sum + values[i]!, 0));
    assert.ok(cpu! < wall! / 2, `${thread}: ${cpu! / 1e6} ms of ${wall! / 1e6} ms`);
  }
});

test("one thread alone", async () => {
  assert.deepEqual(threadsOf(await busy(take("profile", "seconds=0.3&thread=worker-2"))), ["worker-2"]);
  assert.deepEqual([...(await busy(take("profile", "seconds=0.3&thread=main"))).functions.keys()], ["main"]);
});

test("what allocates memory in workers", async () => {
  const profile = await busy(take("heap", "seconds=1"));
  assert.deepEqual(profile.types, ["inuse_objects", "inuse_space"]);
  assert.deepEqual(threadsOf(profile), ["main", "worker-1", "worker-2"]);
  assert.ok(profile.samples.some((s) => s.thread !== "main" && s.stack.some((f) => GENERATOR.test(f))));
});

test("a worker that dies in between is missing, and the log says so", async () => {
  warnings.splice(0);
  const taken = take("profile", "seconds=0.7");
  await pool.killWorker(0);
  const profile = await busy(taken);
  assert.deepEqual(threadsOf(profile), ["main", "worker-2"]);
  assert.deepEqual(
    warnings.filter(({ message }) => /missing in the profile/.test(message)).map(({ fields }) => fields),
    [{ thread: "worker-1", reason: "the thread ended" }],
  );
  // The one in its place has its name.
  await until("two threads", () => pool.threadCount === 2);
  assert.deepEqual(threadsOf(await take("profile", "seconds=0.3")), ["main", "worker-1", "worker-2"]);
});

test("of a thread that dies alone, nothing is left", async () => {
  const other = new WorkerPool({ workers: 1, log });
  try {
    const taken = ask("profile", "seconds=0.3&thread=worker-1", new Profiler(other.profiles));
    await other.killWorker(0);
    const { status, body } = await taken;
    assert.equal(status, 503);
    assert.match(String(body), /nothing came from worker-1/);
  } finally {
    await other.close();
  }
});

test("unknown threads and second profiles are refused", async () => {
  const unknown = await ask("profile", "thread=worker-3");
  assert.equal(unknown.status, 400);
  assert.match(String(unknown.body), /main, worker-1, worker-2/);
  const first = ask("heap", "seconds=100&thread=worker-1");
  const second = await ask("profile", "thread=main");
  assert.equal(second.status, 409);
  assert.match(String(second.body), /a heap profile is being taken already/);
  profiler.close();
  assert.equal((await first).status, undefined);
});

test("closing ends a profile at once, with what there is", async () => {
  const other = new WorkerPool({ workers: 1, log });
  const closed = new Profiler(other.profiles);
  const taken = ask("heap", "seconds=100", closed);
  closed.close();
  await other.close();
  const { status, body } = await taken;
  assert.ok(status === undefined && typeof body !== "string");
  assert.equal(readProfile(body).functions.has("main"), true);
});
