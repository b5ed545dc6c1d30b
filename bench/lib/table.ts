// Text tables. Pure but for the printing.

/** Prints rows under their headings; what looks like a number is set to the right. */
export function printTable(headings: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (/^[-\d.]+$/.test(cell) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
      .join("  ")
      .trimEnd();
  for (const cells of [headings, widths.map((width) => "-".repeat(width)), ...rows]) console.log(line(cells));
}
