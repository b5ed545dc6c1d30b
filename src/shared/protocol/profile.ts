// What the main thread and the workers say to each other to take a profile. Types only.

/** Where CPU time goes, or what allocates memory that stays. */
export type ProfileKind = "cpu" | "heap";

/** Announced to all workers: the threads that are named start their samplers. Said again, it changes nothing. */
export interface ProfileStart {
  readonly tag: "profile-start";
  readonly id: number;
  readonly kind: ProfileKind;
  /** How long it is meant to go on: says how often is sampled, and ends nothing. */
  readonly seconds: number;
  /** By Node's thread ids. */
  readonly threads: readonly number[];
}

/** Announced to all workers: those that sample for this profile answer with what they have. */
export interface ProfileStop {
  readonly tag: "profile-stop";
  readonly id: number;
}

/** From a worker, outside of any task. */
export type ProfileReply =
  | { readonly tag: "profile-started"; readonly id: number; readonly thread: number }
  /** `bytes` is pprof's protobuf, not compressed; transferred, not cloned. */
  | { readonly tag: "profile-done"; readonly id: number; readonly thread: number; readonly bytes: Uint8Array }
  | { readonly tag: "profile-failed"; readonly id: number; readonly thread: number; readonly reason: string };
