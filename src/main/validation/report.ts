// Gathers what semantic rules find in one object. Main thread.
import type { FieldError } from "./structural/json.ts";

/** What is wrong with an object, and what is only unwise. */
export interface Report {
  readonly errors: FieldError[];
  readonly warnings: string[];
  /** True where istiod writes even a single error as a list of one. */
  listed: boolean;
}

export function newReport(): Report {
  return { errors: [], warnings: [], listed: false };
}

/** Adds an error of a field. */
export function reject(report: Report, field: string, reason: string): void {
  report.errors.push({ field, reason });
}

/** Adds a warning; the object is taken all the same. */
export function warn(report: Report, text: string): void {
  report.warnings.push(text);
}

/** Errors as istiod's webhook writes them: one as it is, several as a list. */
export function reportText(texts: readonly string[], listed = false): string {
  if (texts.length === 0) return "";
  if (texts.length === 1 && !listed) return texts[0]!;
  const count = texts.length === 1 ? "1 error" : `${texts.length} errors`;
  return `${count} occurred:\n\t${texts.map((text) => `* ${text}`).join("\n\t")}\n\n`;
}
