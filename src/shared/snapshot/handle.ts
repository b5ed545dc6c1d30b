// What crosses to a worker instead of the snapshot: names, versions and shared buffers of its segments. Types only.
import type { PushVersion } from "../ids.ts";

/** A segment by name, with the push version at which its content was last written. */
export interface SegmentHandle {
  /** Such as `config/VirtualService/bookinfo` or `endpoints/bookinfo/reviews.bookinfo.svc.cluster.local`. */
  readonly name: string;
  /** Increases when the content changes; equal version means equal bytes. */
  readonly version: number;
  readonly buffer: SharedArrayBuffer;
}

/**
 * A snapshot as a worker gets it. A worker that holds `baseVersion` needs only `changed` and `removed`; one that
 * does not asks the main thread for `full` by failing with MIZZEN_ERR_SNAPSHOT_GONE.
 */
export interface SnapshotHandle {
  readonly version: PushVersion;
  /** The version that this handle is relative to; 0 for a complete one. */
  readonly baseVersion: number;
  readonly changed: readonly SegmentHandle[];
  readonly removed: readonly string[];
}
