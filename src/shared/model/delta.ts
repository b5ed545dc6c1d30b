// What a source hands to the registry. Main thread, plain data.
import type { ConfigObject, ObjectKey } from "./config.ts";
import type { KubeObject } from "./kube.ts";

export type MeshObject = ConfigObject | KubeObject;

/** One batch of changes from one source, applied together. A key is in at most one of the two lists. */
export interface SourceDelta {
  readonly upserts: readonly MeshObject[];
  readonly deletes: readonly ObjectKey[];
}

/** A document or object that was not taken. What was in force before stays in force. */
export interface Rejection {
  /** File path or cluster name. */
  readonly source: string;
  /** Line in the file, counted from 1; absent where there are none. */
  readonly line?: number;
  /** Absent where the document doesn't even say what it is. */
  readonly key?: ObjectKey;
  /** Path of the field, such as `spec.http[0].route[1].weight`; "" when it is the whole object. */
  readonly field: string;
  readonly reason: string;
}
