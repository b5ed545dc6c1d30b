// A table of segments is what a Map would be, and its versions don't change each other.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { SegmentHandle } from "../../../src/shared/snapshot/handle.ts";
import { SegmentTable } from "../../../src/shared/snapshot/segment-table.ts";

const BUFFER = new SharedArrayBuffer(8);
const name = fc.integer({ min: 0, max: 2_000 }).map((n) => `endpoints/ns-${n % 7}/svc-${n}`);

function contents(table: SegmentTable): Record<string, number> {
  return Object.fromEntries([...table].map((segment) => [segment.name, segment.version]));
}

test("any steps", () => {
  const step = fc.record({ changed: fc.uniqueArray(name), removed: fc.uniqueArray(name) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      let table = SegmentTable.EMPTY;
      const model = new Map<string, number>();
      const versions: { table: SegmentTable; expected: Record<string, number> }[] = [];
      steps.forEach(({ changed, removed }, i) => {
        const handles: SegmentHandle[] = changed.map((one) => ({ name: one, version: i + 1, buffer: BUFFER }));
        table = table.with(handles, removed);
        for (const one of removed) model.delete(one);
        for (const one of changed) model.set(one, i + 1);
        versions.push({ table, expected: Object.fromEntries(model) });
      });
      for (const { table, expected } of versions) {
        assert.deepEqual(contents(table), expected);
        assert.equal(table.size, Object.keys(expected).length);
      }
      for (const [one, version] of model) assert.equal(table.get(one)?.version, version);
      assert.deepEqual(contents(SegmentTable.EMPTY), {});
    }),
  );
});
