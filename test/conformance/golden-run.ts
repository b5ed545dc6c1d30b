// Runs one golden scenario: a control plane on its files, a dump for each of its proxies, and the comparison.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import type { RunningControlPlane } from "../support/control-plane.ts";
import { startScenario } from "./golden-mesh.ts";
import type { GoldenProxy, Scenario } from "./golden-scenarios.ts";
import { type DiffReport, runXdsprobe } from "./xdsprobe.ts";

export interface RunOptions {
  readonly xdsprobe: string;
  readonly ignore: string;
  readonly mode: "sotw" | "delta";
  /** Also keep the texts that people read. */
  readonly verbose: boolean;
  /** Where log lines go. */
  readonly log?: (line: string) => void;
  /** Keep what was dumped in this folder. */
  readonly keep?: string;
}

export interface ScenarioOutcome {
  readonly name: string;
  readonly equal: boolean;
  /** Equal leaves among all that either side has, in percent; rounded down, so that 100 means all. */
  readonly leafPercent: number;
  /** Resources that are equal, and how many there should be. */
  readonly resourcesEqual: number;
  readonly resources: number;
  /** Types with differences, with their share of equal leaves, as people read them. */
  readonly unequalTypes: readonly string[];
  /** Differences by path: how many. */
  readonly patterns: ReadonlyMap<string, number>;
  /** Failures and violations of the protocol: what makes a scenario unequal whatever was dumped. */
  readonly problems: readonly string[];
  /** `xdsprobe diff`'s text for each proxy that differs. */
  readonly text: string;
  readonly ms: number;
}

interface ProxyOutcome {
  readonly proxy: string;
  readonly report?: DiffReport;
  readonly problems: readonly string[];
  readonly text: string;
}

export async function runScenario(scenario: Scenario, options: RunOptions): Promise<ScenarioOutcome> {
  const started = performance.now();
  const temporary = fs.mkdtempSync(path.join(os.tmpdir(), "mizzen-golden-"));
  let outcomes: readonly ProxyOutcome[];
  let server: RunningControlPlane | undefined;
  try {
    server = await startScenario(scenario, temporary, options.log);
    const running = server;
    outcomes = await Promise.all(scenario.proxies.map((proxy) => runProxy(running, proxy, temporary, options)));
    if (options.keep) fs.cpSync(path.join(temporary, "actual"), path.join(options.keep, scenario.name), COPY);
  } catch (error) {
    const reason = error instanceof Error ? `${error.message}${error.cause ? `: ${error.cause}` : ""}` : String(error);
    outcomes = [{ proxy: "-", problems: [reason], text: "" }];
  } finally {
    await server?.close();
    fs.rmSync(temporary, { recursive: true, force: true });
  }
  return summarize(scenario, outcomes, performance.now() - started);
}

const COPY = { recursive: true, force: true } as const;

async function runProxy(
  server: RunningControlPlane,
  proxy: GoldenProxy,
  temporary: string,
  options: RunOptions,
): Promise<ProxyOutcome> {
  const node = path.join(temporary, `${proxy.name}.json`);
  const actual = path.join(temporary, "actual", proxy.name);
  fs.writeFileSync(node, JSON.stringify(proxy.node));
  fs.mkdirSync(actual, { recursive: true });
  const dump = await runXdsprobe(options.xdsprobe, [
    ...["dump", "--target", server.grpc, "--node", node, "--types", proxy.types.join(","), "--out", actual],
    ...["--mode", options.mode, "--settle", "200ms", "--timeout", "4s", ...proxy.dump],
  ]);
  const problems = dump.code === 0 ? [] : [`${proxy.name}: dump ended with ${dump.code}: ${lastLine(dump.stderr)}`];
  problems.push(...violations(actual, proxy.dump).map((one) => `${proxy.name}: ${one}`));
  const compare = ["diff", proxy.golden, actual, "--ignore", options.ignore];
  const diff = await runXdsprobe(options.xdsprobe, [...compare, "--json"]);
  if (diff.code > 1) return { proxy: proxy.name, problems: [...problems, lastLine(diff.stderr)], text: "" };
  const report = JSON.parse(diff.stdout) as DiffReport;
  const text = options.verbose && !report.equal ? (await runXdsprobe(options.xdsprobe, compare)).stdout : "";
  return { proxy: proxy.name, report, problems, text };
}

function violations(actual: string, dump: readonly string[]): readonly string[] {
  const file = path.join(actual, "meta.json");
  if (!fs.existsSync(file)) return [];
  const meta = JSON.parse(fs.readFileSync(file, "utf8")) as { violations?: unknown[] | null };
  const asksForRoutesFirst = dump.some((argument) => argument.startsWith("rds="));
  return (meta.violations ?? [])
    .map((one) => (typeof one === "string" ? one : JSON.stringify(one)))
    .filter((one) => !one.includes(NAMELESS_NAME_TABLE))
    .filter((one) => !asksForRoutesFirst || one !== ROUTES_FIRST)
    .map((one) => `violation: ${one}`);
}

/** The one name table of a proxy has no name with istiod either; its agents don't ask for one. */
const NAMELESS_NAME_TABLE = "nds: delta resource without a name";

/** The probe asks for routes that it was given by name before it asks for listeners, and is answered in its order. */
const ROUTES_FIRST = "rds: response before the first lds response";

function summarize(scenario: Scenario, outcomes: readonly ProxyOutcome[], ms: number): ScenarioOutcome {
  const problems = outcomes.flatMap((outcome) => outcome.problems);
  const patterns = new Map<string, number>();
  const types = new Map<string, { equal: number; all: number }>();
  let resources = 0;
  let resourcesEqual = 0;
  for (const { report } of outcomes) {
    for (const group of report?.groups ?? []) {
      const key = `${group.pattern} ${group.kind}`;
      patterns.set(key, (patterns.get(key) ?? 0) + group.count);
    }
    for (const { type, leaves } of report?.types ?? []) {
      const sum = types.get(type) ?? { equal: 0, all: 0 };
      types.set(type, sum);
      sum.equal += leaves.equal;
      sum.all += leaves.equal + leaves.goldenOnly + leaves.actualOnly;
    }
    resources += report?.total.golden ?? 0;
    resourcesEqual += report?.total.equal ?? 0;
  }
  const sums = [...types.values()];
  const equalLeaves = sums.reduce((sum, one) => sum + one.equal, 0);
  const allLeaves = sums.reduce((sum, one) => sum + one.all, 0);
  return {
    name: scenario.name,
    equal: problems.length === 0 && outcomes.every((outcome) => outcome.report?.equal === true),
    leafPercent: percent(equalLeaves, allLeaves),
    resources,
    resourcesEqual,
    unequalTypes: [...types]
      .filter(([, sum]) => sum.equal < sum.all)
      .map(([type, sum]) => `${type} ${percent(sum.equal, sum.all)}`),
    patterns,
    problems,
    text: outcomes.map((outcome) => (outcome.text ? `--- ${outcome.proxy}\n${outcome.text}` : "")).join(""),
    ms,
  };
}

function percent(part: number, whole: number): number {
  return whole === 0 ? 0 : Math.floor((10_000 * part) / whole) / 100;
}

function lastLine(text: string): string {
  return text.trimEnd().split("\n").at(-1) ?? "";
}
