// Host names, labels, cluster names and identities.
import assert from "node:assert/strict";
import { test } from "node:test";
import { canonicalName, canonicalRevision } from "../../../src/shared/names/canonical.ts";
import { parseSubsetKey, sniName, subsetKey } from "../../../src/shared/names/cluster-name.ts";
import { compareSpecificity, hostsMatch, isSubsetOf, resolveShortName } from "../../../src/shared/names/hostname.ts";
import { isEmptyLabels, labelsMatch } from "../../../src/shared/names/labels.ts";
import { expandTrustDomains } from "../../../src/shared/names/spiffe.ts";

test("which hosts have names in common, and which are part of others", () => {
  const table: readonly [a: string, b: string, match: boolean, aInB: boolean][] = [
    ["a.example.com", "a.example.com", true, true],
    ["a.example.com", "b.example.com", false, false],
    ["a.example.com", "*.example.com", true, true],
    ["example.com", "*.example.com", false, false],
    ["a.b.example.com", "*.example.com", true, true],
    ["*.b.example.com", "*.example.com", true, true],
    ["*.example.com", "*.b.example.com", true, false],
    ["*.example.com", "a.example.com", true, false],
    ["*", "a.example.com", true, false],
    ["a.example.com", "*", true, true],
    ["*", "*", true, true],
    ["*.example.com", "*.example.org", false, false],
  ];
  for (const [a, b, match, inside] of table) {
    assert.equal(hostsMatch(a, b), match, `${a} and ${b}`);
    assert.equal(hostsMatch(b, a), match, `${b} and ${a}`);
    assert.equal(isSubsetOf(a, b), inside, `${a} in ${b}`);
  }
});

test("exact hosts are more specific than wildcards, long wildcards more than short ones", () => {
  const hosts = ["*", "*.com", "b.com", "*.example.com", "a.example.com", "*.b.example.com"];
  assert.deepEqual(hosts.sort(compareSpecificity), [
    "a.example.com",
    "b.com",
    "*.b.example.com",
    "*.example.com",
    "*.com",
    "*",
  ]);
});

test("only names without dots are short", () => {
  assert.equal(resolveShortName("a", "ns", "cluster.local"), "a.ns.svc.cluster.local");
  for (const host of ["a.b", "*", "", "*.example.com"]) assert.equal(resolveShortName(host, "ns", "x"), host);
});

test("a selector chooses labels that have all of its pairs", () => {
  assert.equal(labelsMatch({ a: "1" }, { a: "1", b: "2" }), true);
  assert.equal(labelsMatch({ a: "1", b: "3" }, { a: "1", b: "2" }), false);
  assert.equal(labelsMatch({ a: "" }, {}), false);
  assert.equal(labelsMatch({}, {}), true);
  for (const [labels, empty] of [
    [undefined, true],
    [null, true],
    [{}, true],
    [{ a: "" }, false],
  ] as const)
    assert.equal(isEmptyLabels(labels), empty);
});

test("cluster names are read as they are written", () => {
  const parts = { direction: "outbound", port: 80, subset: "v1", hostname: "a.example.com" } as const;
  assert.equal(subsetKey("outbound", "v1", "a.example.com", 80), "outbound|80|v1|a.example.com");
  assert.equal(sniName("outbound", "", "a.example.com", 80), "outbound_.80_._.a.example.com");
  assert.deepEqual(parseSubsetKey("outbound|80|v1|a.example.com"), parts);
  assert.deepEqual(parseSubsetKey("outbound_.80_.v1_.a.example.com"), parts);
  for (const name of ["PassthroughCluster", "outbound|80|v1", "outbound|x||a", "a|1|b|c|d"]) {
    assert.equal(parseSubsetKey(name), undefined, name);
  }
});

test("telemetry's names prefer the labels made for them", () => {
  const labels = { app: "c", "app.kubernetes.io/name": "b", "service.istio.io/canonical-name": "a", version: "v" };
  assert.equal(canonicalName(labels, "w"), "a");
  assert.equal(canonicalName({ app: "c" }, "w"), "c");
  assert.equal(canonicalName({}, "w"), "w");
  assert.equal(canonicalRevision(labels), "v");
  assert.equal(canonicalRevision({}), "");
});

test("identities of our trust domain are also those of its aliases", () => {
  assert.deepEqual(expandTrustDomains(["spiffe://new/ns/a/sa/b", "spiffe://else/x", "plain"], ["new", "old"]), [
    "plain",
    "spiffe://else/x",
    "spiffe://new/ns/a/sa/b",
    "spiffe://old/ns/a/sa/b",
  ]);
});
