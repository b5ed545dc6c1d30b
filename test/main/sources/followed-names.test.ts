// Names of gateways between networks: asked for when they are wanted, again when an answer has had its time, and no more
// when they are let go.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type DnsAnswer, FollowedNames } from "../../../src/main/sources/dns/followed-names.ts";

interface Question {
  readonly name: string;
  readonly answer: (addresses: readonly string[], ttlSeconds?: number) => Promise<void>;
  readonly fail: (reason: string) => Promise<void>;
}

/** Followed names with a DNS and a clock that the test has in hand. */
function followed() {
  const questions: Question[] = [];
  const timers: { readonly ms: number; readonly run: () => void }[] = [];
  const known: string[] = [];
  const logged: string[] = [];
  const note = (level: string) => (fields: object) => void logged.push(`${level} ${JSON.stringify(fields)}`);
  const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const names = new FollowedNames({
    resolve: (name) =>
      new Promise<DnsAnswer>((resolve, reject) => {
        questions.push({
          name,
          answer(addresses, ttlSeconds = 60) {
            resolve({ addresses, ttlSeconds });
            return settled();
          },
          fail(reason) {
            reject(new Error(reason));
            return settled();
          },
        });
      }),
    schedule(ms, run) {
      const timer = { ms, run };
      timers.push(timer);
      return () => void timers.splice(timers.indexOf(timer), 1);
    },
    changed: (addresses) => known.push([...addresses].map(([name, list]) => `${name}=${list.join("+")}`).join(" ")),
    log: { error: note("error"), warn: note("warn"), info: note("info"), debug: note("debug") },
  });
  /** Lets the only timer run out, and gives its time. */
  const next = (): number => {
    assert.equal(timers.length, 1);
    const [timer] = timers.splice(0);
    timer!.run();
    return timer!.ms;
  };
  const ask = (name: string): Question => {
    const question = questions.shift();
    assert.equal(question?.name, name);
    return question!;
  };
  return { names, questions, timers, known, logged, next, ask };
}

test("an answer is told of when it differs, and asked for again after its time, but not too soon", async () => {
  const { names, questions, known, next, ask } = followed();
  names.follow(["a"]);
  names.follow(["a"]);
  await ask("a").answer(["2001:db8::1", "10.0.0.2", "10.0.0.1", "10.0.0.2"], 90);
  assert.equal(next(), 90_000);
  await ask("a").answer(["10.0.0.1", "10.0.0.2", "2001:db8::1"], 1);
  assert.equal(next(), 30_000);
  await ask("a").answer(["10.0.0.3"], 1e9);
  assert.equal(next(), 24 * 3600 * 1000);
  assert.equal(questions.length, 1);
  assert.deepEqual(known, ["a=10.0.0.1+10.0.0.2+2001:db8::1", "a=10.0.0.3"]);
});

test("without an answer the last one stays in force, and the log says so once", async () => {
  const { names, known, logged, next, ask } = followed();
  names.follow(["a"]);
  await ask("a").answer(["10.0.0.1"]);
  for (let i = 0; i < 3; i++) {
    next();
    await ask("a").fail("ESERVFAIL");
  }
  assert.equal(next(), 30_000);
  await ask("a").answer(["10.0.0.1"]);
  assert.deepEqual(known, ["a=10.0.0.1"]);
  assert.deepEqual(logged, ['warn {"name":"a","reason":"ESERVFAIL"}', 'info {"name":"a"}']);
});

test("a name that is let go takes its addresses and its timer with it, and an answer still to come counts for nothing", async () => {
  const { names, questions, timers, known, ask } = followed();
  names.follow(["a", "b"]);
  const [late] = [ask("a"), await ask("b").answer(["10.0.0.2"])];
  names.follow(["b"]);
  await late.answer(["10.0.0.1"]);
  assert.equal(timers.length, 1);
  names.follow(["a"]);
  const again = ask("a");
  names.follow([]);
  names.follow(["a"]);
  await again.answer(["10.0.0.7"]);
  assert.deepEqual(known, ["b=10.0.0.2", ""]);
  await ask("a").answer(["10.0.0.9"]);
  assert.deepEqual(known, ["b=10.0.0.2", "", "a=10.0.0.9"]);
  assert.equal(questions.length, 0);
});

test("closing ends all questions and timers", async () => {
  const { names, timers, known, ask } = followed();
  names.follow(["a", "b"]);
  await ask("a").answer(["10.0.0.1"]);
  names.close();
  await ask("b").answer(["10.0.0.2"]);
  assert.deepEqual([timers.length, known], [0, ["a=10.0.0.1"]]);
});
