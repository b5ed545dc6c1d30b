// Which tasks of workers take too long, and what the log says of them. Main thread, pure.
import { partKey, type ResourceWant } from "../../shared/model/resource.ts";
import type { WorkerTask } from "../../shared/protocol/input.ts";
import type { WorkerResult } from "../../shared/protocol/output.ts";

/** No task of a worker should take longer: what is urgent waits behind it. */
export const LONG_TASK_MS = 50;

/** What a task was, and the milliseconds that it took, as fields of a log line. */
export function longTaskFields(
  task: WorkerTask,
  { attachMs, generateMs }: WorkerResult & { readonly ok: true },
): object {
  return { ...questionOf(task), attachMs: tenths(attachMs), generateMs: tenths(generateMs) };
}

function questionOf(task: WorkerTask): object {
  switch (task.tag) {
    case "generate":
      return { view: task.view.id, asked: task.wants.map(wantText).join(", "), version: task.version };
    case "batch":
      return { items: task.items.length, version: task.version };
    default:
      return { asked: task.tag };
  }
}

/** `CDS shared/3/16`, or `EDS 40 names`. */
function wantText(want: ResourceWant): string {
  const { type, names } = want;
  const count = names === null ? "" : `${names.length} ${names.length === 1 ? "name" : "names"}`;
  return [type, partKey(want), count].filter((word) => word !== "").join(" ");
}

function tenths(ms: number): number {
  return Math.round(ms * 10) / 10;
}
