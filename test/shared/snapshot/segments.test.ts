// Segments: what the writer puts into shared memory, the reader gives back.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MizzenError } from "../../../src/shared/errors.ts";
import type { EndpointRecord } from "../../../src/shared/model/service.ts";
import { readEndpoints, readRecords } from "../../../src/shared/snapshot/reader.ts";
import { sameSegment, writeEndpoints, writeRecords } from "../../../src/shared/snapshot/writer.ts";

const text = fc.string({ unit: "grapheme", maxLength: 12 });
/** Addresses never hold commas. */
const address = fc.oneof(
  fc.ipV4(),
  fc.ipV6(),
  fc.stringMatching(/^[a-z]{1,8}$/).map((path) => `unix:///${path}`),
);

const endpoint: fc.Arbitrary<EndpointRecord> = fc.record(
  {
    addresses: fc.array(address, { minLength: 1, maxLength: 2 }),
    port: fc.integer({ min: 0, max: 65535 }),
    servicePortName: text,
    labels: fc.dictionary(text, text, { noNullPrototype: true, maxKeys: 4 }),
    serviceAccount: text,
    network: text,
    clusterId: text,
    locality: text,
    weight: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    tlsMode: fc.constantFrom("istio", "disabled"),
    workloadName: text,
    namespace: text,
    health: fc.constantFrom("HEALTHY", "UNHEALTHY", "DRAINING", "TERMINATING"),
    hostname: text,
    subdomain: text,
    nodeName: text,
  },
  { noNullPrototype: true },
);

test("endpoints come back as they were written", () => {
  fc.assert(
    fc.property(fc.array(endpoint, { maxLength: 20 }), (endpoints) => {
      assert.deepEqual(readEndpoints(writeEndpoints(endpoints)), endpoints);
    }),
  );
});

test("records come back as they were written, whatever the order of their keys", () => {
  fc.assert(
    fc.property(fc.array(fc.dictionary(text, fc.jsonValue(), { noNullPrototype: true })), (records) => {
      const plain = JSON.parse(JSON.stringify(records)) as unknown[];
      assert.deepEqual(readRecords(writeRecords(plain)), plain);
    }),
  );
  const a = writeRecords([{ x: 1, y: { p: 1, q: 2 } }]);
  const b = writeRecords([{ y: { q: 2, p: 1 }, x: 1 }]);
  assert.equal(sameSegment(a, b), true);
});

test("different content gives different segments", () => {
  assert.equal(sameSegment(writeRecords([{ a: 1 }]), writeRecords([{ a: 2 }])), false);
  assert.equal(sameSegment(writeRecords([]), writeRecords([{}])), false);
});

test("a segment of another form or revision is refused", () => {
  const isLayout = (error: unknown): boolean => error instanceof MizzenError && error.code === "MIZZEN_ERR_LAYOUT";
  assert.throws(() => readEndpoints(writeRecords([])), isLayout);
  assert.throws(() => readRecords(writeEndpoints([])), isLayout);
  const other = writeRecords([{}]);
  new Uint32Array(other)[1]! += 1;
  assert.throws(() => readRecords(other), isLayout);
  assert.throws(() => readRecords(new SharedArrayBuffer(64)), isLayout);
});
