// Runs one scenario over one mesh in one mode, step by step.
import type { MemoryCurve, Row } from "../report/row.ts";
import type { Step } from "../scenarios/model.ts";
import { Stage, type StageOptions } from "./stage.ts";
import { changeStep } from "./steps/change.ts";
import { churnStep, rollingStep } from "./steps/churn.ts";
import { connectStep } from "./steps/connect.ts";
import { faultsStep, STALLED } from "./steps/faults.ts";
import { reconnectStep } from "./steps/reconnect.ts";
import { soakStep } from "./steps/soak.ts";

export interface ScenarioResult {
  readonly rows: readonly Row[];
  readonly memory: MemoryCurve;
}

export interface RunOptions extends StageOptions {
  /** How long a soak takes. */
  readonly minutes: number;
  onRow(row: Row): void;
}

export async function runScenario(options: RunOptions): Promise<ScenarioResult> {
  const stage = await Stage.start(options);
  try {
    const rows: Row[] = [];
    for (const step of options.scenario.steps) {
      const row = await run(stage, step, rows[0], options);
      rows.push(row);
      options.onRow(row);
    }
    const { scenario, mesh, mode } = options;
    return { rows, memory: { label: `${scenario.name}, ${mesh.name}, ${mode}`, points: stage.memory.points } };
  } finally {
    await stage.close();
  }
}

function run(stage: Stage, step: Step, first: Row | undefined, { scenario, minutes }: RunOptions): Promise<Row> {
  switch (step.do) {
    case "connect": {
      const does = new Set(scenario.steps.map((one) => one.do));
      const remember = does.has("reconnect") || does.has("faults");
      return connectStep(stage, { remember, relayed: does.has("faults") ? [STALLED] : [] });
    }
    case "change":
      return changeStep(stage, step.kind, step.times);
    case "churn":
      return churnStep(stage, step.perSecond, step.seconds, step.routesPerSecond);
    case "rolling":
      return rollingStep(stage, step.perSecond);
    case "reconnect":
      if (!first) throw new Error("a scenario has to connect before it can reconnect");
      return reconnectStep(stage, first);
    case "soak":
      return soakStep(stage, minutes);
    case "faults":
      return faultsStep(stage, step.seconds);
  }
}
