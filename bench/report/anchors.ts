// Figures of istiod to print beside ours, and the goals. Measured on a machine of 2 cores shared with the client, with 1,000
// proxies, each a connection, over the same shapes of mesh. Of istiod's CPU times the cost of one proxy was subtracted: in file
// mode it reads the whole folder again at each change, which says nothing about its pushes.
import { MODES, type Mode } from "../client/messages.ts";
import { short } from "./format.ts";
import type { Row } from "./row.ts";
import { type Table, tableLines } from "./table.ts";

type Figure = "CPU ms/proxy" | "P99 ms" | "KB/proxy" | "connect s" | "peak MiB" | "% of a core";

interface Anchor {
  readonly mesh: string;
  readonly step: string;
  readonly mode: Mode;
  readonly figure: Figure;
  /** Absent where the measurement of istiod says nothing about its pushes. */
  readonly istiod?: number;
  readonly goal?: number;
}

const OF: Readonly<Record<Figure, (row: Row) => number>> = {
  "CPU ms/proxy": ({ cpuMs, proxies }) => cpuMs / proxies,
  "P99 ms": ({ latency }) => latency.p99,
  "KB/proxy": ({ bytes }) => bytes / 1000,
  "connect s": ({ latency }) => latency.max / 1000,
  "peak MiB": ({ peakMiB }) => peakMiB,
  "% of a core": ({ coreShare }) => coreShare * 100,
};

const ANCHORS: readonly Anchor[] = [
  ...both("m1000", "connect", "connect s", [57.4, 76.7], [15, 15]),
  ...both("m1000", "connect", "CPU ms/proxy", [107, 132], [20, 20]),
  ...both("m1000", "connect", "KB/proxy", [4800, 5100]),
  ...both("m1000", "connect", "peak MiB", [3863, 5606], [1229, 1229]),
  ...both("m1000", "endpoint", "CPU ms/proxy", [0.86, 0.29], [0.07, 0.07]),
  ...both("m1000", "endpoint", "P99 ms", [1620, 1580], [150, 150]),
  ...both("m1000", "endpoint", "KB/proxy", [1.1, 1.1]),
  ...both("m1000", "route", "CPU ms/proxy", [21, 18], [1.5, 1.5]),
  ...both("m1000", "route", "P99 ms", [14_400, 12_600], [2000, 2000]),
  ...both("m1000", "route", "KB/proxy", [3740, 970]),
  ...both("m1000", "destination rule", "CPU ms/proxy", [22, 18], [5, 0.1]),
  ...both("m1000", "destination rule", "P99 ms", [15_600, 12_700], [5000, 250]),
  ...both("m1000", "destination rule", "KB/proxy", [3750, 980]),
  ...MODES.flatMap((mode): readonly Anchor[] => [
    { mesh: "m1000", step: "churn 10/s", mode, figure: "% of a core", goal: 60 },
    { mesh: "m1000", step: "churn 10/s", mode, figure: "P99 ms", goal: 200 },
  ]),
  { mesh: "m100", step: "connect", mode: "sotw", figure: "connect s", istiod: 11.8 },
  { mesh: "m100", step: "connect", mode: "sotw", figure: "CPU ms/proxy", istiod: 20 },
  { mesh: "m100", step: "endpoint", mode: "sotw", figure: "CPU ms/proxy", istiod: 0.32 },
  { mesh: "m100", step: "endpoint", mode: "sotw", figure: "P99 ms", istiod: 750 },
  { mesh: "m100", step: "route", mode: "sotw", figure: "CPU ms/proxy", istiod: 2 },
  { mesh: "m100", step: "route", mode: "sotw", figure: "P99 ms", istiod: 1900 },
];

/** Proxies in the measurements of istiod: other numbers are not comparable. */
const PROXIES = 1000;

/** A table of what can be compared; nothing when nothing can. */
export function anchorTables(rows: readonly Row[]): readonly Table[] {
  const cells = rows
    .filter(({ proxies }) => proxies === PROXIES)
    .flatMap((row) =>
      ANCHORS.filter(({ mesh, step, mode }) => mesh === row.mesh && step === row.step && mode === row.mode).map(
        ({ figure, istiod, goal }) => {
          const ours = OF[figure](row);
          const verdict = goal === undefined ? "" : ours <= goal ? "reached" : "missed";
          const ratio = istiod !== undefined && ours > 0 ? `×${(istiod / ours).toFixed(1)}` : NONE;
          return [row.mesh, row.step, row.mode, figure, ...[ours, goal, istiod].map(orNone), ratio, verdict];
        },
      ),
    );
  if (cells.length === 0) return [];
  const headings = ["mesh", "step", "mode", "figure", "Mizzen", "goal", "istiod", "istiod/Mizzen", ""];
  return [{ title: "beside istiod (1,000 proxies):", headings, rows: cells, notes: [] }];
}

/** The same as lines of text. */
export function anchorsTable(rows: readonly Row[]): readonly string[] {
  return anchorTables(rows).flatMap(tableLines);
}

const NONE = "–";

function orNone(value: number | undefined): string {
  return value === undefined ? NONE : short(value);
}

function both(
  mesh: string,
  step: string,
  figure: Figure,
  istiod: readonly [number, number],
  goals?: readonly [number, number],
): readonly Anchor[] {
  return MODES.map((mode, index) => ({
    ...{ mesh, step, mode, figure, istiod: istiod[index]! },
    ...(goals ? { goal: goals[index]! } : {}),
  }));
}
