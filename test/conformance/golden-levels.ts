// The levels that golden scenarios have reached: recorded in a file, and never to fall.
import fs from "node:fs";
import path from "node:path";
import type { ScenarioOutcome } from "./golden-run.ts";

export interface Level {
  readonly equal: boolean;
  readonly leafPercent: number;
}

export type Levels = Readonly<Record<string, Level>>;

export function readLevels(file: string): Levels {
  return fs.existsSync(file) ? (JSON.parse(fs.readFileSync(file, "utf8")) as Levels) : {};
}

/** Writes what was reached now over what was recorded; scenarios that did not run keep their level. */
export function writeLevels(file: string, levels: Levels, outcomes: readonly ScenarioOutcome[]): void {
  const merged: Record<string, Level> = { ...levels };
  for (const { name, equal, leafPercent } of outcomes) merged[name] = { equal, leafPercent };
  const sorted = Object.entries(merged).sort(([a], [b]) => (a < b ? -1 : 1));
  const lines = sorted.map(([name, level]) => `  ${JSON.stringify(name)}: ${formatLevel(level)}`);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, `{\n${lines.join(",\n")}\n}\n`);
}

function formatLevel({ equal, leafPercent }: Level): string {
  return `{ "equal": ${equal}, "leafPercent": ${leafPercent} }`;
}

/** What the outcome falls short of, or undefined when it holds the level. */
export function shortfall(level: Level | undefined, outcome: ScenarioOutcome): string | undefined {
  if (!level) return undefined;
  if (level.equal && !outcome.equal) return "was equal";
  return outcome.leafPercent < level.leafPercent ? `was ${level.leafPercent} %` : undefined;
}
