// Text tables: alignment, units, and what is said below them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { anchorsTable } from "../../bench/report/anchors.ts";
import { kilobytes, short } from "../../bench/report/format.ts";
import { distributionOf } from "../../bench/report/percentiles.ts";
import { rowsTables, rowTables } from "../../bench/report/rows-table.ts";
import { numeric, textTable } from "../../bench/report/table.ts";
import { rowWith } from "./rows.ts";

test("numbers have three digits or so", () => {
  const cases: readonly (readonly [number, string])[] = [
    [0, "0"],
    [0.0421, "0.042"],
    [1.234, "1.23"],
    [12.34, "12.3"],
    [1234.5, "1235"],
  ];
  for (const [value, expected] of cases) assert.equal(short(value), expected);
  assert.equal(kilobytes(4_834_000), "4834");
});

test("columns of numbers are set to the right, others to the left", () => {
  assert.deepEqual(
    textTable(
      ["step", "ms"],
      [
        ["a", "1.0"],
        ["longer", "–"],
        ["b", "100"],
      ],
    ),
    ["step     ms", "───────────", "a       1.0", "longer    –", "b       100"],
  );
});

test("each scenario and mesh has a table, with notes below the one they belong to", () => {
  const lines = rowsTables([
    rowWith({ notes: ["3 of 300 did not get it"] }),
    rowWith({ scenario: "growth", mesh: "10000 services", services: 10_000 }),
  ]);
  assert.ok(lines.includes("changes: m1000, 1000 services"));
  const note = lines.findIndex((line) => line.includes("3 of 300 did not get it"));
  assert.ok(note > 0 && note < lines.indexOf("growth: 10000 services, 10000 services"));
});

test("a step with no arrivals has no latency", () => {
  const line = rowsTables([rowWith({ latency: distributionOf([]), step: "metadata only" })]).at(-1)!;
  assert.match(line, /metadata only +delta +100 +3 +– +– +– +–/);
});

test("tasks that took long stand beside all, and older revisions say nothing of them", () => {
  const rows = [rowWith({ tasks: 2100, longTasks: 7 }), rowWith({ tasks: 0, longTasks: 0 }), rowWith({})];
  const [table] = rowTables(rows);
  const column = table!.headings.indexOf("tasks");
  assert.deepEqual(
    table!.rows.map((cells) => cells[column]),
    ["2100 (7 long)", "0", "–"],
  );
  assert.ok(numeric(table!.headings, table!.rows)[column]);
});

test("a client that was busy all the time is a doubt", () => {
  assert.ok(rowsTables([rowWith({ clientCpu: 0.95 })]).some((line) => line.includes("95 % of a core")));
});

test("istiod's figures stand beside runs with as many proxies only", () => {
  assert.deepEqual(anchorsTable([rowWith({ proxies: 100 })]), []);
  const lines = anchorsTable([rowWith({ proxies: 1000, cpuMs: 58 })]);
  const line = lines.find((one) => one.includes("CPU ms/proxy")) ?? "";
  assert.match(line, /0\.058 +0\.070 +0\.290 +×5\.0 +reached/);
});

test("churn has a goal, and no figure of istiod", () => {
  const lines = anchorsTable([rowWith({ proxies: 1000, step: "churn 10/s", coreShare: 0.9 })]);
  assert.match(lines.find((line) => line.includes("% of a core")) ?? "", /90\.0 +60\.0 +– +– +missed/);
});
