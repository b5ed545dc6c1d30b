// All proxies connect at once.
import type { ConnectCommand } from "../../client/messages.ts";
import { clockMs } from "../../lib/clock.ts";
import type { Row } from "../../report/row.ts";
import type { Stage } from "../stage.ts";
import { Window } from "../window.ts";
import { closeWithArrivals } from "./arrivals.ts";

const TIMEOUT_MS = 240_000;

export async function connectStep(stage: Stage, extra: Partial<ConnectCommand> = {}): Promise<Row> {
  await stage.settle();
  const window = await Window.open(stage);
  const started = clockMs();
  const reached = stage.client.reached(TIMEOUT_MS);
  await stage.client.tell(stage.connectCommand(extra));
  const all = await reached;
  return closeWithArrivals(stage, window, {
    step: "connect",
    started,
    notes: ({ reached: came, expected }) => [
      `the server was ready after ${Math.round(stage.server.startMs)} ms`,
      ...(all ? [] : [`${expected - came} proxies did not get all in ${TIMEOUT_MS / 1000} s`]),
    ],
  });
}
