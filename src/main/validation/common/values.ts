// Rules for durations, percentages and regular expressions. Main thread.
import { RE2JS } from "re2js";
import { type Report, reject } from "../report.ts";

/** A duration of a decoded object, which is in seconds, as milliseconds. */
export function durationMs(text: string): number {
  return Number(text.slice(0, -1)) * 1000;
}

/** Envoy counts in milliseconds: less, or a part of one, can't be told. */
export function checkDuration(report: Report, field: string, text: string | undefined): void {
  if (text === undefined) return;
  const ms = durationMs(text);
  if (ms < 1) reject(report, field, "duration must be greater than 1ms");
  else if (!isWholeMs(ms)) reject(report, field, "only durations to ms precision are supported");
}

/** As above, but 0 is allowed. */
export function checkDurationOrZero(report: Report, field: string, text: string | undefined): void {
  if (text !== undefined && durationMs(text) !== 0) checkDuration(report, field, text);
}

function isWholeMs(ms: number): boolean {
  return Math.abs(ms - Math.round(ms)) < 1e-6;
}

export function checkPercent(report: Report, field: string, value: number | undefined): void {
  const number = value ?? 0;
  if (!(number >= 0 && number <= 100)) reject(report, field, `percentage ${number} is not in range 0..100`);
}

/** Says why RE2 doesn't take an expression; undefined when it does. */
export function regexProblem(expression: string): string | undefined {
  try {
    RE2JS.compile(expression);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

export interface StringMatch {
  readonly exact?: string;
  readonly prefix?: string;
  readonly regex?: string;
}

/** Only expressions can be wrong; an empty match stands for presence. */
export function checkStringMatch(report: Report, field: string, match: StringMatch | undefined): void {
  if (match?.regex === undefined) return;
  if (match.regex === "") {
    reject(report, `${field}.regex`, "regex string match should not be empty");
    return;
  }
  const problem = regexProblem(match.regex);
  if (problem !== undefined) reject(report, `${field}.regex`, `invalid regex: ${problem}`);
}
