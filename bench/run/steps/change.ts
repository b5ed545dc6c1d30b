// One edit, several times, each after the server has become idle.
import { setTimeout as sleep } from "node:timers/promises";
import type { WatchMark } from "../../client/messages.ts";
import { clockMs } from "../../lib/clock.ts";
import { type ChangeKind, changeOf, type Mark } from "../../mesh/changes.ts";
import { distributionOf, median } from "../../report/percentiles.ts";
import type { Row } from "../../report/row.ts";
import { processCpuMs } from "../../server/proc-stat.ts";
import type { Stage } from "../stage.ts";
import { addCounts, NO_COUNTS, Window } from "../window.ts";

const TIMEOUT_MS = 120_000;
/** When the server has been idle this long, what hasn't come will not come. */
const HOPELESS_MS = 3000;
const IDLE_SHARE = 0.06;
/** Within this time a change that must push nothing would have pushed. */
const SILENCE_MS = 1000;

export async function changeStep(stage: Stage, kind: ChangeKind, times: number): Promise<Row> {
  const window = await Window.open(stage);
  const latencies: number[] = [];
  const spreads: number[] = [];
  let counts = NO_COUNTS;
  let expected = 0;
  let done = 0;
  const notes: string[] = [];
  while (done < times) {
    const { arrivals, started, concerned, ...rest } = await once(stage, kind, done++);
    latencies.push(...arrivals.map((at) => at - started));
    if (arrivals.length > 0) spreads.push(arrivals.at(-1)! - arrivals[0]!);
    counts = addCounts(counts, rest.counts);
    expected += concerned;
    if (!rest.settled) notes.push("the server was not idle within 6 s after a change");
    // What no proxy gets is not supported: once is enough.
    if (concerned > 0 && arrivals.length === 0) break;
  }
  if (latencies.length < expected) notes.push(`${expected - latencies.length} of ${expected} did not get it`);
  if (expected === 0 && counts.responses > 0) notes.push(`${counts.responses} responses where none must be sent`);
  return window.close({
    step: kind,
    times: done,
    expected,
    reached: latencies.length,
    latency: distributionOf(latencies),
    spreadMs: median(spreads),
    counts,
    notes: [...new Set(notes)],
  });
}

async function once(stage: Stage, kind: ChangeKind, repetition: number) {
  // Removals take away what the same repetition of the step before has added.
  const serial = kind === "service removed" || kind === "service added" ? repetition + 1 : stage.nextSerial();
  const change = changeOf(kind, stage.mesh, serial);
  const expect = stage.nodes.flatMap((node, index) => (change.concerns?.(node) === false ? [] : [index]));
  const concerned = change.mark ? expect.length : 0;
  await stage.client.tell({ tag: "watch", mark: change.mark && watchMark(change.mark), expect });
  const reached = change.mark ? stage.client.reached(TIMEOUT_MS, idleFor(stage)) : sleep(SILENCE_MS);
  const started = clockMs();
  change.make();
  await reached;
  const settled = await stage.settle();
  const { arrivals, counts } = await stage.client.ask({ tag: "collect" }, "collected");
  return { arrivals, counts, started, settled, concerned };
}

function watchMark({ type, bytes, gone = false }: Mark): WatchMark {
  return { type, gone, bytes: bytes.toString("base64") };
}

/** Says when the server has been idle for so long that waiting is of no use. */
function idleFor(stage: Stage): () => Promise<boolean> {
  let since = clockMs();
  let last = { atMs: clockMs(), cpuMs: processCpuMs(stage.server.pid) };
  return async () => {
    const now = { atMs: clockMs(), cpuMs: processCpuMs(stage.server.pid) };
    if ((now.cpuMs - last.cpuMs) / (now.atMs - last.atMs) > IDLE_SHARE) since = now.atMs;
    last = now;
    return now.atMs - since > HOPELESS_MS;
  };
}
