// Everything goes wrong at once during churn; afterwards every proxy that was not stalled must have what a new one gets.
import { setTimeout as sleep } from "node:timers/promises";
import type { Row } from "../../report/row.ts";
import type { Stage } from "../stage.ts";
import { Window } from "../window.ts";
import { lastOf, write } from "./churn.ts";

const PER_SECOND = 20;
const KILL_EVERY_MS = 2000;
const GARBAGE_CONNECTIONS = 20;
const DROPPED_STREAMS = 2000;
const DRAIN_MS = 3000;
/** The proxy that stops reading. */
export const STALLED = 0;
const SHOWN_DIFFERENCES = 3;

export async function faultsStep(stage: Stage, seconds: number): Promise<Row> {
  const { targets } = stage.mesh;
  const target = stage.server.grpc;
  const others = stage.nodes.map((_, index) => index).filter((index) => index !== STALLED);
  const window = await Window.open(stage);
  await stage.client.tell({ tag: "track" });
  await stage.client.tell({ tag: "stall", proxy: STALLED, stalled: true });
  const place = (n: number) => lastOf(targets[n % targets.length]!);
  const writing = write(stage, { place, perSecond: PER_SECOND, count: PER_SECOND * seconds, period: targets.length });
  const [killed, { first, atMs }] = await Promise.all([
    killWorkers(stage, seconds * 1000),
    writing,
    stage.client.tell({ tag: "garbage", target, connections: GARBAGE_CONNECTIONS, seed: 1 }),
    stage.client.tell({ tag: "open-and-drop", target, streams: DROPPED_STREAMS }),
  ]);
  await sleep(DRAIN_MS);
  await stage.settle();
  stage.client.check();
  const writes = { first, period: targets.length, atMs };
  const tracked = await stage.client.ask({ tag: "collect-track", writes, proxies: others }, "tracked");
  const verified = await stage.client.ask({ tag: "verify", target, skip: [STALLED] }, "verified");
  const expected = others.length;
  const wrong = expected - verified.equal;
  return window.close({
    step: "faults",
    times: 1,
    expected: atMs.length * others.length,
    reached: tracked.staleness.count,
    latency: tracked.staleness,
    spreadMs: 0,
    counts: tracked.counts,
    notes: [
      `${killed} workers killed, ${GARBAGE_CONNECTIONS * 3} peers with garbage, ${DROPPED_STREAMS} streams dropped`,
      `${verified.equal} of ${expected} proxies equal a fresh dump`,
      ...(tracked.missing > 0 ? [`${tracked.missing} changes did not arrive`] : []),
      ...(wrong > 0 ? verified.differences.slice(0, SHOWN_DIFFERENCES) : []),
    ],
  });
}

/** One after the other for `forMs`; gives how many. Which one is as good as any: they are equal. */
async function killWorkers(stage: Stage, forMs: number): Promise<number> {
  let killed = 0;
  for (let round = 0; round * KILL_EVERY_MS < forMs; round++) {
    await sleep(KILL_EVERY_MS);
    if (await stage.server.killWorker(round)) killed++;
  }
  return killed;
}
