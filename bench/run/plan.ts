// Runs the chosen scenarios one after the other: each in its modes, over its meshes.
import { short } from "../report/format.ts";
import type { MemoryCurve, Row } from "../report/row.ts";
import type { BenchOptions } from "./arguments.ts";
import { runScenario, type ScenarioResult } from "./scenario-run.ts";

/** One server's worth of a plan. */
export interface Part {
  readonly label: string;
  /** `main`: the entry of another tree. */
  run(say: (line: string) => void, main?: string): Promise<ScenarioResult>;
}

export function partsOf(options: BenchOptions): readonly Part[] {
  const { proxies, perConnection, minutes } = options;
  return options.scenarios.flatMap((scenario) =>
    scenario.modes
      .filter((mode) => !options.modes || options.modes.includes(mode))
      .flatMap((mode) =>
        scenario.meshes.map((mesh) => ({
          label: `${scenario.name}, ${mesh.name}, ${mode}`,
          run: (say: (line: string) => void, main?: string) =>
            runScenario({
              ...{ scenario, mesh, mode, perConnection, minutes },
              proxies: proxies ?? scenario.proxies.count,
              ...(main ? { main } : {}),
              onRow: (row) => say(`  ${progressOf(row)}`),
            }),
        })),
      ),
  );
}

export async function runPlan(
  options: BenchOptions,
  say: (line: string) => void,
): Promise<{ readonly rows: readonly Row[]; readonly memory: readonly MemoryCurve[] }> {
  const rows: Row[] = [];
  const memory: MemoryCurve[] = [];
  for (const part of partsOf(options)) {
    say(part.label);
    const result = await part.run(say);
    rows.push(...result.rows);
    memory.push(result.memory);
  }
  return { rows, memory };
}

function progressOf({ step, latency, cpuMs, proxies }: Row): string {
  return `${step}: P50 ${short(latency.p50)} ms, P99 ${short(latency.p99)} ms, CPU ${short(cpuMs / proxies)} ms a proxy`;
}
