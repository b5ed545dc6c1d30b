import assert from "node:assert/strict";
import { test } from "node:test";
import { Admission } from "../../../src/main/streams/admission.ts";

/** An admission with a clock of its own; what it began stands in `begun`. */
class Bench {
  now = 0;
  readonly begun: string[] = [];
  private look: (() => void) | undefined;
  readonly admission = new Admission({
    now: () => this.now,
    schedule: (_, run) => {
      this.look = run;
      return () => {
        this.look = undefined;
      };
    },
  });

  offer(...peers: string[]): void {
    for (const peer of peers) this.admission.offer({ peer, begin: () => void this.begun.push(peer) });
  }

  /** Whether something was to be looked at by then. */
  later(ms: number): boolean {
    this.now += ms;
    const look = this.look;
    this.look = undefined;
    look?.();
    return look !== undefined;
  }
}

const many = (count: number): string[] => Array.from({ length: count }, (_, i) => `peer-${i}`);

test("a connection is taken up at once when few are in the making, and no timer is left", () => {
  const bench = new Bench();
  bench.offer("a");
  assert.deepEqual(bench.begun, ["a"]);
  assert.equal(bench.later(1_000), false);
});

test("of a thousand connections a few are in the making at a time; all are taken up, in order", () => {
  const bench = new Bench();
  const peers = many(1_000);
  bench.offer(...peers);
  const first = bench.begun.length;
  assert.ok(first > 0 && first < 100, `${first} at once`);
  assert.equal(bench.admission.size, 1_000 - first);
  for (const peer of peers) {
    bench.admission.settled(peer);
    assert.ok(bench.begun.length - peers.indexOf(peer) - 1 <= first);
  }
  assert.deepEqual(bench.begun, peers);
  assert.equal(bench.admission.size, 0);
});

test("connections that send nothing hold up the others only for a moment", () => {
  const bench = new Bench();
  bench.offer(...many(60));
  const first = bench.begun.length;
  bench.now += 9;
  bench.admission.settled("peer-3");
  assert.equal(bench.begun.length, first + 1);
  bench.later(1);
  assert.ok(bench.begun.length > first + 1, "the silent ones were passed over");
  while (bench.later(10));
  assert.equal(bench.begun.length, 60);
});

test("a connection that goes while it waits is not taken up, and takes no place of another", () => {
  const bench = new Bench();
  const peers = many(40);
  bench.offer(...peers);
  const first = bench.begun.length;
  const gone = peers[first]!;
  bench.admission.settled(gone);
  assert.equal(bench.begun.length, first);
  for (const peer of peers) bench.admission.settled(peer);
  assert.ok(!bench.begun.includes(gone));
  assert.equal(bench.admission.size, 0);
});

test("closed, it begins nothing more and leaves no timer", () => {
  const bench = new Bench();
  const peers = many(40);
  bench.offer(...peers);
  const first = bench.begun.length;
  bench.admission.close();
  for (const peer of peers) bench.admission.settled(peer);
  assert.equal(bench.later(1_000), false);
  assert.equal(bench.begun.length, first);
});
