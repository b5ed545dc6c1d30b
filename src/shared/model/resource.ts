// What generation gives and streams send. Any thread.
import type { HostSlice } from "../names/host-slice.ts";
import type { XdsType } from "../xds-types.ts";

/** One serialized resource. `hash` is 16 hex digits over `bytes`, and serves as its version in delta xDS. */
export interface EncodedResource {
  readonly name: string;
  readonly hash: string;
  /** The serialized message, without the Any around it. Of one with pieces, put together for whoever looks at it. */
  readonly bytes: Uint8Array;
  /** What the bytes consist of, where they are not in one place. */
  readonly pieces?: readonly Uint8Array[];
}

/** The length of a resource's bytes. */
export function resourceSize(resource: EncodedResource): number {
  const { pieces } = resource;
  return pieces ? pieces.reduce((sum, piece) => sum + piece.length, 0) : resource.bytes.length;
}

/** Resources of one type for one view: all of them for a wildcard, or those asked for by name that exist. */
export interface ResourceSet {
  readonly type: XdsType;
  readonly resources: readonly EncodedResource[];
  /** The sets that this one is joined of, some of which other sets share. No name stands in two of them. */
  readonly parts?: readonly ResourceSet[];
}

/**
 * Parts of a type that depend on different things: `shared` is what proxies of different workloads have alike, `own` is about
 * the workload itself.
 */
export type WantPart = "shared" | "own";

/** A part of a type, or some hosts of one. */
export interface TypePart {
  readonly part?: WantPart;
  /** Only what belongs to some hosts of that part. */
  readonly slice?: HostSlice;
}

/** Tells the parts of a type apart; "" for all of it. */
export function partKey({ part, slice }: TypePart): string {
  return slice ? `${part ?? ""}/${slice.index}/${slice.of}` : (part ?? "");
}

/** What is asked of generation: a whole type (`names` null) or some names of it. */
export interface ResourceWant extends TypePart {
  readonly type: XdsType;
  readonly names: readonly string[] | null;
}
