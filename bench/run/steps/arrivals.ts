// The row of a step at whose end every proxy has come.
import { distributionOf } from "../../report/percentiles.ts";
import type { Row } from "../../report/row.ts";
import type { Stage } from "../stage.ts";
import type { Window } from "../window.ts";

/** What the client counted until all was quiet. */
export interface Arrived {
  /** Of all proxies. */
  readonly bytes: number;
  readonly reached: number;
  readonly expected: number;
}

/** Waits until the server is idle, and closes the window; `started` is when the proxies set off, by the clock of `clockMs`. */
export async function closeWithArrivals(
  stage: Stage,
  window: Window,
  { step, started, notes }: { step: string; started: number; notes: (arrived: Arrived) => string[] },
): Promise<Row> {
  await stage.settle();
  const { arrivals, counts } = await stage.client.ask({ tag: "collect" }, "collected");
  const arrived = { bytes: counts.bytes, reached: arrivals.length, expected: stage.nodes.length };
  return window.close({
    step,
    times: 1,
    expected: arrived.expected,
    reached: arrived.reached,
    latency: distributionOf(arrivals.map((at) => at - started)),
    spreadMs: arrivals.length > 0 ? arrivals.at(-1)! - arrivals[0]! : 0,
    counts,
    notes: notes(arrived),
  });
}
