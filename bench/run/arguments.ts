// The command line of `make bench`.
import { parseArgs } from "node:util";
import { MODES, type Mode } from "../client/messages.ts";
import type { Scenario } from "../scenarios/model.ts";
import { SCENARIOS, scenariosNamed } from "../scenarios/scenarios.ts";

export interface BenchOptions {
  readonly help: boolean;
  readonly list: boolean;
  readonly scenarios: readonly Scenario[];
  /** Those of the scenario when absent. */
  readonly modes: readonly Mode[] | undefined;
  readonly proxies: number | undefined;
  readonly perConnection: number;
  readonly minutes: number;
  readonly rounds: number;
  readonly base: string | undefined;
  readonly json: string | undefined;
  readonly html: string | undefined;
}

/** What a comparison runs when nothing is named: all of it would take an hour. */
const COMPARED = ["changes"];

export const HELP = `make bench ARGS="…"
  --scenario NAME …   which to run; without: ${namesOf((scenario) => scenario.usual)}
  --all               every scenario
  --list              what there is
  --mode sotw|delta   one mode only
  --proxies N         other than the scenario's number
  --per-connection N  proxies that share a connection (1, as in production)
  --minutes N         how long soak takes (10)
  --json FILE         rows, memory over time and the machine's facts
  --html FILE         the same as a page with plots
  --base REV          (or make bench BASE=REV) builds that revision too, runs both in turn, and prints ratios
  --rounds N          how often each is run with --base (3)`;

/** Throws with what is wrong with the arguments. */
export function parseBench(args: readonly string[]): BenchOptions {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      scenario: { type: "string", multiple: true, default: [] },
      mode: { type: "string", multiple: true },
      proxies: { type: "string" },
      "per-connection": { type: "string", default: "1" },
      minutes: { type: "string", default: "10" },
      rounds: { type: "string", default: "3" },
      base: { type: "string" },
      json: { type: "string" },
      html: { type: "string" },
      all: { type: "boolean", default: false },
      list: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const modes = values.mode as Mode[] | undefined;
  const wrong = modes?.find((mode) => !MODES.includes(mode));
  if (wrong) throw new Error(`--mode ${wrong}: ${MODES.join(" or ")}`);
  const base = values.base || undefined;
  // --scenario a b c: the names that follow are scenarios too.
  const names = [...values.scenario, ...positionals];
  return {
    help: values.help,
    list: values.list,
    scenarios: chosen(names, values.all, base !== undefined),
    modes,
    proxies: values.proxies === undefined ? undefined : positive("proxies", values.proxies),
    perConnection: positive("per-connection", values["per-connection"]),
    minutes: positive("minutes", values.minutes),
    rounds: positive("rounds", values.rounds),
    ...{ base, json: values.json, html: values.html },
  };
}

/** A line for each scenario; those that run without being named have a star. */
export function listScenarios(): readonly string[] {
  return SCENARIOS.map(({ name, about, usual }) => `${usual ? "*" : " "} ${name.padEnd(12)} ${about}`);
}

function chosen(names: readonly string[], all: boolean, comparing: boolean): readonly Scenario[] {
  if (names.length > 0) return scenariosNamed(names);
  if (all) return SCENARIOS;
  return comparing ? scenariosNamed(COMPARED) : SCENARIOS.filter(({ usual }) => usual);
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`--${name} ${text}: a number above 0`);
  return value;
}

function namesOf(which: (scenario: Scenario) => boolean): string {
  return SCENARIOS.filter(which)
    .map(({ name }) => name)
    .join(", ");
}
