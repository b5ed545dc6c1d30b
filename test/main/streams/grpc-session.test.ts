// What a stream of gRPC's own xDS client is sent: it names all that it wants, listeners first.
import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeMesh } from "../../support/fake-mesh.ts";
import { Diary, ProxyDouble } from "./session-harness.ts";

const CONTENTS = {
  CDS: { a: "1", b: "1" },
  EDS: { a: "1", b: "1" },
  LDS: { "a:80": "1", "b:80": "1" },
  RDS: { a: "1", b: "1" },
};

/** As gRPC begins a channel to `a`. */
async function start(): Promise<{ mesh: FakeMesh; client: ProxyDouble }> {
  const mesh = new FakeMesh(CONTENTS);
  const client = new ProxyDouble(mesh, "sotw", new Diary(), "a.default", { GENERATOR: "grpc" });
  const sent: string[] = [];
  for (const [type, name] of [
    ["LDS", "a:80"],
    ["RDS", "a"],
    ["CDS", "a"],
    ["EDS", "a"],
  ] as const) {
    client.sotw(type, { names: [name] });
    sent.push(...(await client.takenAndAcked()));
  }
  assert.deepEqual(sent, ["LDS a:80", "RDS a", "CDS a", "EDS a"]);
  return { mesh, client };
}

test("only what is named is generated", async () => {
  const { mesh } = await start();
  assert.deepEqual(
    mesh.asked.flatMap(({ wants }) => wants.map(({ type, names }) => [type, names])),
    [
      ["LDS", ["a:80"]],
      ["RDS", ["a"]],
      ["CDS", ["a"]],
      ["EDS", ["a"]],
    ],
  );
});

test("what is not named, or is as before, isn't sent", async () => {
  const { client } = await start();
  client.publish({ LDS: { ...CONTENTS.LDS, "b:80": "2" }, CDS: { ...CONTENTS.CDS, b: "2" } });
  assert.deepEqual(await client.taken(), []);
});

test("a changed cluster comes without its endpoints, which the client keeps", async () => {
  const { client } = await start();
  client.publish({ CDS: { ...CONTENTS.CDS, a: "2" } });
  assert.deepEqual(await client.taken(), ["CDS a"]);
});

test("a second channel's names come with those of the first, for the types that are sent as a whole", async () => {
  const { client } = await start();
  client.sotw("LDS", { names: ["a:80", "b:80"], nonce: "1", versionInfo: "test/1" });
  assert.deepEqual(await client.takenAndAcked(), ["LDS a:80 b:80"]);
  client.sotw("RDS", { names: ["a", "b"], nonce: "1", versionInfo: "test/1" });
  assert.deepEqual(await client.takenAndAcked(), ["RDS b"]);
});

test("a listener that goes is missing in the next response, and one that doesn't exist is answered all the same", async () => {
  const { client } = await start();
  client.publish({ LDS: { "b:80": "1" } });
  assert.deepEqual(await client.takenAndAcked(), ["LDS"]);
  const other = new ProxyDouble(new FakeMesh(CONTENTS), "sotw", new Diary(), "a.default", { GENERATOR: "grpc" });
  other.sotw("LDS", { names: ["nobody:80"] });
  assert.deepEqual(await other.taken(), ["LDS"]);
});

test("after a reconnection types may be asked for in any order", async () => {
  const client = new ProxyDouble(new FakeMesh(CONTENTS), "sotw", new Diary(), "a.default", { GENERATOR: "grpc" });
  client.sotw("EDS", { names: ["a"] });
  client.sotw("RDS", { names: ["a"] });
  client.sotw("CDS", { names: ["a"] });
  client.sotw("LDS", { names: ["a:80"] });
  assert.deepEqual((await client.takenAndAcked()).sort(), ["CDS a", "EDS a", "LDS a:80", "RDS a"]);
});

test("listeners and routes don't wait for endpoints that the client hasn't asked for yet", async () => {
  const { client } = await start();
  client.sotw("CDS", { names: ["a", "b"], nonce: "1", versionInfo: "test/1" });
  assert.deepEqual(await client.takenAndAcked(), ["CDS a b"]);
  client.sotw("RDS", { names: ["a", "b"], nonce: "1", versionInfo: "test/1" });
  assert.deepEqual(await client.taken(), ["RDS b"]);
});
