// Names under which clients reach a host.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { hostDomains, sharedLabels } from "../../../src/workers/routing/domains.ts";

test("names of a host for proxies of its namespace, of another one, and elsewhere", () => {
  const host = "reviews.shop.svc.cluster.local";
  const table: readonly [hostname: string, domain: string, short: readonly string[]][] = [
    [host, "shop.svc.cluster.local", ["reviews", "reviews.shop.svc", "reviews.shop"]],
    [host, "other.svc.cluster.local", ["reviews.shop", "reviews.shop.svc"]],
    [host, "example.org", []],
    ["a.example.com", "shop.svc.cluster.local", []],
    ["*.shop.svc.cluster.local", "shop.svc.cluster.local", []],
  ];
  for (const [hostname, domain, short] of table) {
    assert.deepEqual(hostDomains(hostname, domain, { absolute: true }), { full: [hostname, `${hostname}.`], short });
  }
  assert.deepEqual(hostDomains("::1", "x", { absolute: true }).full, ["[::1]"]);
  assert.deepEqual(hostDomains(host, "x", { absolute: false }).full, [host]);
});

test("names have as many labels in common as are equal from their ends", () => {
  const name = fc.array(fc.constantFrom("a", "b", "ab", "ba", "", "svc"), { maxLength: 5 }).map((l) => l.join("."));
  fc.assert(
    fc.property(name, name, (a, b) => {
      const [left, right] = [a.split(".").reverse(), b.split(".").reverse()];
      const different = left.findIndex((label, i) => label !== right[i]);
      assert.equal(sharedLabels(a, b), different < 0 ? left.length : different);
    }),
    { numRuns: 2_000 },
  );
});
