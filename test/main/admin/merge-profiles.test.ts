// Profiles of threads in one: shared functions once, values as they were, each sample with its thread.
import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { Function as Func, Line, Location, Profile, Sample, StringTable, ValueType } from "pprof-format";
import { mergeProfiles } from "../../../src/main/admin/merge-profiles.ts";
import { readProfile } from "../../support/profiles.ts";

/** A profile with one sample for each stack, of functions in `file`; each is named in the strings in another order. */
function part(stacks: readonly { names: readonly string[]; ms: number }[], file = "a.js"): Uint8Array {
  const stringTable = new StringTable();
  const profile = new Profile({
    stringTable,
    sampleType: [new ValueType({ type: stringTable.dedup("cpu"), unit: stringTable.dedup("nanoseconds") })],
    durationNanos: 1_000,
  });
  for (const { names, ms } of stacks) {
    const locationId = names.map((name) => {
      const at = stringTable.dedup(name);
      const known = profile.function.findIndex((f) => f.name === at);
      if (known >= 0) return known + 1;
      const id = profile.function.length + 1;
      const filename = name.startsWith("Non JS") ? 0 : stringTable.dedup(file);
      profile.function.push(new Func({ id, name: at, systemName: at, filename }));
      profile.location.push(new Location({ id, line: [new Line({ functionId: id, line: 7 })] }));
      return id;
    });
    profile.sample.push(new Sample({ locationId, value: [ms * 1e6] }));
  }
  return profile.encode();
}

test("functions of several threads are there once, and their samples by thread", async () => {
  const bytes = await mergeProfiles(
    [
      { thread: "main", bytes: part([{ names: ["read", "run"], ms: 1 }]) },
      {
        thread: "worker-1",
        bytes: part([
          { names: ["run"], ms: 2 },
          { names: ["write", "run"], ms: 3 },
        ]),
      },
    ],
    true,
  );
  const { samples, types } = readProfile(gzipSync(bytes));
  assert.deepEqual(types, ["cpu"]);
  assert.deepEqual(samples, [
    { thread: "main", stack: ["read a.js", "run a.js"], values: [1e6] },
    { thread: "worker-1", stack: ["run a.js"], values: [2e6] },
    { thread: "worker-1", stack: ["write a.js", "run a.js"], values: [3e6] },
  ]);
  assert.equal(Profile.decode(bytes).function.length, 3);
});

test("functions of the same name in different files stay apart", async () => {
  const parts = [
    { thread: "main", bytes: part([{ names: ["run"], ms: 1 }], "a.js") },
    { thread: "worker-1", bytes: part([{ names: ["run"], ms: 1 }], "b.js") },
  ];
  assert.equal(Profile.decode(await mergeProfiles(parts, true)).function.length, 2);
});

test("threads without JavaScript have a label of their own, or are left out", async () => {
  const parts = [
    {
      thread: "main",
      bytes: part([
        { names: ["Non JS threads activity", "Node.js"], ms: 5 },
        { names: ["run"], ms: 1 },
      ]),
    },
  ];
  const threads = async (native: boolean) =>
    readProfile(gzipSync(await mergeProfiles(parts, native))).samples.map(({ thread }) => thread);
  assert.deepEqual(await threads(true), ["native", "main"]);
  assert.deepEqual(await threads(false), ["main"]);
});
