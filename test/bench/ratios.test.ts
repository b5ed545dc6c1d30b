// Comparison of two revisions: pairs of runs, their median, and how far they are apart.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ratioTables } from "../../bench/report/ratio-table.ts";
import { ratioOf } from "../../bench/report/ratios.ts";
import { rowWith } from "./rows.ts";

test("ratios are of runs that followed each other", () => {
  assert.deepEqual(ratioOf([100, 200, 400], [50, 200, 600]), { median: 1, min: 0.5, max: 1.5 });
});

test("there is no ratio to nothing", () => {
  assert.equal(ratioOf([0, 1], [1, 1]), undefined);
  assert.equal(ratioOf([], [1]), undefined);
});

test("a table has a line for each step, with the spread; steps that the base hasn't got have none", () => {
  const base = [[rowWith({ cpuMs: 100 })], [rowWith({ cpuMs: 100 })]];
  const current = [
    // The base doesn't count tasks.
    [rowWith({ cpuMs: 50, tasks: 10, longTasks: 1 }), rowWith({ step: "route", cpuMs: 1 })],
    [rowWith({ cpuMs: 150 }), rowWith({ step: "route", cpuMs: 1 })],
  ];
  const lines = ratioTables(base, current);
  assert.match(lines.find((line) => line.includes("endpoint")) ?? "", /×1\.00 \(0\.50–1\.50\)/);
  assert.doesNotMatch(lines.find((line) => line.includes("route")) ?? "×", /×/);
});
