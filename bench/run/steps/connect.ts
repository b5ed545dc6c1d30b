// All proxies connect at once.
import type { ConnectCommand } from "../../client/messages.ts";
import { clockMs } from "../../lib/clock.ts";
import { distributionOf } from "../../report/percentiles.ts";
import type { Row } from "../../report/row.ts";
import type { Stage } from "../stage.ts";
import { Window } from "../window.ts";

const TIMEOUT_MS = 240_000;

export async function connectStep(stage: Stage, extra: Partial<ConnectCommand> = {}): Promise<Row> {
  await stage.settle();
  const window = await Window.open(stage);
  const started = clockMs();
  const reached = stage.client.reached(TIMEOUT_MS);
  await stage.client.tell(stage.connectCommand(extra));
  const all = await reached;
  await stage.settle();
  const { arrivals, counts } = await stage.client.ask({ tag: "collect" }, "collected");
  const expected = stage.nodes.length;
  return window.close({
    step: "connect",
    times: 1,
    expected,
    reached: arrivals.length,
    latency: distributionOf(arrivals.map((at) => at - started)),
    spreadMs: arrivals.length > 0 ? arrivals.at(-1)! - arrivals[0]! : 0,
    counts,
    notes: [
      `the server was ready after ${Math.round(stage.server.startMs)} ms`,
      ...(all ? [] : [`${expected - arrivals.length} proxies did not get all in ${TIMEOUT_MS / 1000} s`]),
    ],
  });
}
