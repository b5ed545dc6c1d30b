// A report of a growth, a storm and a soak, with figures as real ones look, for tests of the page.
import { distributionOf } from "../../bench/report/percentiles.ts";
import type { Report } from "../../bench/report/report-file.ts";
import type { Row } from "../../bench/report/row.ts";
import { rowWith } from "./rows.ts";

const STEPS = ["connect", "endpoint", "route", "destination rule", "service added", "service removed"];
const MODES = ["sotw", "delta"] as const;
const MESHES = [100, 1_000, 10_000];

/** Latencies of 200 arrivals around `middle`, with a long tail. */
function latencies(middle: number): Row["latency"] {
  return distributionOf(Array.from({ length: 200 }, (_, i) => middle * (0.3 + (i / 100) ** 2 + (i > 195 ? 6 : 0))));
}

function row(scenario: string, services: number, step: string, mode: (typeof MODES)[number]): Row {
  const weight =
    (STEPS.indexOf(step) === 0 ? 40 : STEPS.indexOf(step) + 1) * (mode === "sotw" ? 1 + services / 5_000 : 1);
  return rowWith({
    ...{ scenario, mesh: scenario === "storm" ? "m1000" : `${services} services`, services, step, mode },
    ...(scenario === "storm" ? { proxies: 1_000 } : {}),
    latency: latencies(weight * 4),
    cpuMs: weight * 12,
    spreadMs: weight * 3,
    tasks: weight * 20,
    longTasks: STEPS.indexOf(step) === 0 ? 7 : 0,
    rssMiB: 180 + services / 50,
    peakMiB: 200 + services / 40,
  });
}

const over = (scenario: string, sizes: readonly number[]): Row[] =>
  sizes.flatMap((services) => MODES.flatMap((mode) => STEPS.map((step) => row(scenario, services, step, mode))));

export const SAMPLE_REPORT: Report = {
  machine: {
    ...{
      cpu: "Some <CPU> @ 3 GHz",
      cores: 2,
      memoryGiB: 24,
      node: "v20.20.2",
      system: "Linux 6.1",
      revision: "abc1234",
    },
    ...{ loadBefore: 0.1, loadAfter: 1.2 },
  },
  rows: [
    ...over("growth", MESHES),
    ...over("storm", [1_000]),
    rowWith({ scenario: "soak", mesh: "m100", services: 100, notes: ["memory grew </script><b>by 12 MiB</b>"] }),
  ],
  memory: [
    {
      label: "soak, m100",
      points: Array.from({ length: 300 }, (_, i) => ({
        seconds: i * 2,
        rssMiB: 260 + 40 * Math.sin(i / 9) + i / 10,
        heapMiB: 60 + (i % 20) * 2,
      })),
    },
  ],
};
