import assert from "node:assert/strict";
import { test } from "node:test";
import { ResourceSink } from "../../../src/workers/encode/resource-sink.ts";

const LARGE = 100_000;

function newSink(): ResourceSink {
  return new ResourceSink(
    (bytes) => String(bytes.length).padStart(16, "0"),
    () => undefined,
  );
}

const filled = (size: number, value: number): Uint8Array => new Uint8Array(size).fill(value);

test("a large resource that comes with its buffer is handed on as it is, between others that are copied", () => {
  const sink = newSink();
  const small = filled(10, 1);
  const large = filled(LARGE, 2);
  const last = filled(20, 3);
  sink.addOwned("small", small);
  sink.addOwned("large", large);
  sink.addBytes("last", last);
  const { names, hashes, offsets, bytes, own } = sink.finish("RDS");
  assert.deepEqual(names, ["small", "large", "last"]);
  assert.equal(own.get(1), large);
  assert.equal(own.size, 1);
  assert.deepEqual([...offsets], [0, 10, 10, 30]);
  assert.deepEqual(bytes, new Uint8Array([...small, ...last]));
  assert.equal(Number(hashes[1]), LARGE);
  for (const given of [small, last]) assert.notEqual(bytes.buffer, given.buffer, "its buffer is not the generator's");
});

test("what a patch makes of a large resource is copied, and what it takes out is gone", () => {
  const sink = newSink();
  const shared = filled(2 * LARGE, 4);
  sink.edited(
    (name) => (name === "gone" ? undefined : shared.subarray(LARGE)),
    () => {
      sink.addOwned("gone", filled(LARGE, 5));
      sink.addOwned("patched", filled(LARGE, 5));
    },
  );
  const { names, bytes, own } = sink.finish("RDS");
  assert.deepEqual(names, ["patched"]);
  assert.equal(own.size, 0);
  assert.deepEqual(bytes, filled(LARGE, 4));
});
