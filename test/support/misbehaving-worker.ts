// A worker thread that hangs, or fills its heap, over tasks for views whose names say so; else the real one.
import { threadId, workerData } from "node:worker_threads";
import { BusyTable } from "../../src/shared/protocol/busy-table.ts";
import type { WorkerStartup, WorkerTask } from "../../src/shared/protocol/input.ts";
import run from "../../src/workers/worker.ts";

const { busy } = workerData as { readonly busy: WorkerStartup["busy"] };
const table = new BusyTable(busy);

export default function misbehave(task: WorkerTask): unknown {
  if (task.tag === "generate" && task.view.id.startsWith("hang")) {
    table.turn(threadId);
    for (;;);
  }
  if (task.tag === "generate" && task.view.id.startsWith("fill")) {
    const kept: unknown[] = [];
    for (;;) kept.push(new Array(1_000).fill(kept.length));
  }
  return run(task);
}
