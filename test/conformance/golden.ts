// Runs golden scenarios of ../shared against this control plane, prints how much is equal, and fails below recorded levels.
//   node dist/test/conformance/golden.js [GROUP | GROUP/SCENARIO | all …] [-v] [--patterns] [--delta] [--log] [--keep DIR]
// -v shows every difference, --patterns the most frequent ones over all scenarios; UPDATE_LEVELS=1 records the levels.
import fs from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { repositoryRoot } from "../support/repository.ts";
import { readLevels, shortfall, writeLevels } from "./golden-levels.ts";
import { type RunOptions, runScenario, type ScenarioOutcome } from "./golden-run.ts";
import { listScenarios, readScenario } from "./golden-scenarios.ts";
import { findXdsprobe } from "./xdsprobe.ts";

const DEFAULT_GROUPS = ["basics", "mesh-real"];
const LEVELS = "test/conformance/levels/golden.json";
const AT_ONCE = 2;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      verbose: { type: "boolean", short: "v", default: false },
      patterns: { type: "boolean", default: false },
      delta: { type: "boolean", default: false },
      log: { type: "boolean", default: false },
      keep: { type: "string" },
    },
  });
  const root = repositoryRoot();
  const shared = path.join(root, "../shared");
  const golden = path.join(shared, "golden");
  const xdsprobe = fs.existsSync(golden) ? findXdsprobe(shared) : undefined;
  if (xdsprobe === undefined) {
    console.log("golden scenarios: ../shared is not here, so there is nothing to compare with");
    console.log("golden: 0 passed, 0 failed, 1 skipped");
    return 0;
  }
  const names = listScenarios(golden, positionals.length > 0 ? positionals : DEFAULT_GROUPS);
  const options: RunOptions = {
    xdsprobe,
    ignore: path.join(golden, "ignore.txt"),
    mode: values.delta ? "delta" : "sotw",
    verbose: values.verbose,
    ...(values.log ? { log: (line: string) => void process.stdout.write(line) } : {}),
    ...(values.keep ? { keep: path.resolve(values.keep) } : {}),
  };
  const file = path.join(root, LEVELS);
  const levels = readLevels(file);
  let failed = 0;
  const outcomes = await runAll(names, async (name) => {
    const outcome = await runScenario(readScenario(golden, name), options);
    const short = shortfall(levels[name], outcome);
    if (short) failed++;
    printOutcome(outcome, short);
    return outcome;
  });
  if (values.patterns) printPatterns(outcomes);
  printGroups(outcomes);
  if (process.env.UPDATE_LEVELS === "1") writeLevels(file, levels, outcomes);
  console.log(`golden: ${outcomes.length - failed} passed, ${failed} failed, 0 skipped`);
  return failed === 0 || process.env.UPDATE_LEVELS === "1" ? 0 : 1;
}

/** Runs `work` for all names, some at once; results come in the order of names. */
async function runAll<T>(names: readonly string[], work: (name: string) => Promise<T>): Promise<readonly T[]> {
  const results: T[] = new Array<T>(names.length);
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < names.length) {
      const index = next++;
      results[index] = await work(names[index]!);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  return results;
}

function printOutcome(outcome: ScenarioOutcome, short: string | undefined): void {
  const { name, equal, leafPercent, resourcesEqual, resources, unequalTypes, problems, text, ms } = outcome;
  const share = `${leafPercent.toFixed(2)} %`.padStart(8);
  const detail = equal ? "" : unequalTypes.join(", ");
  console.log(
    `${name.padEnd(44)} ${equal ? "equal" : "     "} ${share}  ${resourcesEqual}/${resources} resources  ` +
      `${(ms / 1000).toFixed(1)} s  ${detail}${short ? `  BELOW ITS LEVEL: ${short}` : ""}`,
  );
  for (const problem of problems) console.log(`    ${problem}`);
  if (text) console.log(text);
}

function printGroups(outcomes: readonly ScenarioOutcome[]): void {
  const groups = new Map<string, ScenarioOutcome[]>();
  for (const outcome of outcomes) {
    const group = outcome.name.split("/")[0]!;
    groups.set(group, [...(groups.get(group) ?? []), outcome]);
  }
  console.log("");
  for (const [group, list] of [...groups].sort()) {
    const equal = list.filter((outcome) => outcome.equal).length;
    const least = Math.min(...list.map((outcome) => outcome.leafPercent));
    const mean = list.reduce((sum, outcome) => sum + outcome.leafPercent, 0) / list.length;
    console.log(
      `${group.padEnd(20)} ${equal} of ${list.length} equal, leaves ${mean.toFixed(2)} % on average, ${least} % at least`,
    );
  }
}

function printPatterns(outcomes: readonly ScenarioOutcome[]): void {
  const total = new Map<string, { count: number; scenarios: string[] }>();
  for (const { name, patterns } of outcomes) {
    for (const [pattern, count] of patterns) {
      const sum = total.get(pattern) ?? { count: 0, scenarios: [] };
      total.set(pattern, sum);
      sum.count += count;
      sum.scenarios.push(name);
    }
  }
  console.log("\nscenarios  differences  path");
  const sorted = [...total].sort(([, a], [, b]) => b.scenarios.length - a.scenarios.length || b.count - a.count);
  for (const [pattern, { count, scenarios }] of sorted.slice(0, 60)) {
    console.log(
      `${String(scenarios.length).padStart(9)}  ${String(count).padStart(11)}  ${pattern}  (${scenarios[0]})`,
    );
  }
}

process.exitCode = await main();
