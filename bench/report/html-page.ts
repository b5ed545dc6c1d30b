// A report as one page that needs nothing from a network: data, charts and the charting library are in it. Pure but for the
// library's files.
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { anchorsTable } from "./anchors.ts";
import { chartsOf } from "./charts.ts";
import { machineLine } from "./machine.ts";
import { DRAW } from "./page-script.ts";
import type { Report } from "./report-file.ts";
import { rowsTables } from "./rows-table.ts";

const STYLE = `
body { font: 14px system-ui, sans-serif; margin: 2rem auto; max-width: 90rem; padding: 0 1rem; color: #222; }
pre { overflow-x: auto; background: #f6f6f6; padding: 1rem; }
#charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(40rem, 1fr)); gap: 2rem; }
`;

export function htmlPage(report: Report): string {
  const tables = [...rowsTables(report.rows), ...anchorsTable(report.rows)].join("\n");
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Mizzen benchmark, ${escapeHtml(report.machine.revision)}</title>
<style>${library("uPlot.min.css")}${STYLE}</style>
<h1>Mizzen benchmark</h1>
<p>${escapeHtml(machineLine(report.machine))}</p>
<div id="charts"></div>
<h2>All figures</h2>
<pre>${escapeHtml(tables)}</pre>
<script>${library("uPlot.iife.min.js")}</script>
<script type="application/json" id="data">${JSON.stringify(chartsOf(report)).replaceAll("<", "\\u003c")}</script>
<script>${DRAW}</script>
</html>
`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}

function library(file: string): string {
  const package_ = createRequire(import.meta.url).resolve("uplot/package.json");
  return fs.readFileSync(path.join(path.dirname(package_), "dist", file), "utf8");
}
