// The cache of generated resources stays within its bounds and counts what it does.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ResourceCache } from "../../../src/main/cache/resource-cache.ts";
import type { ResourceSet } from "../../../src/shared/model/resource.ts";

function set(bytes: number): ResourceSet {
  return { type: "CDS", resources: [{ name: "a", hash: "0", bytes: new Uint8Array(bytes) }] };
}

test("what was set is found, and reads are counted", () => {
  const cache = new ResourceCache({ maxEntries: 10, maxBytes: 1_000_000 });
  const one = set(10);
  cache.set("resource", "a", "1", one);
  assert.equal(cache.get("resource", "a", "1"), one);
  assert.equal(cache.get("resource", "b", "1"), undefined);
  assert.deepEqual(cache.stats(), { entries: 1, bytes: 266, hits: 1, misses: 1, evictions: 0 });
});

test("the least recently used go first when entries or bytes are too many", () => {
  const cache = new ResourceCache({ maxEntries: 3, maxBytes: 1_000_000 });
  for (const key of ["a", "b", "c"]) cache.set("resource", key, "1", set(1));
  cache.get("resource", "a", "1");
  cache.set("resource", "d", "1", set(1));
  assert.equal(cache.get("resource", "b", "1"), undefined);
  assert.notEqual(cache.get("resource", "a", "1"), undefined);

  const small = new ResourceCache({ maxEntries: 100, maxBytes: 4_000 });
  for (let i = 0; i < 10; i++) small.set("resource", String(i), "1", set(500));
  assert.equal(small.stats().bytes <= 2_000, true);
  assert.equal(small.stats().evictions > 0, true);
});

test("the next version takes the place of the last, and neither is taken for the other", () => {
  const cache = new ResourceCache({ maxEntries: 10, maxBytes: 1_000_000 });
  const [one, two] = [set(10), set(20)];
  cache.set("resource", "a", "1", one);
  cache.set("resource", "a", "2", two);
  assert.equal(cache.get("resource", "a", "2"), two);
  assert.equal(cache.get("resource", "a", "1"), undefined);
  assert.equal(cache.stats().entries, 1);
  assert.equal(cache.stats().evictions, 0);
});

test("clear empties it", () => {
  const cache = new ResourceCache({ maxEntries: 3, maxBytes: 1_000 });
  cache.set("resource", "a", "1", set(1));
  cache.clear();
  assert.equal(cache.stats().entries, 0);
});

test("single resources don't push out parts of types", () => {
  const cache = new ResourceCache({ maxEntries: 3, maxBytes: 10_000 });
  const clusters = set(1_000);
  cache.set("part", "clusters", "1", clusters);
  for (let i = 0; i < 100; i++) cache.set("resource", `endpoints ${i}`, "1", set(100));
  assert.equal(cache.get("part", "clusters", "1"), clusters);
  assert.equal(cache.get("resource", "clusters", "1"), undefined);
  assert.equal(cache.stats().entries, 4);
  cache.clear();
  assert.equal(cache.stats().bytes, 0);
});
