// Conditions, retries, headers and names of routes.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Networking_HTTPMatchRequest } from "../../../src/shared/gen/istio.js";
import { hostDomains } from "../../../src/workers/routing/domains.ts";
import { headerMutations } from "../../../src/workers/routing/headers.ts";
import { retryPolicy } from "../../../src/workers/routing/retry.ts";
import { fraction } from "../../../src/workers/routing/route-filters.ts";
import { appliesTo, isCatchAll, routeMatch } from "../../../src/workers/routing/route-match.ts";

test("conditions of a request", () => {
  const table: readonly [match: Networking_HTTPMatchRequest | undefined, expected: object, catchAll: boolean][] = [
    [undefined, { prefix: "/" }, true],
    [{}, { prefix: "/", caseSensitive: { value: true } }, true],
    [{ uri: { exact: "/a" } }, { path: "/a", caseSensitive: { value: true } }, false],
    [{ uri: { prefix: "/" } }, { prefix: "/", caseSensitive: { value: true } }, true],
    [{ uri: { prefix: "/A" }, ignoreUriCase: true }, { prefix: "/A", caseSensitive: { value: false } }, false],
    [{ uri: { regex: ".*" } }, { safeRegex: { regex: ".*" }, caseSensitive: { value: true } }, true],
    [
      { headers: { b: { exact: "1" }, a: {} }, withoutHeaders: { c: { prefix: "x" }, d: {} } },
      {
        prefix: "/",
        caseSensitive: { value: true },
        headers: [
          { name: "a", presentMatch: true },
          { name: "b", stringMatch: { exact: "1" } },
          { name: "c", stringMatch: { prefix: "x" }, invertMatch: true, treatMissingHeaderAsEmpty: true },
          { name: "d", presentMatch: true, invertMatch: true },
        ],
      },
      false,
    ],
    [
      { method: { exact: "GET" }, authority: { prefix: "a" }, scheme: { regex: "http.?" }, queryParams: { q: {} } },
      {
        prefix: "/",
        caseSensitive: { value: true },
        headers: [
          { name: ":method", stringMatch: { exact: "GET" } },
          { name: ":authority", stringMatch: { prefix: "a" } },
          { name: ":scheme", stringMatch: { safeRegex: { regex: "http.?" } } },
        ],
        queryParameters: [{ name: "q", presentMatch: true }],
      },
      false,
    ],
  ];
  for (const [match, expected, catchAll] of table) {
    const actual = routeMatch(match);
    assert.deepEqual(actual, expected, JSON.stringify(match));
    assert.equal(isCatchAll(actual), catchAll, JSON.stringify(match));
  }
});

test("conditions that hold before any request comes", () => {
  const here = { port: 80, gateways: new Set(["mesh"]), labels: { app: "a", version: "v1" }, namespace: "ns" };
  const table: readonly [match: Networking_HTTPMatchRequest, applies: boolean][] = [
    [{}, true],
    [{ port: 80 }, true],
    [{ port: 81 }, false],
    [{ gateways: ["mesh", "ns/gw"] }, true],
    [{ gateways: ["ns/gw"] }, false],
    [{ sourceLabels: { app: "a" } }, true],
    [{ sourceLabels: { app: "b" } }, false],
    [{ sourceNamespace: "ns" }, true],
    [{ sourceNamespace: "other" }, false],
  ];
  for (const [match, applies] of table) assert.equal(appliesTo(match, here), applies, JSON.stringify(match));
});

test("retries", () => {
  const byDefault = retryPolicy(undefined, false)!;
  assert.equal(byDefault.numRetries!.value, 2);
  assert.equal(byDefault.retryHostPredicate!.length, 1);
  assert.equal(retryPolicy({ attempts: 0 }, false), null);
  // Where a hash chooses the host, a retry must not look for another one, unless it is told to.
  assert.equal(retryPolicy({}, true)!.retryHostPredicate, undefined);
  assert.equal(retryPolicy({ retryIgnorePreviousHosts: true }, true)!.retryHostPredicate!.length, 1);
  assert.equal(retryPolicy({ retryIgnorePreviousHosts: false }, false)!.retryHostPredicate, undefined);
  const table: readonly [retryOn: string, conditions: string, codes: readonly number[] | undefined][] = [
    ["5xx", "5xx", undefined],
    ["5xx, 503 ,,504", "5xx,retriable-status-codes", [503, 504]],
    ["retriable-status-codes,429", "retriable-status-codes", [429]],
  ];
  for (const [retryOn, conditions, codes] of table) {
    const policy = retryPolicy({ attempts: 1, retryOn, perTryTimeout: "1s" }, false)!;
    assert.equal(policy.retryOn, conditions);
    assert.deepEqual(policy.retriableStatusCodes, codes);
    assert.deepEqual(policy.perTryTimeout, { seconds: 1, nanos: 0 });
  }
});

test("header operations, of which those on the host are set apart", () => {
  const mutations = headerMutations({
    request: { set: { "x-b": "1", "x-a": "2" }, add: { Host: "h", "x-c": "3" }, remove: ["x-d", ":authority"] },
    response: { remove: ["server"] },
  });
  assert.deepEqual(mutations, {
    hostRewrite: "h",
    requestHeadersToAdd: [
      { header: { key: "x-a", value: "2" }, appendAction: 2 },
      { header: { key: "x-b", value: "1" }, appendAction: 2 },
      { header: { key: "x-c", value: "3" } },
    ],
    requestHeadersToRemove: ["x-d"],
    responseHeadersToRemove: ["server"],
  });
  assert.deepEqual(headerMutations(undefined), {});
});

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

test("percentages have four decimals", () => {
  for (const [value, numerator] of [
    [100, 1_000_000],
    [0.0001, 1],
    [undefined, 0],
    [12.34567, 123_457],
  ] as const) {
    assert.deepEqual(fraction(value === undefined ? {} : { value }), { numerator, denominator: 2 });
  }
});
