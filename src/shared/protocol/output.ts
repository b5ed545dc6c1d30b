// Messages from a worker to the main thread. Types only.
import type { ErrorCode } from "../errors.ts";
import type { XdsType } from "../xds-types.ts";

/**
 * Resources of one want: `names[i]` has hash `hashes[i]` and the bytes `own.get(i)`, or those from `offsets[i]` to
 * `offsets[i + 1]` of the buffer that all others share.
 */
export interface GeneratedSet {
  readonly type: XdsType;
  readonly names: readonly string[];
  readonly hashes: readonly string[];
  /** `names.length + 1` byte positions in `bytes`. */
  readonly offsets: Uint32Array;
  /** Transferred, not cloned; so are those of `own`. */
  readonly bytes: Uint8Array;
  /** Large resources, each in a buffer of its own, by their place. */
  readonly own: ReadonlyMap<number, Uint8Array>;
}

/** Something in the configuration that a generator had to leave out, for people to see. */
export interface GenerationWarning {
  /** `Kind/namespace/name` of the object at fault, or "" when there is none. */
  readonly object: string;
  readonly reason: string;
}

export interface Generated {
  readonly ok: true;
  /** In the order of the task's wants. */
  readonly sets: readonly GeneratedSet[];
  readonly warnings: readonly GenerationWarning[];
  /** Milliseconds spent bringing the worker's indices to the snapshot, and generating. */
  readonly attachMs: number;
  readonly generateMs: number;
}

export interface TaskFailed {
  readonly ok: false;
  readonly code: ErrorCode;
  readonly message: string;
  readonly stack: string;
  /** The type that failed, where one did. */
  readonly type?: XdsType;
}

/** Answers to the items of a batch, in their order; one that failed leaves the others alone. */
export interface BatchGenerated {
  readonly ok: true;
  readonly items: readonly (Generated | TaskFailed)[];
  readonly attachMs: number;
  readonly generateMs: number;
}

export type WorkerResult = Generated | BatchGenerated | TaskFailed;
