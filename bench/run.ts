// `make bench`: runs scenarios and prints tables; --help says what can be chosen.
import fs from "node:fs";
import { anchorsTable } from "./report/anchors.ts";
import { htmlPage } from "./report/html-page.ts";
import { describeMachine, machineLine } from "./report/machine.ts";
import { ratioTables } from "./report/ratio-table.ts";
import type { Report } from "./report/report-file.ts";
import { rowsTables } from "./report/rows-table.ts";
import { type BenchOptions, HELP, listScenarios, parseBench } from "./run/arguments.ts";
import { compareWith } from "./run/compare.ts";
import { runPlan } from "./run/plan.ts";

const options = parseBench(process.argv.slice(2));
if (options.help) console.log(HELP);
else if (options.list) console.log(listScenarios().join("\n"));
else await main(options);

async function main(chosen: BenchOptions): Promise<void> {
  const machine = describeMachine();
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  if (chosen.base !== undefined) {
    const { base, current } = await compareWith(chosen.base, chosen, say);
    print([machineLine(machine()), ...ratioTables(base, current)]);
    if (chosen.json) fs.writeFileSync(chosen.json, JSON.stringify({ machine: machine(), base, current }, null, 2));
    return;
  }
  const { rows, memory } = await runPlan(chosen, say);
  const report: Report = { machine: machine(), rows, memory };
  print([machineLine(report.machine), ...rowsTables(rows), ...anchorsTable(rows)]);
  if (chosen.json) fs.writeFileSync(chosen.json, JSON.stringify(report, null, 2));
  if (chosen.html) fs.writeFileSync(chosen.html, htmlPage(report));
}

function print(lines: readonly string[]): void {
  console.log(lines.join("\n"));
}
