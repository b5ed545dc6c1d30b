// The table of a comparison of two revisions. Pure.
import { times } from "./format.ts";
import { byKey, METRICS, type Ratio, ratioOf } from "./ratios.ts";
import type { Row } from "./row.ts";
import { textTable } from "./table.ts";

/** `base` and `current`: the rows of each round. */
export function ratioTables(
  base: readonly (readonly Row[])[],
  current: readonly (readonly Row[])[],
): readonly string[] {
  const before = byKey(base);
  const cells = [...byKey(current)].map(([key, rows]) => {
    const { scenario, mesh, mode, step } = rows[0]!;
    const values = (some: readonly Row[], of: (row: Row) => number): number[] => some.map(of);
    const ratios = METRICS.map(({ of }) => ratioText(ratioOf(values(before.get(key) ?? [], of), values(rows, of))));
    return [scenario, mesh, mode, step, ...ratios];
  });
  const headings = ["scenario", "mesh", "mode", "step", ...METRICS.map(({ name }) => name)];
  const title = `this tree / base over ${current.length} rounds: median (min–max); below 1 is less`;
  return ["", title, ...textTable(headings, cells)];
}

function ratioText(ratio: Ratio | undefined): string {
  if (!ratio) return "–";
  return `${times(ratio.median)} (${ratio.min.toFixed(2)}–${ratio.max.toFixed(2)})`;
}
