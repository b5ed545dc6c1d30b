// The server is killed, a change is made, the server is started again, and all proxies return at once.
import { clockMs } from "../../lib/clock.ts";
import { changeOf } from "../../mesh/changes.ts";
import type { Row } from "../../report/row.ts";
import type { Stage } from "../stage.ts";
import { Window } from "../window.ts";
import { closeWithArrivals } from "./arrivals.ts";

const TIMEOUT_MS = 120_000;

/** `first`: what connecting for the first time took, to compare with. */
export async function reconnectStep(stage: Stage, first: Row): Promise<Row> {
  const change = changeOf("endpoint", stage.mesh, stage.nextSerial());
  await stage.restartServer(() => change.make());
  await stage.settle();
  const window = await Window.open(stage);
  const { type, bytes } = change.mark!;
  await stage.client.tell({ tag: "watch", mark: { type, bytes: bytes.toString("base64"), gone: false } });
  const reached = stage.client.reached(TIMEOUT_MS);
  const started = clockMs();
  await stage.client.tell({ tag: "reconnect", target: stage.server.grpc });
  await reached;
  return closeWithArrivals(stage, window, {
    step: "reconnect",
    started,
    notes: ({ bytes: total, reached: came, expected }) => [
      `${((total / expected / first.bytes) * 100).toFixed(1)} % of the first connect's bytes`,
      ...(came < expected ? [`${expected - came} did not get the change made meanwhile`] : []),
    ],
  });
}
