// Tables, and how they look as text. Pure.

export interface Table {
  readonly title: string;
  readonly headings: readonly string[];
  /** Cells as people read them, as many as there are headings. */
  readonly rows: readonly (readonly string[])[];
  /** What has to be known of some of the rows. */
  readonly notes: readonly string[];
}

/** A table with its title above and its notes below, after an empty line. */
export function tableLines({ title, headings, rows, notes }: Table): readonly string[] {
  return ["", title, ...textTable(headings, rows), ...notes.map((note) => `  * ${note}`)];
}

/** Rows under their headings, a line each; what begins like a number is set to the right. */
export function textTable(headings: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  const columns = headings.map((heading, column) => [heading, ...rows.map((row) => row[column] ?? "")]);
  const widths = columns.map((cells) => Math.max(...cells.map((cell) => cell.length)));
  const right = numeric(headings, rows);
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (right[column] ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
      .join("  ")
      .trimEnd();
  return [line(headings), widths.map((width) => "─".repeat(width)).join("──"), ...rows.map(line)];
}

/** Whether a column has nothing but what begins like a number. */
export function numeric(headings: readonly string[], rows: readonly (readonly string[])[]): readonly boolean[] {
  return headings.map((_, column) =>
    rows.map((row) => row[column] ?? "").every((cell) => cell === "" || /^[-+×]?\d|^–$/.test(cell)),
  );
}
