// The page of a report: it needs nothing from a network, and has the plots that the rows allow.
import assert from "node:assert/strict";
import { test } from "node:test";
import vm from "node:vm";
import { chartsOf } from "../../bench/report/charts.ts";
import { htmlPage } from "../../bench/report/html-page.ts";
import { DRAW } from "../../bench/report/page-script.ts";
import type { Report } from "../../bench/report/report-file.ts";
import { rowWith } from "./rows.ts";

const REPORT: Report = {
  machine: {
    cpu: "Some <CPU>",
    cores: 2,
    memoryGiB: 24,
    node: "v20.0.0",
    system: "Linux 6",
    revision: "abc1234",
    loadBefore: 0,
    loadAfter: 1,
  },
  rows: [
    rowWith({ scenario: "growth", mesh: "100 services", services: 100, cpuMs: 10 }),
    rowWith({ scenario: "growth", mesh: "1000 services", services: 1000, cpuMs: 11, notes: ["</script>"] }),
    rowWith({ tasks: 2100, longTasks: 7 }),
  ],
  memory: [
    {
      label: "soak",
      points: [
        { seconds: 1, rssMiB: 100, heapMiB: 10 },
        { seconds: 2, rssMiB: 110, heapMiB: 12 },
      ],
    },
  ],
};

test("what grows with the mesh is plotted over its size, one line for each step", () => {
  const chart = chartsOf(REPORT).find(({ title }) => title === "growth: CPU of one change");
  assert.deepEqual(chart?.lines, [{ label: "endpoint, delta", color: 0, dashed: false, x: [100, 1000], y: [10, 11] }]);
});

test("a scenario on one mesh has no such plot, but one of latencies", () => {
  const titles = chartsOf(REPORT).map(({ title }) => title);
  assert.ok(!titles.includes("changes: CPU of one change"));
  assert.ok(titles.includes("changes, m1000: latency"));
  assert.ok(titles.includes("soak: the server's memory"));
});

test("a step has one colour in all plots of its scenario, and the second mode's lines are dashed", () => {
  const rows = [
    rowWith({ step: "connect", mode: "sotw" }),
    rowWith({ step: "endpoint", mode: "sotw" }),
    rowWith({ step: "endpoint", mode: "delta" }),
  ];
  const [chart] = chartsOf({ ...REPORT, rows });
  const looks = chart!.lines.map(({ label, color, dashed }) => [label, color, dashed]);
  assert.deepEqual(looks, [
    ["connect, sotw", 0, false],
    ["endpoint, sotw", 1, false],
    ["endpoint, delta", 1, true],
  ]);
});

test("the page is whole, and loads nothing", () => {
  const page = htmlPage(REPORT);
  assert.doesNotMatch(page, /<(script|link|img)[^>]+(src|href)=/);
  assert.ok(page.includes("Some &#60;CPU&#62;"));
  assert.ok(page.includes(">tasks</th>") && page.includes(">2100 (7 long)</td>"));
  // Rows can't end the script that they are in.
  assert.equal(page.split("</script>").length - 1, 3);
});

test("the page's script hands each chart to the library with a value for each point", () => {
  const drawn: { title: string; points: number[] }[] = [];
  const uPlot = Object.assign(
    function uPlot(options: { title: string; series: unknown[] }, data: number[][]) {
      assert.equal(options.series.length, data.length);
      drawn.push({ title: options.title, points: data.map(({ length }) => length) });
    },
    { join: (lines: number[][][]) => [lines[0]![0]!, ...lines.map(([, y]) => y!)] },
  );
  const text = JSON.stringify(chartsOf(REPORT));
  const element = { textContent: text, appendChild: () => ({ clientWidth: 640 }) };
  const document = { getElementById: () => element, createElement: () => ({}), documentElement: {} };
  const listens = { addEventListener: () => undefined };
  const style = { getPropertyValue: () => "" };
  const page = { ...listens, matchMedia: () => listens, getComputedStyle: () => style };
  vm.runInNewContext(DRAW, { ...page, uPlot, document, JSON, Intl });
  assert.equal(drawn.length, chartsOf(REPORT).length);
  assert.deepEqual(drawn.find(({ title }) => title.startsWith("soak"))?.points, [2, 2, 2]);
});
