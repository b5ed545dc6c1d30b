// What a delta stream answers: subscriptions, reconnects, acknowledgements, removals, and pushes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type FakeMesh, hashOf } from "../../support/fake-mesh.ts";
import { CONTENTS, connect, ProxyDouble } from "./session-harness.ts";

async function start(contents = CONTENTS): Promise<{ mesh: FakeMesh; proxy: ProxyDouble }> {
  const { mesh, proxy } = connect("delta", contents);
  proxy.delta("CDS");
  await proxy.takenAndAcked();
  proxy.delta("EDS", { subscribe: ["a", "b"] });
  await proxy.takenAndAcked();
  proxy.delta("LDS");
  await proxy.takenAndAcked();
  proxy.delta("RDS", { subscribe: ["r"] });
  await proxy.takenAndAcked();
  return { mesh, proxy };
}

test("an empty first request and an explicit * ask for everything", async () => {
  const { proxy } = connect("delta");
  proxy.delta("CDS");
  assert.deepEqual(await proxy.taken(), ["CDS a b"]);
  proxy.delta("LDS", { subscribe: ["*"] });
  assert.deepEqual(await proxy.taken(), ["LDS l"]);
});

test("names are answered, those that don't exist by their removal", async () => {
  const { proxy } = connect("delta");
  proxy.delta("EDS", { subscribe: ["a", "none"] });
  assert.deepEqual(await proxy.taken(), ["EDS a -none"]);
  proxy.ack("EDS");
  proxy.delta("EDS", { subscribe: ["nothing"] });
  assert.deepEqual(await proxy.taken(), ["EDS -nothing"]);
});

test("a resource that is asked for again is sent again", async () => {
  const { proxy } = await start();
  proxy.delta("RDS", { subscribe: ["r"] });
  assert.deepEqual(await proxy.taken(), ["RDS r"]);
});

test("versions are hashes of the content", async () => {
  const { proxy } = connect("delta");
  proxy.delta("CDS");
  const [response] = await proxy.take();
  assert.equal(response?.resources.get("a")?.version, hashOf("a", "1"));
});

test("after a reconnect only what differs is sent, and what is gone is removed", async () => {
  const { proxy } = connect("delta");
  proxy.delta("CDS", {
    initialVersions: new Map([
      ["a", hashOf("a", "1")],
      ["b", hashOf("b", "old")],
      ["gone", "x"],
    ]),
  });
  assert.deepEqual(await proxy.taken(), ["CDS b -gone"]);
  proxy.ack("CDS");
  proxy.delta("EDS", {
    subscribe: ["a", "b"],
    initialVersions: new Map([
      ["a", hashOf("a", "1")],
      ["b", hashOf("b", "1")],
    ]),
  });
  assert.deepEqual(await proxy.taken(), []);
  proxy.delta("LDS", { initialVersions: new Map([["l", hashOf("l", "1")]]) });
  assert.deepEqual(await proxy.taken(), []);
});

test("after a reconnect, endpoints of a cluster that was sent come too", async () => {
  const { proxy } = connect("delta");
  proxy.delta("CDS", { initialVersions: new Map([["a", "old"]]) });
  proxy.delta("EDS", { subscribe: ["a"], initialVersions: new Map([["a", hashOf("a", "1")]]) });
  assert.deepEqual(await proxy.taken(), ["CDS a b", "EDS a"]);
});

test("a push sends only what differs, in order of types", async () => {
  const { proxy } = await start();
  proxy.publish({ RDS: { r: "2", s: "2" }, LDS: { l: "1", m: "1" }, CDS: { a: "1", b: "1", c: "1" } });
  assert.deepEqual(await proxy.taken(), ["CDS c", "LDS m", "RDS r"]);
});

test("removed listeners go at once, removed clusters when listeners and routes are acknowledged", async () => {
  const { proxy } = await start({ ...CONTENTS, LDS: { l: "1", m: "1" } as { l: string } });
  proxy.publish({ CDS: { a: "1" }, LDS: { l: "1" } });
  assert.deepEqual(await proxy.taken(), ["LDS -m"]);
  proxy.ack("LDS");
  assert.deepEqual(await proxy.taken(), []);
  proxy.timers.advance(200);
  assert.deepEqual(await proxy.taken(), ["CDS -b"]);
});

test("routes wait for new clusters until their endpoints are acknowledged, and old clusters for the routes", async () => {
  const { proxy } = await start();
  proxy.publish({ CDS: { a: "1", c: "eds" }, EDS: { a: "1", c: "1" }, RDS: { r: "to c", s: "1" } });
  assert.deepEqual(await proxy.taken(), ["CDS c"]);
  proxy.ack("CDS");
  proxy.delta("EDS", { subscribe: ["c"] });
  assert.deepEqual(await proxy.taken(), ["EDS c"]);
  proxy.ack("EDS");
  assert.deepEqual(await proxy.taken(), ["RDS r"]);
  proxy.ack("RDS");
  assert.deepEqual(await proxy.taken(), []);
  proxy.timers.advance(200);
  assert.deepEqual(await proxy.taken(), ["CDS -b", "EDS -b"]);
});

test("endpoints of a cluster that is held back stay as they are", async () => {
  const { proxy } = await start();
  proxy.publish({ CDS: { a: "1" }, EDS: { a: "2", b: "empty" }, RDS: { r: "2", s: "1" } });
  assert.deepEqual(await proxy.taken(), ["EDS a", "RDS r"]);
  proxy.ack("EDS");
  proxy.ack("RDS");
  proxy.publish({ CDS: { a: "1", b: "1" }, EDS: { a: "2", b: "3" } });
  assert.deepEqual(await proxy.taken(), ["EDS b"], "the cluster is back before it was removed");
});

test("a removed cluster that comes back before its removal was sent is not removed", async () => {
  const { proxy } = await start();
  proxy.publish({ CDS: { a: "1" }, RDS: { r: "2", s: "1" } });
  assert.deepEqual(await proxy.taken(), ["RDS r"]);
  proxy.publish({ CDS: { a: "1", b: "1" } });
  proxy.ack("RDS");
  assert.deepEqual(await proxy.taken(), []);
  proxy.timers.advance(200);
  assert.deepEqual(await proxy.taken(), []);
});

test("what is not subscribed any more is not sent, and comes again when it is", async () => {
  const { proxy } = await start();
  proxy.delta("EDS", { unsubscribe: ["b"] });
  proxy.publish({ EDS: { a: "2", b: "2" } });
  assert.deepEqual(await proxy.takenAndAcked(), ["EDS a"]);
  proxy.delta("EDS", { subscribe: ["b"] });
  assert.deepEqual(await proxy.takenAndAcked(), ["EDS b"]);
});

test("names count although the nonce beside them is stale", async () => {
  const { proxy } = await start();
  proxy.publish({ EDS: { a: "2", b: "2" } });
  await proxy.take();
  proxy.delta("EDS", { nonce: "1-1", unsubscribe: ["b"] });
  assert.equal(proxy.diary.lines.at(-1), "stale EDS");
  assert.equal(proxy.session.watches.get("EDS")?.names.has("b"), false);
  assert.equal(proxy.session.watches.get("EDS")?.outstanding, true);
});

test("one response of a type is under way, and a new subscription is answered after its acknowledgement", async () => {
  const { proxy } = await start();
  proxy.publish({ RDS: { r: "2", s: "1" } });
  assert.deepEqual(await proxy.taken(), ["RDS r"]);
  proxy.delta("RDS", { subscribe: ["s"] });
  proxy.publish({ RDS: { r: "3", s: "1" } });
  assert.deepEqual(await proxy.taken(), []);
  proxy.ack("RDS");
  assert.deepEqual(await proxy.taken(), ["RDS r s"]);
});

test("a refusal is noted and nothing is sent again by itself", async () => {
  const { proxy } = await start();
  proxy.publish({ CDS: { a: "bad", b: "1" } });
  assert.deepEqual(await proxy.taken(), ["CDS a", "EDS a"]);
  proxy.ack("CDS", "bad cluster");
  assert.deepEqual(await proxy.taken(), []);
  assert.equal(proxy.diary.lines.at(-1), "nack CDS bad cluster");
  proxy.ack("EDS");
  proxy.publish({ CDS: { a: "1", b: "1" } });
  assert.deepEqual(await proxy.taken(), ["CDS a", "EDS a"]);
});

test("* can be left and the names that remain are kept", async () => {
  const { proxy } = connect("delta");
  proxy.delta("CDS", { subscribe: ["*", "a"] });
  assert.deepEqual(await proxy.takenAndAcked(), ["CDS a b"]);
  proxy.delta("CDS", { unsubscribe: ["*"] });
  proxy.publish({ CDS: { a: "2", b: "2" } });
  assert.deepEqual(await proxy.takenAndAcked(), ["CDS a"]);
  proxy.delta("CDS", { subscribe: ["*"] });
  assert.deepEqual(await proxy.takenAndAcked(), ["CDS b"]);
});

test("a wildcard without resources is answered once, and nothing after a reconnect that knows none", async () => {
  const { proxy } = connect("delta", { ...CONTENTS, LDS: {} as { l: string } });
  proxy.delta("LDS");
  assert.deepEqual(await proxy.takenAndAcked(), ["LDS"]);
  proxy.publish({ LDS: {} });
  assert.deepEqual(await proxy.taken(), []);
});

test("proxies that are alike share the bytes of their responses", async () => {
  const { mesh, proxy } = await start();
  const other = new ProxyDouble(mesh, "delta", undefined, "b.default");
  for (const p of [proxy, other]) {
    assert.equal(p.session.watches.get("CDS")?.held, p.session.watches.get("CDS")?.held);
  }
  other.delta("CDS");
  await other.takenAndAcked();
  assert.equal(other.session.watches.get("CDS")?.held, proxy.session.watches.get("CDS")?.held);
  const publication = mesh.publish({ CDS: { a: "2", b: "1" } });
  proxy.session.published(publication);
  other.session.published(publication);
  await proxy.takenAndAcked();
  await other.takenAndAcked();
  assert.equal(other.session.watches.get("CDS")?.held, proxy.session.watches.get("CDS")?.held);
});
