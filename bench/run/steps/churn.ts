// Endpoints that change all the time: of all services in turn, or of one deployment that is rolled out.
import { setTimeout as sleep } from "node:timers/promises";
import { clockMs } from "../../lib/clock.ts";
import { changeOf } from "../../mesh/changes.ts";
import { markedAddress, type Service } from "../../mesh/shape.ts";
import type { Row } from "../../report/row.ts";
import type { Stage } from "../stage.ts";
import { Window } from "../window.ts";

/** Writes are made in portions, since timers are no finer. */
const TICK_MS = 5;
/** After the last write, until all has arrived. */
const DRAIN_MS = 2000;

export interface Writing {
  /** The n-th change of the run: of which service, and of which of its endpoints. */
  readonly place: (n: number) => readonly [Service, number];
  /** After how many changes the same service has its turn again. */
  readonly period: number;
  readonly perSecond: number;
  readonly count: number;
}

export async function churnStep(
  stage: Stage,
  perSecond: number,
  seconds: number,
  routesPerSecond?: number,
): Promise<Row> {
  const { targets } = stage.mesh;
  const count = Math.round(perSecond * seconds);
  const place = (n: number) => lastOf(targets[n % targets.length]!);
  const writing = { place, period: targets.length, perSecond, count };
  if (!routesPerSecond) return measure(stage, `churn ${perSecond}/s`, writing);
  let edits = FIRST_EDIT;
  const timer = setInterval(() => changeOf("route", stage.mesh, edits++).make(), 1000 / routesPerSecond);
  try {
    return await measure(stage, `churn ${perSecond}/s beside routes`, writing);
  } finally {
    clearInterval(timer);
  }
}

/** Endpoints' changes are numbered one after the other: routes' have other numbers. */
const FIRST_EDIT = 1_000_000;

/** Every endpoint of the first service is replaced once. */
export function rollingStep(stage: Stage, perSecond: number): Promise<Row> {
  const service = stage.mesh.targets[0]!;
  const count = service.endpoints.length;
  const writing = { place: (n: number) => [service, n % count] as const, period: 1, perSecond, count };
  return measure(stage, `rolling update of ${count}`, writing);
}

async function measure(stage: Stage, step: string, writing: Writing): Promise<Row> {
  const window = await Window.open(stage);
  await stage.client.tell({ tag: "track" });
  const before = await used(stage);
  const { first, atMs } = await write(stage, writing);
  const after = await used(stage);
  await sleep(DRAIN_MS);
  await stage.settle();
  stage.client.check();
  const writes = { first, period: writing.period, atMs };
  const { staleness, counts, missing } = await stage.client.ask({ tag: "collect-track", writes }, "tracked");
  const seconds = (atMs.at(-1)! - atMs[0]!) / 1000;
  const rate = (atMs.length - 1) / Math.max(seconds, 1e-9);
  const late = atMs.length > 1 && rate < writing.perSecond * 0.9;
  return window.close({
    step,
    times: 1,
    expected: atMs.length * stage.nodes.length,
    reached: staleness.count,
    latency: staleness,
    spreadMs: 0,
    counts,
    coreShare: (after.cpuMs - before.cpuMs) / (after.atMs - before.atMs),
    notes: [
      ...(missing > 0 ? [`${missing} changes did not arrive`] : []),
      ...(late ? [`only ${rate.toFixed(0)} changes a second could be written`] : []),
    ],
  });
}

async function used(stage: Stage): Promise<{ readonly cpuMs: number; readonly atMs: number }> {
  const { cpuMs } = await stage.server.usage();
  return { cpuMs, atMs: clockMs() };
}

/** The endpoint of a service that changes: not the first ones, which are the proxies' own addresses. */
export function lastOf(service: Service): readonly [Service, number] {
  return [service, service.endpoints.length - 1];
}

/** Makes the changes at their rate; gives the number of the first one, and when each was made. */
export async function write(
  stage: Stage,
  { place, perSecond, count }: Writing,
): Promise<{ first: number; atMs: number[] }> {
  const atMs: number[] = [];
  let first = 0;
  const started = clockMs();
  while (atMs.length < count) {
    const due = Math.min(count, Math.floor(((clockMs() - started) / 1000) * perSecond) + 1);
    while (atMs.length < due) {
      const serial = stage.nextSerial();
      if (atMs.length === 0) first = serial;
      const [service, endpoint] = place(atMs.length);
      stage.mesh.setEndpoint(service, endpoint, markedAddress(serial));
      atMs.push(clockMs());
    }
    await sleep(TICK_MS);
  }
  return { first, atMs };
}
