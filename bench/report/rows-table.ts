// The table of `make bench`. Pure.
import { kilobytes, short } from "./format.ts";
import type { Row } from "./row.ts";
import { type Table, tableLines } from "./table.ts";

interface Column {
  readonly heading: string;
  cell(row: Row): string;
}

const NONE = "–";

const COLUMNS: readonly Column[] = [
  { heading: "step", cell: ({ step }) => step },
  { heading: "mode", cell: ({ mode }) => mode },
  { heading: "proxies", cell: ({ proxies }) => String(proxies) },
  { heading: "times", cell: ({ times }) => String(times) },
  latency("P50 ms", ({ latency: { p50 } }) => p50),
  latency("P90", ({ latency: { p90 } }) => p90),
  latency("P99", ({ latency: { p99 } }) => p99),
  latency("max", ({ latency: { max } }) => max),
  latency("spread", ({ spreadMs }) => spreadMs),
  { heading: "CPU ms", cell: ({ cpuMs }) => short(cpuMs) },
  { heading: "/proxy", cell: ({ cpuMs, proxies }) => short(cpuMs / proxies) },
  { heading: "resp/proxy", cell: ({ responses }) => short(responses) },
  { heading: "KB/proxy", cell: ({ bytes }) => kilobytes(bytes) },
  { heading: "tasks", cell: tasksText },
  { heading: "loop P99 ms", cell: ({ loop }) => short(loop.p99) },
  { heading: "P99.9", cell: ({ loop }) => short(loop.p999) },
  { heading: "max", cell: ({ loop }) => short(loop.max) },
  { heading: "own P99.9", cell: ({ loop }) => short(loop.ownP999) },
  { heading: "max", cell: ({ loop }) => short(loop.ownMax) },
  { heading: "heap MiB", cell: ({ heapMiB }) => heapMiB.toFixed(0) },
  { heading: "RSS", cell: ({ rssMiB }) => rssMiB.toFixed(0) },
  { heading: "peak", cell: ({ peakMiB }) => peakMiB.toFixed(0) },
  { heading: "client", cell: ({ clientCpu }) => percent(clientCpu) },
  { heading: "others", cell: ({ othersCpu }) => percent(othersCpu) },
  { heading: "", cell: (row) => (remarks(row).length > 0 ? "*" : "") },
];

/** A table for each scenario and mesh, with what has to be known of its rows. */
export function rowTables(rows: readonly Row[]): readonly Table[] {
  return [...new Set(rows.map(titleOf))].map((title) => {
    const some = rows.filter((row) => titleOf(row) === title);
    return {
      title,
      headings: COLUMNS.map(({ heading }) => heading),
      rows: some.map((row) => COLUMNS.map(({ cell }) => cell(row))),
      notes: some.flatMap((row) => remarks(row).map((note) => `${row.step}, ${row.mode}: ${note}`)),
    };
  });
}

/** The same as lines of text. */
export function rowsTables(rows: readonly Row[]): readonly string[] {
  return rowTables(rows).flatMap(tableLines);
}

/** Above this share of a core, the client may be what is measured. */
const CLIENT_LIMIT = 0.8;

/** The row's own notes, and doubts about them. */
function remarks({ notes, clientCpu, coreShare }: Row): readonly string[] {
  return [
    ...notes,
    ...(coreShare > 0 ? [`the server used ${percent(coreShare)} of a core while changes went on`] : []),
    ...(clientCpu > CLIENT_LIMIT ? [`the client used ${percent(clientCpu)} of a core: latencies are its own too`] : []),
  ];
}

/** Of one core. */
function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

function tasksText({ tasks, longTasks = 0 }: Row): string {
  if (tasks === undefined) return NONE;
  return longTasks > 0 ? `${tasks} (${longTasks} long)` : String(tasks);
}

function titleOf({ scenario, mesh, services }: Row): string {
  return `${scenario}: ${mesh}, ${services} services`;
}

function latency(heading: string, of: (row: Row) => number): Column {
  return { heading, cell: (row) => (row.latency.count === 0 ? NONE : short(of(row))) };
}
