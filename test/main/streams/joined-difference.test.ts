// Sets that are joined of slices are compared slice by slice, and as a whole when they were cut in another way.
import assert from "node:assert/strict";
import { test } from "node:test";
import { joinSets } from "../../../src/main/push/joined-set.ts";
import { wholeDifference } from "../../../src/main/streams/difference.ts";
import { Held } from "../../../src/main/streams/held.ts";
import type { ResourceSet } from "../../../src/shared/model/resource.ts";

function set(contents: Readonly<Record<string, string>>): ResourceSet {
  const resources = Object.entries(contents).map(([name, hash]) => ({ name, hash, bytes: Buffer.from(hash) }));
  return { type: "CDS", resources };
}

const own = set({ own: "1" });
const [a, b, c] = [set({ a: "1" }), set({ b: "1" }), set({ c: "1" })] as const;
const three = joinSets([joinSets([a, b, c]), own]);

test("the same sets joined again are the same set", () => {
  assert.equal(joinSets([joinSets([a, b, c]), own]), three);
  assert.equal(joinSets([a]), a);
  assert.deepEqual(
    three.resources.map(({ name }) => name),
    ["a", "b", "c", "own"],
  );
});

test("one slice that changes is all that is sent, and proxies with other own parts share it", () => {
  const changed = joinSets([a, set({ b: "2", d: "1" }), c]);
  const one = wholeDifference(Held.of(three), joinSets([changed, own]));
  assert.deepEqual(one.changedNames, ["b", "d"]);
  assert.deepEqual(one.removed, []);
  const other = set({ other: "1" });
  const two = wholeDifference(Held.of(joinSets([joinSets([a, b, c]), other])), joinSets([changed, other]));
  assert.equal(two.changedNames, one.changedNames);
  assert.equal(two.body("delta")[0], one.body("delta")[0]);
});

test("a mesh that is cut in another way sends nothing", () => {
  const cut = joinSets([joinSets([set({ a: "1", c: "1" }), set({ b: "1" })]), own]);
  const difference = wholeDifference(Held.of(three), cut);
  assert.deepEqual([difference.changedNames, difference.removed], [[], []]);
  const more = wholeDifference(Held.of(three), joinSets([joinSets([set({ a: "1" }), set({ c: "2" })]), own]));
  assert.deepEqual([more.changedNames, more.removed], [["c"], ["b"]]);
});

test("what moves between slices of an equal count is not gone", () => {
  const moved = joinSets([joinSets([set({}), b, set({ a: "1", c: "1" })]), own]);
  const difference = wholeDifference(Held.of(three), moved);
  assert.deepEqual(difference.removed, []);
});
