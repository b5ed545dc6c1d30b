// Runs the validation suite of ../shared, prints how much of it passes by kind, and fails below the level reached before.
//   node dist/test/conformance/validation.js [--failures]     (UPDATE_LEVELS=1 records the levels)
import fs from "node:fs";
import path from "node:path";
import { repositoryRoot } from "../support/repository.ts";
import { readSuite, runCase } from "./validation-suite.ts";

interface Level {
  readonly cases: number;
  /** Cases where acceptance is that of the reference. */
  readonly accept: number;
  /** Cases where the texts are too. */
  readonly text: number;
}

const LEVELS = "test/conformance/levels/validation.json";

function main(args: readonly string[]): number {
  const root = repositoryRoot();
  const folder = path.join(root, "../shared/conformance/validation");
  if (!fs.existsSync(folder)) {
    console.log("validation suite: ../shared is not here, so there is nothing to compare with");
    console.log("validation: 0 passed, 0 failed, 1 skipped");
    return 0;
  }
  const levels = new Map<string, { cases: number; accept: number; text: number }>();
  for (const one of readSuite(folder)) {
    const group = one.options.kind === "webhook" ? one.name.split("/").slice(0, 2).join("/") : one.options.kind;
    const level = levels.get(group) ?? { cases: 0, accept: 0, text: 0 };
    levels.set(group, level);
    const outcome = runCase(folder, one);
    const accepted = outcome.accepted === (one.options.accept ?? true);
    level.cases++;
    if (accepted) level.accept++;
    if (accepted && outcome.textEqual) level.text++;
    if (args.includes("--failures") && !(accepted && outcome.textEqual)) {
      console.log(
        `${accepted ? "text  " : "ACCEPT"} ${one.name}\n  expected ${JSON.stringify(one.options)}\n  ${outcome.said}`,
      );
    }
  }
  return report(root, levels, process.env.UPDATE_LEVELS === "1");
}

function report(root: string, levels: ReadonlyMap<string, Level>, write: boolean): number {
  const file = path.join(root, LEVELS);
  const reached = (fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, "utf8")) : {}) as Record<string, Level>;
  let failed = 0;
  const total = { cases: 0, accept: 0, text: 0 };
  for (const [group, level] of [...levels].sort()) {
    const before = reached[group];
    const worse = before !== undefined && (level.accept < before.accept || level.text < before.text);
    if (worse) failed++;
    for (const key of ["cases", "accept", "text"] as const) total[key] += level[key];
    const note = worse ? `  below ${before.accept} / ${before.text}` : "";
    console.log(
      `${group.padEnd(34)} ${level.accept}/${level.cases} accepted alike, ${level.text} with equal texts${note}`,
    );
  }
  console.log(`${"all".padEnd(34)} ${total.accept}/${total.cases} accepted alike, ${total.text} with equal texts`);
  if (write) {
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, `${JSON.stringify(Object.fromEntries([...levels].sort()), null, 2)}\n`);
  }
  // A case that is known not to pass is counted by its level, so that it fails nothing.
  console.log(`validation: ${levels.size - failed} passed, ${failed} failed, 0 skipped`);
  return failed === 0 || write ? 0 : 1;
}

process.exitCode = main(process.argv.slice(2));
