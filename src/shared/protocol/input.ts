// Messages from the main thread to a worker. Types only.
import type { PushVersion } from "../ids.ts";
import type { ProxyViewRef } from "../model/proxy.ts";
import type { ResourceWant } from "../model/resource.ts";
import type { SnapshotHandle } from "../snapshot/handle.ts";

/** Generate and serialize some types for one view from one snapshot. */
export interface GenerateTask {
  readonly tag: "generate";
  readonly snapshot: SnapshotHandle;
  readonly view: ProxyViewRef;
  readonly wants: readonly ResourceWant[];
}

/** Attach to a snapshot ahead of the first task that needs it. */
export interface WarmTask {
  readonly tag: "warm";
  readonly snapshot: SnapshotHandle;
}

export type WorkerTask = GenerateTask | WarmTask;

/** Given to each worker thread when it starts. */
export interface WorkerStartup {
  readonly layoutRevision: number;
}

/** For the log: which version a task is about. */
export function taskVersion(task: WorkerTask): PushVersion {
  return task.snapshot.version;
}
