// Finds workers that don't come back from a task. Main thread, pure: time is an argument.
import type { BusyTable } from "../../shared/protocol/busy-table.ts";

interface Seen {
  readonly task: number;
  readonly since: number;
}

/** Knows since when each worker has been seen at the same task. */
export class StuckWorkers {
  private readonly table: BusyTable;
  private readonly limitMs: number;
  private seen = new Map<number, Seen>();

  /** `limitMs`: longer than that no task may take. */
  constructor(table: BusyTable, limitMs: number) {
    this.table = table;
    this.limitMs = limitMs;
  }

  /** Looks at the threads that live; gives those that have been at one task for too long. */
  look(threads: readonly number[], nowMs: number): number[] {
    const seen = new Map<number, Seen>();
    const stuck: number[] = [];
    for (const thread of threads) {
      const task = this.table.task(thread);
      if (task === undefined) continue;
      const known = this.seen.get(thread);
      const since = known?.task === task ? known.since : nowMs;
      if (nowMs - since >= this.limitMs) stuck.push(thread);
      else seen.set(thread, { task, since });
    }
    this.seen = seen;
    return stuck;
  }
}
