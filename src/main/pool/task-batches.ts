// Makes one task of the small questions of one turn of the event loop: a message costs more than each of them. Main thread.
import { MizzenError } from "../../shared/errors.ts";
import type { ProxyViewRef } from "../../shared/model/proxy.ts";
import type { ResourceWant } from "../../shared/model/resource.ts";
import type { BatchTask } from "../../shared/protocol/input.ts";
import type { Generated, TaskFailed } from "../../shared/protocol/output.ts";
import type { MeshSnapshot } from "../push/snapshot-builder.ts";

/** Names up to which a question is small. */
const SMALL = 16;
/** A route configuration has all hosts of a port: so many services are as much work as one other name. */
const SERVICES_PER_NAME = 16;
/** Items that are worth a task of their own when there are several threads. */
const MIN_ITEMS = 16;
/** More would keep a worker busy for long. */
const MAX_ITEMS = 256;

type Item = BatchTask["items"][number];

interface Waiting {
  readonly item: Item;
  readonly resolve: (generated: Generated) => void;
  readonly reject: (error: unknown) => void;
}

/** Runs the items of one task; gives an answer for each, in their order. */
export type RunBatch = (snapshot: MeshSnapshot, items: readonly Item[]) => Promise<readonly (Generated | TaskFailed)[]>;

/** True for a question about a few named resources, in a mesh of so many services. */
export function isSmall(wants: readonly ResourceWant[], services: number): boolean {
  return wants.every(({ type, names }) => {
    if (names === null) return false;
    const weight = type === "RDS" ? Math.max(1, services / SERVICES_PER_NAME) : 1;
    return names.length * weight <= SMALL;
  });
}

/** A worker's answer as the error that it is. */
export function failure(failed: TaskFailed): MizzenError {
  return new MizzenError(failed.code, failed.message, { cause: failed.stack });
}

export class TaskBatches {
  private readonly threads: number;
  private readonly run: RunBatch;
  private readonly waiting = new Map<MeshSnapshot, Waiting[]>();

  constructor(threads: number, run: RunBatch) {
    this.threads = threads;
    this.run = run;
  }

  /** Puts a question into the next batch. Rejects as a task of its own would. */
  add(snapshot: MeshSnapshot, view: ProxyViewRef, wants: readonly ResourceWant[]): Promise<Generated> {
    return new Promise((resolve, reject) => {
      const entry = { item: { view, wants }, resolve, reject };
      const list = this.waiting.get(snapshot);
      if (list) list.push(entry);
      else this.waiting.set(snapshot, [entry]);
      if (this.waiting.size === 1 && !list) queueMicrotask(() => this.flush());
    });
  }

  private flush(): void {
    const all = [...this.waiting];
    this.waiting.clear();
    for (const [snapshot, entries] of all) {
      const size = Math.min(MAX_ITEMS, Math.max(MIN_ITEMS, Math.ceil(entries.length / this.threads)));
      for (let at = 0; at < entries.length; at += size) this.send(snapshot, entries.slice(at, at + size));
    }
  }

  private send(snapshot: MeshSnapshot, entries: readonly Waiting[]): void {
    this.run(
      snapshot,
      entries.map((entry) => entry.item),
    ).then(
      (answers) => {
        entries.forEach((entry, i) => {
          const answer = answers[i]!;
          if (answer.ok) entry.resolve(answer);
          else entry.reject(failure(answer));
        });
      },
      (error: unknown) => {
        for (const entry of entries) entry.reject(error);
      },
    );
  }
}
