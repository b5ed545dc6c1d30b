// A worker thread that hangs, fills its heap, or says that it took long over tasks for views whose names say so; else the
// real one.
import { threadId, workerData } from "node:worker_threads";
import { BusyTable } from "../../src/shared/protocol/busy-table.ts";
import type { WorkerStartup, WorkerTask } from "../../src/shared/protocol/input.ts";
import type { BatchGenerated, Generated } from "../../src/shared/protocol/output.ts";
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
  return slow(task) ?? run(task);
}

/** An answer without resources, when the name of the (first) view has the times. */
function slow(task: WorkerTask): Generated | BatchGenerated | undefined {
  if (task.tag === "warm" || task.tag === "wake") return undefined;
  const took = tookOf(task.tag === "batch" ? task.items[0]!.view.id : task.view.id);
  if (!took) return undefined;
  const nothing: Generated = { ok: true, sets: [], warnings: [], ...took };
  return task.tag === "batch" ? { ok: true, items: task.items.map(() => nothing), ...took } : nothing;
}

/** The times in a name such as `took 10 41`: milliseconds of attaching and generating. */
function tookOf(id: string): { readonly attachMs: number; readonly generateMs: number } | undefined {
  const [, attachMs, generateMs] = /^took (\S+) (\S+)/.exec(id) ?? [];
  return attachMs === undefined ? undefined : { attachMs: Number(attachMs), generateMs: Number(generateMs) };
}
