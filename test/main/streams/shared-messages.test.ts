// Streams share the bytes of a response where they can, and only there.
import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeMesh } from "../../support/fake-mesh.ts";
import { ProxyDouble } from "./session-harness.ts";

test("proxies of both variants get the same resources of one mesh, each in its own message", async () => {
  const mesh = new FakeMesh({ CDS: { a: "1", b: "2" }, EDS: { a: "eds" } });
  const sotw = new ProxyDouble(mesh, "sotw");
  const delta = new ProxyDouble(mesh, "delta");
  sotw.sotw("CDS");
  delta.delta("CDS");
  assert.deepEqual([await sotw.takenAndAcked(), await delta.takenAndAcked()], [["CDS a b"], ["CDS a b"]]);
  sotw.sotw("EDS", { names: ["a"] });
  delta.delta("EDS", { subscribe: ["a"] });
  assert.deepEqual([await sotw.takenAndAcked(), await delta.takenAndAcked()], [["EDS a"], ["EDS a"]]);
});

test("a second answer from the same snapshot has a nonce of its own", async () => {
  const proxy = new ProxyDouble(new FakeMesh({ EDS: { a: "1", b: "2" } }), "sotw");
  proxy.sotw("EDS", { names: ["a"] });
  const [first] = await proxy.take();
  proxy.ack("EDS", undefined, { names: ["a", "b"] });
  const [second] = await proxy.take();
  assert.notEqual(first?.nonce, second?.nonce);
});
