// How a delegate's routes come under its root's.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Networking_HTTPRoute } from "../../../src/shared/gen/istio.js";
import { mergeDelegate } from "../../../src/workers/scope/delegates.ts";

test("a delegate's routes are narrowed to what its root lets through", () => {
  const root: Networking_HTTPRoute = {
    match: [{ uri: { prefix: "/a" }, headers: { h: { exact: "1" } } }],
    timeout: "1s",
  };
  const table: readonly [delegate: Networking_HTTPRoute, match: object | undefined][] = [
    [{}, root.match![0]!],
    [{ match: [{ uri: { prefix: "/a/b" } }] }, { uri: { prefix: "/a/b" }, headers: { h: { exact: "1" } } }],
    [{ match: [{ uri: { exact: "/a/b" } }] }, { uri: { exact: "/a/b" }, headers: { h: { exact: "1" } } }],
    [{ match: [{ uri: { prefix: "/b" } }] }, undefined],
    [{ match: [{ uri: { regex: "/a.*" } }] }, undefined],
    [{ match: [{ headers: { h: { exact: "2" } } }] }, undefined],
    [{ match: [{ headers: { h: { exact: "1" } } }] }, { uri: { prefix: "/a" }, headers: { h: { exact: "1" } } }],
    [{ match: [{ port: 80 }] }, { ...root.match![0]!, port: 80 }],
  ];
  for (const [delegate, match] of table) {
    const merged = mergeDelegate(root, [delegate]);
    assert.deepEqual(
      merged.map((r) => r.match),
      match ? [[match]] : [],
      JSON.stringify(delegate),
    );
    for (const route of merged) assert.equal(route.timeout, "1s");
  }
  assert.equal(mergeDelegate(root, [{ timeout: "2s" }])[0]!.timeout, "2s");
});
