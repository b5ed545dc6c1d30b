// The page of a benchmark in a real browser: plots are drawn, in light and dark and at any width, and the figures are there.
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { anchorTables } from "../../bench/report/anchors.ts";
import { chartsOf } from "../../bench/report/charts.ts";
import { htmlPage } from "../../bench/report/html-page.ts";
import { rowTables } from "../../bench/report/rows-table.ts";
import { SAMPLE_REPORT } from "../bench/sample-report.ts";
import { type BrowserPage, openPage } from "../support/browser.ts";
import { until } from "../support/until.ts";

/** A plot as its canvas and its legend show it. */
interface Drawn {
  readonly title: string;
  readonly width: number;
  /** Pixels in the colour of the page's text. */
  readonly ink: number;
  /** Pixels in the colour that the legend gives the line. */
  readonly lines: readonly { readonly label: string; readonly pixels: number }[];
}

/** Runs in the page. Pixels are counted that have a colour nearly: at its edges a line is paler. */
const PLOTS = `[...document.querySelectorAll(".uplot")].map((plot) => {
  const canvas = plot.querySelector("canvas");
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
  copy.drawImage(canvas, 0, 0);
  const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
  const pixels = (color) => {
    const wanted = color.match(/\\d+/g).slice(0, 3).map(Number);
    let count = 0;
    for (let i = 0; i < data.length; i += 4) {
      if (data[i + 3] > 200 && wanted.every((value, channel) => Math.abs(data[i + channel] - value) < 6)) count++;
    }
    return count;
  };
  return {
    title: plot.querySelector(".u-title").textContent,
    width: canvas.width,
    ink: pixels(getComputedStyle(plot).color),
    lines: [...plot.querySelectorAll(".u-series")].slice(1).map((row) => ({
      label: row.querySelector(".u-label").textContent,
      pixels: pixels(getComputedStyle(row.querySelector(".u-marker")).borderTopColor),
    })),
  };
})`;

const plots = (page: BrowserPage): Promise<readonly Drawn[]> => page.evaluate(PLOTS);

test("the page of a benchmark draws all its plots and has all its figures", async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "mizzen-page-"));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  const file = path.join(folder, "bench.html");
  fs.writeFileSync(file, htmlPage(SAMPLE_REPORT));
  const page = await openPage(t, file);
  if (!page) return;

  const charts = chartsOf(SAMPLE_REPORT);
  /** All charts are there with all their lines, and none is blank. */
  const check = (drawn: readonly Drawn[]): void => {
    assert.deepEqual(
      drawn.map(({ title, lines }) => [title, lines.map(({ label }) => label)]),
      charts.map(({ title, lines }) => [title, lines.map(({ label }) => label)]),
    );
    for (const { title, ink, lines } of drawn) {
      assert.ok(ink > 100, `${title}: axes and their numbers are written (${ink} pixels)`);
      for (const { label, pixels } of lines) assert.ok(pixels > 20, `${title}: ${label} is drawn (${pixels} pixels)`);
    }
  };
  check(await plots(page));

  // Dark: the axes' colour is another, and the plots are drawn again with it.
  const light = await page.evaluate("getComputedStyle(document.body).backgroundColor");
  await page.send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: "dark" }] });
  await until("all is drawn in dark colours", async () => check(await plots(page)) === undefined);
  assert.notEqual(await page.evaluate("getComputedStyle(document.body).backgroundColor"), light);

  // A phone: plots are as wide as the page at most, and nothing but the tables has to be moved to and fro.
  await page.send("Emulation.setDeviceMetricsOverride", {
    width: 420,
    height: 900,
    deviceScaleFactor: 1,
    mobile: false,
  });
  await until("all plots are narrow", async () => (await plots(page)).every(({ width }) => width <= 420));
  check(await plots(page));
  assert.equal(await page.evaluate("document.documentElement.scrollWidth"), 420);

  // What a line has at the pointer's place is written beside its name.
  const at = await page.evaluate<{ x: number; y: number }>(`(() => {
    const { x, y, width, height } = document.querySelector(".u-over").getBoundingClientRect();
    return { x: x + width - 2, y: y + height / 2 };
  })()`);
  await page.send("Input.dispatchMouseEvent", { type: "mouseMoved", ...at });
  const values = `[...document.querySelectorAll(".uplot")[0].querySelectorAll(".u-value")].map((cell) => cell.textContent)`;
  await until("values are shown", async () => (await page.evaluate<string[]>(values)).every((text) => text !== ""));
  assert.equal((await page.evaluate<string[]>(values))[0], "10,000");

  const tables = [...rowTables(SAMPLE_REPORT.rows), ...anchorTables(SAMPLE_REPORT.rows)];
  const cells = `[...document.querySelectorAll("table:not(.u-legend)")].map((table) =>
    [...table.tBodies[0].rows].map((row) => [...row.cells].map((cell) => cell.textContent)))`;
  assert.deepEqual(
    await page.evaluate(cells),
    tables.map(({ rows }) => rows),
  );
  assert.ok(tables.some(({ title }) => title.startsWith("beside istiod")));
  assert.deepEqual(
    await page.evaluate(`[...document.querySelectorAll("li")].map((note) => note.textContent)`),
    tables.flatMap(({ notes }) => notes),
  );
  assert.deepEqual(page.problems, []);
});
