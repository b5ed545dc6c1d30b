// Which slice of a route configuration a host is in, and which slices a namespace has for itself.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { commonDomain, isOwnSlice, routeSliceOf } from "../../../src/shared/names/route-slice.ts";

test("what search domains have in common", () => {
  assert.equal(commonDomain("default.svc.cluster.local"), ".svc.cluster.local");
  assert.equal(commonDomain(".svc.cluster.local"), ".svc.cluster.local");
  assert.equal(commonDomain("local"), "local");
  assert.equal(commonDomain(""), "");
});

const label = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/);
const of = fc.constantFrom(1, 2, 8, 16, 32, 64);
const common = ".svc.cluster.local";

test("hosts of a namespace are in slices that its proxies have for themselves", () => {
  fc.assert(
    fc.property(label, label, of, (service, namespace, slices) => {
      const slice = routeSliceOf(`${service}.${namespace}${common}`, common, slices);
      assert.ok(slice >= 0 && slice < slices);
      assert.ok(isOwnSlice(slice, `${namespace}${common}`, slices));
    }),
  );
});

test("of 64 slices a namespace has four; hosts elsewhere are in any of them", () => {
  const all = Array.from({ length: 64 }, (_, index) => index);
  const own = all.filter((index) => isOwnSlice(index, `default${common}`, 64));
  assert.equal(own.length, 4);
  const spread = (hosts: string[]): number => new Set(hosts.map((host) => routeSliceOf(host, common, 64))).size;
  const hosts = Array.from({ length: 500 }, (_, i) => i);
  assert.equal(spread(hosts.map((i) => `h${i}.default${common}`)), 4);
  assert.ok(spread(hosts.map((i) => `h${i}.example.com`)) > 50);
  assert.ok(spread(hosts.map((i) => `h.ns-${i}${common}`)) > 50);
});

test("who has no search domain has no slice for itself", () => {
  for (const domain of ["", "local", common]) {
    assert.equal(
      [0, 1, 2, 3].some((index) => isOwnSlice(index, domain, 4)),
      false,
      domain,
    );
  }
});
