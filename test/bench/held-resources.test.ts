// What proxies have, put together from responses, and compared with what new streams get.
import assert from "node:assert/strict";
import { test } from "node:test";
import { differencesOf, HeldResources } from "../../bench/client/held-resources.ts";
import type { Item } from "../../bench/client/resource-items.ts";

const item = (name: string, hash: string): Item => ({ name, hash, version: hash, follows: [] });

test("later responses replace what they name, and a whole one replaces everything", () => {
  const held = new HeldResources();
  held.apply([item("a", "1"), item("b", "1")], [], false);
  held.apply([item("a", "2")], ["b"], false);
  assert.deepEqual([...held.all().values()], [item("a", "2")]);
  held.apply([item("c", "1")], [], true);
  assert.deepEqual([...held.all().keys()], ["c"]);
});

test("what differs, is missing or is left over is found", () => {
  const has = new HeldResources();
  has.apply([item("same", "1"), item("old", "1"), item("gone", "1"), item("unwatched", "1")], [], false);
  const fresh = new HeldResources();
  fresh.apply([item("same", "1"), item("old", "2"), item("new", "1")], [], false);
  const watched = new Set(["same", "old", "new", "gone"]);
  assert.deepEqual(differencesOf("EDS", has.all(), fresh.all(), watched), [
    "EDS old differs",
    "EDS new is missing",
    "EDS gone is left over",
  ]);
  assert.deepEqual(differencesOf("EDS", fresh.all(), fresh.all(), undefined), []);
});
