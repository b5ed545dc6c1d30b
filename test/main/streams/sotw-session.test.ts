// What a state-of-the-world stream answers: subscriptions, acknowledgements, refusals, and pushes.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { FakeMesh } from "../../support/fake-mesh.ts";
import { CONTENTS, connect, type ProxyDouble } from "./session-harness.ts";

/** As Envoy starts: clusters, endpoints, listeners, routes, each acknowledged. */
async function start(contents = CONTENTS): Promise<{ mesh: FakeMesh; proxy: ProxyDouble }> {
  const { mesh, proxy } = connect("sotw", contents);
  proxy.sotw("CDS");
  await proxy.takenAndAcked();
  proxy.sotw("EDS", { names: ["a", "b"] });
  await proxy.takenAndAcked();
  proxy.sotw("LDS");
  await proxy.takenAndAcked();
  proxy.sotw("RDS", { names: ["r"] });
  await proxy.takenAndAcked();
  return { mesh, proxy };
}

test("an empty first request asks for all clusters and listeners, and names for some of the others", async () => {
  const { proxy } = connect("sotw");
  proxy.sotw("CDS");
  assert.deepEqual(await proxy.taken(), ["CDS a b"]);
  proxy.sotw("EDS", { names: ["b", "none"] });
  assert.deepEqual(await proxy.taken(), ["EDS b"]);
  proxy.sotw("LDS", { names: ["*"] });
  assert.deepEqual(await proxy.taken(), ["LDS l"]);
  proxy.sotw("RDS", { names: ["r"] });
  assert.deepEqual(await proxy.taken(), ["RDS r"]);
});

test("a wildcard without resources is answered, since the proxy waits for it", async () => {
  const { proxy } = connect("sotw", { ...CONTENTS, LDS: {} as { l: string } });
  proxy.sotw("LDS");
  assert.deepEqual(await proxy.taken(), ["LDS"]);
});

test("explicit names of a wildcard type bring only those, and no names later mean none", async () => {
  const { proxy } = connect("sotw");
  proxy.sotw("CDS", { names: ["a"] });
  assert.deepEqual(await proxy.taken(), ["CDS a"]);
  proxy.ack("CDS", undefined, { names: [] });
  proxy.publish({ CDS: { a: "2", b: "2" } });
  assert.deepEqual(await proxy.taken(), []);
});

test("nonces and versions are never used again, and an acknowledgement brings nothing", async () => {
  const { proxy } = await start();
  const seen = new Set<string>();
  for (let i = 2; i < 6; i++) {
    proxy.publish({ CDS: { a: String(i), b: "1" } });
    const [response] = await proxy.take();
    assert.equal(response?.type, "CDS");
    assert.equal(seen.has(response.nonce), false);
    seen.add(response.nonce);
    assert.match(response.version, new RegExp(`/${i}$`));
    proxy.ack("CDS");
    proxy.inbox.splice(0);
    await proxy.takenAndAcked();
  }
  assert.deepEqual(await proxy.taken(), []);
});

test("a push sends types in order, and only what differs", async () => {
  const { proxy } = await start();
  proxy.publish({ RDS: { r: "2", s: "2" }, LDS: { l: "2" }, EDS: { a: "2", b: "1" }, CDS: { a: "1", b: "1", c: "1" } });
  assert.deepEqual(await proxy.taken(), ["CDS a b c", "EDS a", "LDS l", "RDS r"]);
});

test("a push that changes no bytes sends nothing", async () => {
  const { proxy } = await start();
  assert.equal(proxy.publish({ CDS: { a: "1", b: "1" }, EDS: { a: "1", b: "1" } }), true);
  assert.deepEqual(await proxy.taken(), []);
  assert.equal(proxy.publish({ NDS: { n: "1" } }), false);
});

test("a precise plan asks generation only for the names that the proxy watches", async () => {
  const { mesh, proxy } = await start();
  mesh.asked.splice(0);
  proxy.publishPrecisely({ EDS: { a: "2", b: "1", c: "5" } });
  assert.deepEqual(await proxy.taken(), ["EDS a"]);
  assert.deepEqual(
    mesh.asked.map((a) => a.wants),
    [[{ type: "EDS", names: ["a"] }]],
  );
  assert.equal(proxy.publishPrecisely({ EDS: { a: "2", b: "1", c: "6" } }), false);
});

test("at most one response of a type is under way; later pushes merge into the waiting one", async () => {
  const { proxy } = await start();
  proxy.publish({ RDS: { r: "2", s: "1" } });
  proxy.publish({ RDS: { r: "3", s: "1" } });
  const [first] = await proxy.take();
  proxy.publish({ RDS: { r: "4", s: "1" } });
  proxy.publish({ RDS: { r: "5", s: "1" } });
  assert.deepEqual(await proxy.taken(), []);
  proxy.ack("RDS");
  const [second, ...more] = await proxy.take();
  assert.deepEqual(more, []);
  assert.equal(first?.type, "RDS");
  assert.match(second!.version, /\/5$/);
  assert.match(Buffer.from(second!.resources.get("r")!.bytes).toString(), /5$/);
});

test("a refusal is noted, and what is sent next is compared with what was refused", async () => {
  const { proxy } = await start();
  proxy.publish({ RDS: { r: "bad", s: "1" } });
  await proxy.take();
  proxy.ack("RDS", "no such cluster");
  assert.deepEqual(await proxy.taken(), []);
  assert.deepEqual(proxy.diary.lines.at(-1), "nack RDS no such cluster");
  assert.equal(proxy.session.watches.get("RDS")?.nacked?.error.message, "no such cluster");
  proxy.publish({ RDS: { r: "bad", s: "1" } });
  assert.deepEqual(await proxy.taken(), [], "the same again would be refused again");
  proxy.publish({ RDS: { r: "1", s: "1" } });
  assert.deepEqual(await proxy.taken(), ["RDS r"]);
  proxy.ack("RDS");
  assert.equal(proxy.session.watches.get("RDS")?.nacked, undefined);
});

test("a stale nonce changes nothing, not even names, and is counted", async () => {
  const { proxy } = await start();
  proxy.publish({ RDS: { r: "2", s: "1" } });
  await proxy.take();
  proxy.sotw("RDS", { nonce: "1-1", names: ["r", "s"] });
  assert.deepEqual(await proxy.taken(), []);
  assert.equal(proxy.diary.lines.at(-1), "stale RDS");
  proxy.ack("RDS", undefined, { names: ["r", "s"] });
  assert.deepEqual(await proxy.taken(), ["RDS s"]);
});

test("an unknown nonce of a type that is new to the stream begins a subscription: the server was restarted", async () => {
  const { proxy } = connect("sotw");
  proxy.sotw("CDS", { nonce: "from-another-server", versionInfo: "old" });
  assert.deepEqual(await proxy.taken(), ["CDS a b"]);
});

test("new names bring only themselves, and dropped names come again when they are asked for again", async () => {
  const { proxy } = await start();
  proxy.ack("RDS", undefined, { names: ["r", "s"] });
  assert.deepEqual(await proxy.taken(), ["RDS s"]);
  proxy.ack("RDS", undefined, { names: ["r"] });
  assert.deepEqual(await proxy.taken(), []);
  proxy.ack("RDS", undefined, { names: ["r", "s"] });
  assert.deepEqual(await proxy.taken(), ["RDS s"]);
});

test("names that change while generation runs are answered for the new names", async () => {
  const { mesh, proxy } = await start();
  const open = mesh.holdGeneration();
  proxy.publish({ RDS: { r: "2", s: "2" } });
  proxy.ack("RDS", undefined, { names: ["r", "s"] });
  open();
  assert.deepEqual(await proxy.taken(), ["RDS r s"]);
});

test("endpoints follow a changed cluster, though they are the same", async () => {
  const { proxy } = await start();
  proxy.publish({ CDS: { a: "1", b: "2" } });
  assert.deepEqual(await proxy.taken(), ["CDS a b", "EDS b"]);
});

test("a removed cluster goes with the next state of the world", async () => {
  const { proxy } = await start();
  proxy.publish({ CDS: { a: "1" } });
  assert.deepEqual(await proxy.taken(), ["CDS a"]);
});

test("a removed cluster stays until listeners and routes are acknowledged", async () => {
  const { proxy } = await start();
  proxy.publish({ CDS: { b: "1", c: "1" }, RDS: { r: "2", s: "1" } });
  assert.deepEqual(await proxy.taken(), ["CDS a b c", "RDS r"]);
  proxy.ack("CDS");
  proxy.timers.advance(200);
  assert.deepEqual(await proxy.taken(), [], "the routes are not acknowledged");
  proxy.ack("RDS");
  assert.deepEqual(await proxy.taken(), []);
  proxy.timers.advance(200);
  assert.deepEqual(await proxy.taken(), ["CDS b c"]);
  proxy.ack("CDS");
  proxy.timers.advance(60_000);
  assert.deepEqual(await proxy.taken(), []);
});

test("removals don't wait forever for a proxy that acknowledges nothing", async () => {
  const { proxy } = await start();
  proxy.publish({ CDS: { b: "1" }, RDS: { r: "2", s: "1" } });
  assert.deepEqual(await proxy.taken(), ["RDS r"]);
  proxy.timers.advance(5_000);
  assert.deepEqual(await proxy.taken(), ["CDS b"]);
});

test("routes wait for clusters that wait for an acknowledgement", async () => {
  const { proxy } = await start();
  proxy.publish({ CDS: { a: "1", b: "1", c: "1" } });
  assert.deepEqual(await proxy.taken(), ["CDS a b c"]);
  proxy.publish({ CDS: { a: "1", b: "1", c: "1", d: "1" }, RDS: { r: "to d", s: "1" } });
  assert.deepEqual(await proxy.taken(), []);
  proxy.ack("CDS");
  assert.deepEqual(await proxy.taken(), ["CDS a b c d", "RDS r"]);
});

test("routes wait for new clusters until their endpoints are acknowledged", async () => {
  const { proxy } = await start();
  proxy.publish({ CDS: { a: "1", b: "1", c: "eds" }, EDS: { a: "1", b: "1", c: "1" }, RDS: { r: "to c", s: "1" } });
  assert.deepEqual(await proxy.taken(), ["CDS a b c"]);
  proxy.ack("CDS");
  assert.deepEqual(await proxy.taken(), []);
  proxy.ack("EDS", undefined, { names: ["a", "b", "c"] });
  assert.deepEqual(await proxy.taken(), ["EDS c"]);
  proxy.ack("EDS");
  assert.deepEqual(await proxy.taken(), ["RDS r"]);
  assert.equal(proxy.timers.pending, 0);
});

test("routes don't wait forever for endpoints, nor for clusters that were refused", async () => {
  const { proxy } = await start();
  proxy.publish({ CDS: { a: "1", b: "1", c: "eds" }, RDS: { r: "to c", s: "1" } });
  assert.deepEqual(await proxy.takenAndAcked(), ["CDS a b c"]);
  proxy.timers.advance(2_000);
  assert.deepEqual(await proxy.takenAndAcked(), ["RDS r"]);
  proxy.publish({ CDS: { a: "1", b: "1", c: "eds", d: "eds" }, RDS: { r: "to d", s: "1" } });
  assert.deepEqual(await proxy.taken(), ["CDS a b c d"]);
  proxy.ack("CDS", "no");
  assert.deepEqual(await proxy.taken(), ["RDS r"]);
});

test("endpoints of changed clusters come though more clusters wait: Envoy acknowledges only what is warm", async () => {
  const { proxy } = await start();
  proxy.publishPrecisely({ EDS: { a: "2", b: "1" } });
  assert.deepEqual(await proxy.taken(), ["EDS a"]);
  proxy.publish({ CDS: { a: "1", b: "2" } });
  assert.deepEqual(await proxy.taken(), ["CDS a b"], "the endpoints wait for an acknowledgement");
  proxy.publish({ CDS: { a: "1", b: "2", c: "1" }, EDS: { a: "3", b: "1" } });
  assert.deepEqual(await proxy.taken(), []);
  proxy.ack("EDS");
  assert.deepEqual(await proxy.taken(), ["EDS a b"]);
});

test("routes that the proxy asks for itself wait too: they may name the new clusters", async () => {
  const { proxy } = await start();
  proxy.publish({ CDS: { a: "1", b: "1", c: "eds" }, EDS: { a: "1", b: "1", c: "1" } });
  assert.deepEqual(await proxy.taken(), ["CDS a b c"]);
  proxy.ack("RDS", undefined, { names: ["r", "s"] });
  assert.deepEqual(await proxy.taken(), []);
  proxy.ack("CDS");
  proxy.ack("EDS", undefined, { names: ["a", "b", "c"] });
  assert.deepEqual(await proxy.taken(), ["EDS c"]);
  proxy.ack("EDS");
  assert.deepEqual(await proxy.taken(), ["RDS s"]);
});

test("a proxy whose view changed is looked at as a whole", async () => {
  const { mesh, proxy } = await start();
  mesh.asked.splice(0);
  mesh.views.set("a.default", "other view");
  proxy.publish({ EDS: { a: "1", b: "1" } });
  assert.deepEqual(await proxy.taken(), [], "the bytes are the same");
  assert.deepEqual(
    mesh.asked.flatMap((a) => a.wants.map((w) => w.type)),
    ["CDS", "EDS", "LDS", "RDS"],
  );
});

test("a type whose generation fails leaves the others alone, and is tried again with the next push", async () => {
  const { mesh, proxy } = await start();
  mesh.failing.add("LDS");
  proxy.publish({ LDS: { l: "2" }, RDS: { r: "2", s: "1" } });
  assert.deepEqual(await proxy.takenAndAcked(), ["RDS r"]);
  assert.equal(proxy.diary.lines.includes("failed LDS generation of LDS fails"), true);
  mesh.failing.clear();
  proxy.publish({ NDS: {} });
  assert.deepEqual(await proxy.taken(), ["LDS l"]);
});

test("a proxy that doesn't read gets nothing until it does", async () => {
  const { proxy } = await start();
  proxy.writable = false;
  proxy.publish({ RDS: { r: "2", s: "1" } });
  assert.deepEqual(await proxy.taken(), ["RDS r"]);
  proxy.ack("RDS");
  proxy.publish({ LDS: { l: "2" }, RDS: { r: "3", s: "1" } });
  assert.deepEqual(await proxy.taken(), []);
  proxy.writable = true;
  proxy.session.drained();
  assert.deepEqual(await proxy.taken(), ["LDS l", "RDS r"]);
});

test("a type that is not served is noted and has no answer", async () => {
  const { proxy } = connect("sotw");
  proxy.session.sotwRequest({
    node: undefined,
    typeUrl: "type.googleapis.com/some.Type",
    versionInfo: "",
    names: [],
    namesBytes: undefined,
    nonce: "",
    error: undefined,
  });
  assert.deepEqual(await proxy.taken(), []);
  assert.equal(proxy.diary.lines.at(-1), "unknown type.googleapis.com/some.Type");
});

test("a closed stream generates and sends nothing more, and its pushes count as served", async () => {
  const { mesh, proxy } = await start();
  const open = mesh.holdGeneration();
  proxy.publish({ RDS: { r: "2", s: "1" } });
  proxy.session.close();
  open();
  assert.deepEqual(await proxy.taken(), []);
  assert.deepEqual(proxy.diary.served_, [2]);
  assert.equal(proxy.timers.pending, 0);
});

test("pushes count as served once all types of them were sent", async () => {
  const { proxy } = await start();
  proxy.publish({ RDS: { r: "2", s: "1" } });
  await proxy.take();
  assert.deepEqual(proxy.diary.served_, [2]);
  proxy.publish({ RDS: { r: "3", s: "1" } });
  proxy.publish({ LDS: { l: "3" } });
  await proxy.take();
  assert.deepEqual(proxy.diary.served_, [2], "the routes wait for an acknowledgement");
  proxy.ack("RDS");
  await proxy.take();
  assert.deepEqual(proxy.diary.served_, [2, 3, 4]);
});

test("a spontaneous request for the same endpoints after new clusters is answered", async () => {
  const { proxy } = await start();
  proxy.publish({ CDS: { a: "1", b: "1", c: "1" } });
  assert.deepEqual(await proxy.takenAndAcked(), ["CDS a b c"]);
  proxy.ack("EDS");
  assert.deepEqual(await proxy.taken(), ["EDS a b"]);
  proxy.ack("EDS");
  proxy.ack("EDS");
  assert.deepEqual(await proxy.taken(), [], "once is enough");
});

test("a bug while serving ends the stream, so that the proxy begins anew", async () => {
  const { mesh, proxy } = await start();
  proxy.expectsErrors = true;
  mesh.viewOf = () => {
    throw new Error("bug");
  };
  proxy.ack("RDS", undefined, { names: ["r", "s"] });
  assert.deepEqual(await proxy.taken(), []);
  assert.deepEqual(proxy.diary.lines.slice(-2), ["end bug", "disconnected"]);
  assert.equal(proxy.errors.length, 1);
});
