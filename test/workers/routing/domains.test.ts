// Names under which clients reach a host.
import assert from "node:assert/strict";
import { test } from "node:test";
import { hostDomains } from "../../../src/workers/routing/domains.ts";

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
