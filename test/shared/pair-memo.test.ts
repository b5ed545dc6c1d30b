// What belongs to two objects is made once.
import assert from "node:assert/strict";
import { test } from "node:test";
import { PairMemo } from "../../src/shared/pair-memo.ts";

test("made once for the same two objects, in that order", () => {
  const memo = new PairMemo<object, object, number>();
  const [a, b] = [{}, {}];
  let made = 0;
  const make = (): number => ++made;
  assert.deepEqual(
    [memo.get(a, b, make), memo.get(a, b, make), memo.get(b, a, make), memo.get(a, {}, make), memo.get(a, b, make)],
    [1, 1, 2, 3, 1],
  );
});
