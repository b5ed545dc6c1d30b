// Changes, and proxies that come and go, for minutes: does the server's memory grow?
import { setTimeout as sleep } from "node:timers/promises";
import { clockMs } from "../../lib/clock.ts";
import { changeOf } from "../../mesh/changes.ts";
import { distributionOf, slopeOf } from "../../report/percentiles.ts";
import type { Row } from "../../report/row.ts";
import { residentMiB } from "../../server/proc-stat.ts";
import type { Stage } from "../stage.ts";
import { Window } from "../window.ts";
import { lastOf, write } from "./churn.ts";

const PERIOD_MS = 10_000;
const PER_SECOND = 10;
const PROXIES_REPLACED = 5;

export async function soakStep(stage: Stage, minutes: number): Promise<Row> {
  const window = await Window.open(stage);
  await stage.client.tell({ tag: "watch", mark: undefined });
  const { targets } = stage.mesh;
  const points: { minute: number; heapMiB: number; buffersMiB: number; rssMiB: number }[] = [];
  const started = clockMs();
  let written = 0;
  while (clockMs() - started < minutes * 60_000) {
    const from = written;
    const count = (PERIOD_MS / 1000) * PER_SECOND;
    const place = (n: number) => lastOf(targets[(from + n) % targets.length]!);
    await write(stage, { place, perSecond: PER_SECOND, count, period: targets.length });
    written += count;
    changeOf("route", stage.mesh, stage.nextSerial()).make();
    await stage.client.tell({ tag: "replace-proxies", count: PROXIES_REPLACED });
    await sleep(500);
    stage.client.check();
    const { heapMiB, buffersMiB } = await stage.server.usage(true);
    const { rssMiB } = residentMiB(stage.server.pid);
    points.push({ minute: (clockMs() - started) / 60_000, heapMiB, buffersMiB, rssMiB });
  }
  await stage.settle();
  const { counts } = await stage.client.ask({ tag: "collect" }, "collected");
  const line = (of: (point: (typeof points)[number]) => number): string => {
    // Caches fill in the first half.
    const half = points.slice(points.length >> 1);
    const slope = slopeOf(half.map((point) => ({ x: point.minute, y: of(point) })));
    return `${of(points[0]!).toFixed(0)} → ${of(points.at(-1)!).toFixed(0)} MiB, ${slope.toFixed(2)} MiB a minute in the second half`;
  };
  return window.close({
    step: `soak ${minutes} min`,
    times: 1,
    expected: 0,
    reached: 0,
    latency: distributionOf([]),
    spreadMs: 0,
    counts,
    notes: [
      `heap after collection ${line(({ heapMiB }) => heapMiB)}`,
      `buffers ${line(({ buffersMiB }) => buffersMiB)}`,
      `RSS ${line(({ rssMiB }) => rssMiB)}`,
    ],
  });
}
