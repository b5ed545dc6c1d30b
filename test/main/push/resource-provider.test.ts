// What is generated is generated once: from the cache, from work under way, in parts where only parts are missing.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ResourceCache } from "../../../src/main/cache/resource-cache.ts";
import { createResourceProvider } from "../../../src/main/push/resource-provider.ts";
import { pushVersion, viewId } from "../../../src/shared/ids.ts";
import type { ResourceWant } from "../../../src/shared/model/resource.ts";
import type { Generated } from "../../../src/shared/protocol/output.ts";

const VIEW = { id: viewId("v"), json: "{}" };
const at = (version: number) => ({ version: pushVersion(version) });

/** A backend that generates all names but `none`, and versions that tests set. */
function setUp() {
  const asked: string[] = [];
  const versions = new Map<string, number>();
  /** The versions that last affected the slices of a resource. */
  const slices = new Map<string, number[]>();
  let fails = false;
  const provider = createResourceProvider({
    cache: new ResourceCache({ maxEntries: 1000, maxBytes: 1e6 }),
    hash: (text) => `hash of ${text}`,
    versions: {
      slicesOf: (ref, _type, name) =>
        slices
          .get(name)
          ?.map((affected, index, all) => ({ ref: { ...ref }, affected, slice: { index, of: all.length } })),
      affectedVersion: (_view, _type, name) => versions.get(name) ?? 1,
      facetsOf: (ref, type) => [{ ref, affected: versions.get(type) ?? 1 }],
    },
    backend: {
      async generate(snapshot, _view, wants): Promise<Generated> {
        asked.push(...wants.map((w) => `${w.type}@${snapshot.version} ${w.names?.join(",") ?? "*"}`));
        await Promise.resolve();
        if (fails) throw new Error("no");
        const sets = wants.map((want) => {
          const names = (want.names ?? ["x", "y"]).filter((name) => name !== "none");
          const bytes = Buffer.from(names.join(""));
          let offset = 0;
          const offsets = new Uint32Array([0, ...names.map((name) => (offset += name.length))]);
          const hashes = names.map((name) => `${name}@${snapshot.version}`);
          return { type: want.type, names, hashes, offsets, bytes: new Uint8Array(bytes), own: new Map() };
        });
        return { ok: true, sets, warnings: [], attachMs: 0, generateMs: 0 };
      },
    },
  });
  const fetch = async (version: number, ...wants: ResourceWant[]) => provider.fetch(at(version), VIEW, wants);
  return {
    asked,
    versions,
    slices,
    fetch,
    fail: (on: boolean) => {
      fails = on;
    },
  };
}

const ALL_CLUSTERS: ResourceWant = { type: "CDS", names: null };

test("a whole type is generated once for as long as nothing affects it", async () => {
  const { asked, versions, fetch } = setUp();
  const [one] = await fetch(1, ALL_CLUSTERS);
  const [two] = await fetch(5, ALL_CLUSTERS);
  assert.equal(one, two);
  versions.set("CDS", 6);
  const [three] = await fetch(6, ALL_CLUSTERS);
  assert.notEqual(three, one);
  assert.deepEqual(asked, ["CDS@1 *", "CDS@6 *"]);
});

test("the same question while it is being answered is the same work", async () => {
  const { asked, fetch } = setUp();
  const [a, b] = await Promise.all([fetch(1, ALL_CLUSTERS), fetch(1, ALL_CLUSTERS)]);
  assert.equal(a[0], b[0]);
  assert.equal(asked.length, 1);
});

test("of named resources only those that are missing are generated", async () => {
  const { asked, versions, fetch } = setUp();
  const names = ["a", "b", "none"];
  const [one] = await fetch(1, { type: "EDS", names });
  assert.deepEqual(
    one!.resources.map((r) => r.name),
    ["a", "b"],
  );
  const [same] = await fetch(2, { type: "EDS", names: [...names] });
  assert.equal(same, one, "equal lists give one object");
  versions.set("b", 3);
  const [two] = await fetch(3, { type: "EDS", names });
  assert.deepEqual(
    two!.resources.map((r) => r.hash),
    ["a@1", "b@3"],
  );
  const [wider] = await fetch(3, { type: "EDS", names: ["a", "c"] });
  assert.deepEqual(
    wider!.resources.map((r) => r.name),
    ["a", "c"],
  );
  assert.deepEqual(asked, ["EDS@1 a,b,none", "EDS@3 b", "EDS@3 c"]);
});

test("a question about an older snapshot is not answered with the newer one", async () => {
  const { asked, versions, fetch } = setUp();
  versions.set("CDS", 2);
  const [old] = await fetch(1, ALL_CLUSTERS);
  const [now] = await fetch(2, ALL_CLUSTERS);
  assert.notEqual(old, now);
  assert.deepEqual(asked, ["CDS@1 *", "CDS@2 *"]);
});

test("several types are one task, and come in the order of the question", async () => {
  const { asked, fetch } = setUp();
  const sets = await fetch(1, { type: "LDS", names: null }, { type: "EDS", names: ["a"] }, ALL_CLUSTERS);
  assert.deepEqual(
    sets.map((s) => s.type),
    ["LDS", "EDS", "CDS"],
  );
  assert.deepEqual(asked, ["LDS@1 *", "EDS@1 a", "CDS@1 *"]);
});

test("wildcard types can be asked for by name", async () => {
  const { asked, fetch } = setUp();
  const [set] = await fetch(1, { type: "LDS", names: ["host:80"] });
  assert.deepEqual(
    set!.resources.map((r) => r.name),
    ["host:80"],
  );
  assert.deepEqual(asked, ["LDS@1 host:80"]);
});

test("a failure is passed on to all who wait, and asked again later", async () => {
  const { asked, fail, fetch } = setUp();
  fail(true);
  const both = await Promise.allSettled([fetch(1, ALL_CLUSTERS), fetch(1, ALL_CLUSTERS)]);
  assert.deepEqual(
    both.map((r) => r.status),
    ["rejected", "rejected"],
  );
  fail(false);
  const [set] = await fetch(1, ALL_CLUSTERS);
  assert.equal(set!.resources.length, 2);
  assert.equal(asked.length, 2);
});

test("many names are several tasks, and one answer", async () => {
  const { asked, fetch } = setUp();
  const names = Array.from({ length: 900 }, (_, i) => `n${i}`);
  const [many, few] = await fetch(1, { type: "EDS", names: [...names, "none"] }, { type: "RDS", names: ["r"] });
  assert.deepEqual(
    many!.resources.map(({ name, bytes }) => `${name} ${Buffer.from(bytes).toString()}`),
    names.map((name) => `${name} ${name}`),
  );
  assert.deepEqual(
    few!.resources.map(({ name }) => name),
    ["r"],
  );
  assert.deepEqual(
    asked.map((line) => `${line.split(" ")[0]} ${line.split(",").length}`),
    ["EDS@1 128", "RDS@1 1", ...Array<string>(6).fill("EDS@1 128"), "EDS@1 5"],
  );
  const before = asked.length;
  await fetch(2, { type: "EDS", names });
  assert.equal(asked.length, before, "all of them are known");
});

test("a large resource is put together of its slices, of which only those that are affected are generated again", async () => {
  const { asked, slices, fetch } = setUp();
  slices.set("80", [1, 1, 1]);
  const want: ResourceWant = { type: "RDS", names: ["80", "90"] };
  const [one, same] = (await Promise.all([fetch(1, want), fetch(1, { type: "RDS", names: ["80", "90"] })])).map(
    ([set]) => set,
  );
  assert.equal(one, same, "equal questions get one object, also while they are answered");
  assert.deepEqual(
    one!.resources.map(({ name, bytes }) => [name, Buffer.from(bytes).toString()]),
    [
      ["90", "90"],
      ["80", "808080"],
    ],
  );
  assert.deepEqual(asked, ["RDS@1 90", "RDS@1 80", "RDS@1 80", "RDS@1 80"]);
  assert.equal((await fetch(2, want))[0], one, "nothing has changed");

  slices.set("80", [1, 3, 1]);
  const [two] = await fetch(3, want);
  assert.deepEqual(asked.slice(4), ["RDS@3 80"]);
  const [before, after] = [one, two].map((set) => set!.resources.find(({ name }) => name === "80")!);
  assert.notEqual(after!.hash, before!.hash);
  assert.equal(after!.pieces![0], before!.pieces![0], "other slices are the same bytes");
  assert.notEqual(after!.pieces![1], before!.pieces![1]);
});
