// Churn: which changes a proxy has when an address comes, and how old they were.
import assert from "node:assert/strict";
import { test } from "node:test";
import { markedSerials } from "../../bench/client/marked-serials.ts";
import { stalenessOf } from "../../bench/client/staleness.ts";
import { markedAddress } from "../../bench/mesh/shape.ts";

test("addresses carry the number of a change", () => {
  for (const serial of [0, 1, 255, 256, 65_535, 65_536, 4_194_303]) {
    const bytes = Buffer.from(`\n\n${markedAddress(serial)}\u0018P`);
    assert.deepEqual(markedSerials(bytes), [serial]);
  }
  assert.throws(() => markedAddress(4_194_304));
});

test("what only looks like such an address is none", () => {
  for (const text of ["10.100.64.1", "1100.64.0.1", "100.63.0.1", "100.128.0.1", "100.64.0", "100.64.x.1", ""]) {
    assert.deepEqual(markedSerials(Buffer.from(text)), [], text);
  }
});

// Changes 10, 11, 12, 13 of two services in turn: 10 and 12 of one, 11 and 13 of the other.
const WRITES = { first: 10, period: 2, atMs: [100, 200, 300, 400] };

test("a later change of the same service takes an earlier one's place", () => {
  const seen = { proxy: [0, 0], serial: [12, 13], atMs: [350, 420] };
  const { values, missing } = stalenessOf(WRITES, [0], seen);
  assert.deepEqual([...values], [250, 50, 220, 20]);
  assert.equal(missing, 0);
});

test("changes that a proxy never gets are missing, and the same one twice counts once", () => {
  const seen = { proxy: [0, 0, 1], serial: [10, 10, 11], atMs: [150, 160, 210] };
  const { values, missing } = stalenessOf(WRITES, [0, 1], seen);
  assert.deepEqual([...values], [50, 10]);
  assert.equal(missing, 6);
});

test("proxies that don't count, and changes of earlier steps, are left out", () => {
  const seen = { proxy: [5, 0, 0], serial: [12, 9, 99], atMs: [310, 310, 310] };
  assert.deepEqual([...stalenessOf(WRITES, [0], seen).values], []);
});
