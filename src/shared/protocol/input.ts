// Messages from the main thread to a worker. Types only.
import type { PushVersion } from "../ids.ts";
import type { ProxyViewRef } from "../model/proxy.ts";
import type { ResourceWant } from "../model/resource.ts";
import type { SnapshotHandle } from "../snapshot/handle.ts";
import type { ProfileStart, ProfileStop } from "./profile.ts";

/** Generate and serialize some types for one view from one snapshot. */
export interface GenerateTask {
  readonly tag: "generate";
  readonly version: PushVersion;
  /** Given after a worker has answered MIZZEN_ERR_SNAPSHOT_GONE: everything, so that no earlier version is needed. */
  readonly complete?: SnapshotHandle;
  readonly view: ProxyViewRef;
  readonly wants: readonly ResourceWant[];
  /** No push works on an older version than this: a worker may drop those. */
  readonly oldestInUse: PushVersion;
}

/** Several small generations from one snapshot, since a message costs more than each of them. */
export interface BatchTask {
  readonly tag: "batch";
  readonly version: PushVersion;
  readonly complete?: SnapshotHandle;
  readonly items: readonly { readonly view: ProxyViewRef; readonly wants: readonly ResourceWant[] }[];
  readonly oldestInUse: PushVersion;
}

/** Bring a worker's indices to the newest snapshot ahead of the first task that needs it. */
export interface WarmTask {
  readonly tag: "warm";
  /** Generate for a view, and throw away what comes of it: for milliseconds at most, give or take a slice. */
  readonly rehearsal?: { readonly view: ProxyViewRef; readonly budgetMs: number };
}

/** Take up what has been announced, and nothing else: for workers that have no other task. */
export interface WakeTask {
  readonly tag: "wake";
}

export type WorkerTask = GenerateTask | BatchTask | WarmTask | WakeTask;

/** Posted to all workers on their channel; each takes it up at the start of its next task. */
export type Announcement = { readonly tag: "step"; readonly step: SnapshotHandle } | ProfileStart | ProfileStop;

/** Given to each worker thread when it starts. */
export interface WorkerStartup {
  readonly layoutRevision: number;
  /** Name of the broadcast channel with the announcements. */
  readonly channel: string;
  /** The buffer of a BusyTable. */
  readonly busy: SharedArrayBuffer;
}
