// The plots of a report, as data. Pure.
import type { Report } from "./report-file.ts";
import type { Row } from "./row.ts";

export interface Chart {
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly lines: readonly Line[];
}

export interface Axis {
  readonly label: string;
  readonly logarithmic: boolean;
}

export interface Line {
  readonly label: string;
  /** A number for what has the same colour in all charts of a scenario: its step. */
  readonly color: number;
  /** Tells the second way of the protocol from the first. */
  readonly dashed: boolean;
  readonly x: readonly number[];
  readonly y: readonly number[];
}

export function chartsOf({ rows, memory }: Report): readonly Chart[] {
  return [...growthCharts(rows), ...latencyCharts(rows), ...memoryCharts(memory)];
}

/** Cost of a change over the number of services, for scenarios that ran on several meshes. */
function growthCharts(rows: readonly Row[]): readonly Chart[] {
  const grown = groups(rows, ({ scenario }) => scenario).filter(([, some]) => sizesOf(some).length > 1);
  return grown.flatMap(([scenario, some]) => {
    const changes = some.filter(({ step }) => step !== "connect");
    const lines = (of: (row: Row) => number): readonly Line[] =>
      groups(changes, lineOf).map(([label, same]) => ({
        label,
        ...lookOf(some, same[0]!),
        x: same.map(({ services }) => services),
        y: same.map(of),
      }));
    const x = { label: "services in the mesh", logarithmic: true };
    return [
      chart(
        `${scenario}: CPU of one change`,
        x,
        "CPU time, ms",
        false,
        lines(({ cpuMs }) => cpuMs),
      ),
      chart(
        `${scenario}: latency, P99`,
        x,
        "latency, ms",
        false,
        lines(({ latency }) => latency.p99),
      ),
    ];
  });
}

/** Percentiles of the latency, for each scenario and mesh. */
function latencyCharts(rows: readonly Row[]): readonly Chart[] {
  return groups(
    rows.filter(({ latency }) => latency.count > 0),
    ({ scenario, mesh }) => `${scenario}, ${mesh}: latency`,
  ).map(([title, some]) => {
    const lines = some.map((row) => ({
      label: lineOf(row),
      ...lookOf(rows, row),
      x: row.latency.curve.map((_, percent) => percent),
      // A logarithmic axis has no 0.
      y: row.latency.curve.map((value) => Math.max(value, 0.01)),
    }));
    return chart(title, { label: "percent of proxies and changes", logarithmic: false }, "latency, ms", true, lines);
  });
}

function memoryCharts(memory: Report["memory"]): readonly Chart[] {
  return memory
    .filter(({ points }) => points.length > 1)
    .map(({ label, points }) => {
      const x = points.map(({ seconds }) => seconds);
      const lines = [
        { label: "resident", color: 0, dashed: false, x, y: points.map(({ rssMiB }) => rssMiB) },
        { label: "heap of the main thread", color: 1, dashed: false, x, y: points.map(({ heapMiB }) => heapMiB) },
      ];
      return chart(
        `${label}: the server's memory`,
        { label: "seconds", logarithmic: false },
        "memory, MiB",
        false,
        lines,
      );
    });
}

function chart(title: string, x: Axis, label: string, logarithmic: boolean, lines: readonly Line[]): Chart {
  return { title, x, y: { label, logarithmic }, lines };
}

/** How the line of a row is drawn, among those of its scenario. */
function lookOf(rows: readonly Row[], { scenario, step, mode }: Row): Pick<Line, "color" | "dashed"> {
  const same = rows.filter((row) => row.scenario === scenario);
  const steps = [...new Set(same.map((row) => row.step))];
  return { color: steps.indexOf(step), dashed: mode !== same[0]!.mode };
}

function lineOf({ step, mode }: Row): string {
  return `${step}, ${mode}`;
}

function sizesOf(rows: readonly Row[]): readonly number[] {
  return [...new Set(rows.map(({ services }) => services))];
}

function groups(rows: readonly Row[], of: (row: Row) => string): readonly (readonly [string, readonly Row[]])[] {
  const found = new Map<string, Row[]>();
  for (const row of rows) found.set(of(row), [...(found.get(of(row)) ?? []), row]);
  return [...found];
}
