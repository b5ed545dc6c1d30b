// Text tables. Pure.

/** Rows under their headings, a line each; what begins like a number is set to the right. */
export function textTable(headings: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  const columns = headings.map((heading, column) => [heading, ...rows.map((row) => row[column] ?? "")]);
  const widths = columns.map((cells) => Math.max(...cells.map((cell) => cell.length)));
  const right = columns.map(([, ...cells]) => cells.every((cell) => cell === "" || /^[-+×]?\d|^–$/.test(cell)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (right[column] ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
      .join("  ")
      .trimEnd();
  return [line(headings), widths.map((width) => "─".repeat(width)).join("──"), ...rows.map(line)];
}
