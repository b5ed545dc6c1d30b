// Equal names are one object, however they come.
import assert from "node:assert/strict";
import { test } from "node:test";
import { NameSet, NameSets } from "../../../src/main/streams/name-sets.ts";

const unread = (): never => {
  throw new Error("decoded again");
};

test("equal names are one object, in whatever order and however often", () => {
  const sets = new NameSets();
  const names = sets.of(["b", "a", "b"]);
  assert.deepEqual([...names], ["a", "b"]);
  assert.equal(names.size, 2);
  assert.equal(sets.of(new Set(["a", "b"])), names);
  assert.notEqual(sets.of(["a"]), names);
  assert.equal(sets.of([]), NameSet.EMPTY);
});

test("a serialized field is decoded once, and may be written over afterwards", () => {
  const sets = new NameSets();
  const field = Buffer.from("names");
  const asked = sets.ofRequest(field, () => ["*", "b", "a"]);
  assert.deepEqual([...asked.names], ["a", "b"]);
  assert.equal(asked.wildcard, true);
  assert.equal(asked.names, sets.of(["a", "b"]));
  field.fill(0);
  assert.equal(sets.ofRequest(Buffer.from("names"), unread), asked);
  assert.equal(sets.ofRequest(undefined, () => ["a", "b"]).names, asked.names);
});

test("fields that look alike are told apart", () => {
  const sets = new NameSets();
  /** Equal but for one byte, which nobody samples. */
  const field = (at: number): Buffer => {
    const bytes = Buffer.alloc(10_000, "x");
    bytes[at] = 0x79;
    return bytes;
  };
  const asked = Array.from({ length: 12 }, (_, i) => sets.ofRequest(field(i + 1), () => [`n${i}`]));
  assert.deepEqual(
    asked.map(({ names }) => [...names]),
    Array.from({ length: 12 }, (_, i) => [`n${i}`]),
  );
  assert.equal(sets.ofRequest(field(12), unread), asked[11]);
  // Of too many, the oldest are read again.
  assert.deepEqual([...sets.ofRequest(field(1), () => ["n0"]).names], ["n0"]);
});
