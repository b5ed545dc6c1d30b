// A report as one page that needs nothing from a network: data, charts and the charting library are in it. Pure but for the
// library's files.
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { anchorTables } from "./anchors.ts";
import { chartsOf } from "./charts.ts";
import { machineLine } from "./machine.ts";
import { DRAW } from "./page-script.ts";
import type { Report } from "./report-file.ts";
import { rowTables } from "./rows-table.ts";
import { numeric, type Table } from "./table.ts";

const STYLE = `
:root { color-scheme: light dark; --paper: #fff; --ink: #222; --grid: #e4e4e4; --stripe: #f6f6f6; }
@media (prefers-color-scheme: dark) { :root { --paper: #17191d; --ink: #ddd; --grid: #33373d; --stripe: #1f2227; } }
body { font: 14px system-ui, sans-serif; margin: 2rem auto; max-width: 100rem; padding: 0 1rem; color: var(--ink); background: var(--paper); }
h2 { margin-top: 3rem; }
h3 { font-size: 1rem; margin: 2rem 0 0.5rem; }
#charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(36rem, 100%), 1fr)); gap: 2rem; }
#charts > div { min-width: 0; }
.u-title { font-size: 1rem; }
.u-legend { font-size: 12px; text-align: left; margin: 0 0 0 60px; }
.u-legend tbody { display: grid; grid-template-columns: repeat(auto-fill, minmax(12rem, 1fr)); }
.u-legend .u-series:first-child { grid-column: 1 / -1; }
.u-legend .u-series:first-child .u-marker { display: none; }
.u-legend th { font-weight: 400; }
.u-legend .u-marker { width: 1.5em; height: 0; border-width: 2px 0 0 !important; }
.u-inline tr { margin: 0; }
.u-inline.u-live th::after { content: ""; }
.u-series > * { padding: 2px 4px; }
.wide { overflow-x: auto; }
.wide table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; white-space: nowrap; }
.wide th, .wide td { padding: 0.2rem 0.45rem; text-align: left; }
.wide .number { text-align: right; }
.wide th { border-bottom: 1px solid var(--ink); font-weight: 600; vertical-align: bottom; }
.wide tbody tr:nth-child(even) { background: var(--stripe); }
`;

export function htmlPage(report: Report): string {
  const tables = [...rowTables(report.rows), ...anchorTables(report.rows)].map(htmlTable).join("\n");
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Mizzen benchmark, ${escapeHtml(report.machine.revision)}</title>
<style>${library("uPlot.min.css")}${STYLE}</style>
<h1>Mizzen benchmark</h1>
<p>${escapeHtml(machineLine(report.machine))}</p>
<div id="charts"></div>
<h2>All figures</h2>
${tables}
<script>${library("uPlot.iife.min.js")}</script>
<script type="application/json" id="data">${JSON.stringify(chartsOf(report)).replaceAll("<", "\\u003c")}</script>
<script>${DRAW}</script>
</html>
`;
}

function htmlTable({ title, headings, rows, notes }: Table): string {
  const right = numeric(headings, rows);
  const line = (tag: "th" | "td", cells: readonly string[]): string =>
    `<tr>${cells.map((cell, column) => `<${tag}${right[column] ? ' class="number"' : ""}>${escapeHtml(cell)}</${tag}>`).join("")}</tr>`;
  const list = notes.map((note) => `<li>${escapeHtml(note)}</li>`).join("");
  return [
    `<h3>${escapeHtml(title)}</h3>`,
    `<div class="wide"><table><thead>${line("th", headings)}</thead>`,
    `<tbody>${rows.map((cells) => line("td", cells)).join("\n")}</tbody></table></div>`,
    ...(list ? [`<ul>${list}</ul>`] : []),
  ].join("\n");
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}

function library(file: string): string {
  const package_ = createRequire(import.meta.url).resolve("uplot/package.json");
  return fs.readFileSync(path.join(path.dirname(package_), "dist", file), "utf8");
}
