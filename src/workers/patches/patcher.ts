// Lets patches change what a generator makes: the generator itself knows nothing of them. Worker threads.
import type { EditResource, ResourceSink } from "../encode/resource-sink.ts";
import type { PatchContextName, PatchSet } from "./selected-patches.ts";

/** What patches do to a type. */
export interface Patcher {
  readonly edit: EditResource;
  /** Adds what the generator doesn't make. */
  add(sink: ResourceSink): void;
}

/** True for patches in a context, and in all. */
export function inContext(context: PatchContextName): (patch: { readonly context: PatchContextName }) => boolean {
  return (patch) => patch.context === context || patch.context === "ANY";
}

/**
 * True for additions in a context: one that names none is for what goes out and for gateways, so that a sidecar gets it
 * once.
 */
export function addedIn(context: PatchContextName): (patch: { readonly context: PatchContextName }) => boolean {
  return (patch) => patch.context === context || (patch.context === "ANY" && context !== "SIDECAR_INBOUND");
}

/** Tells what is wrong with patches. */
export function warnOfPatches(set: PatchSet, sink: ResourceSink): void {
  for (const { object, problem } of set.all) if (problem !== "") sink.warn(object, problem);
}

/** What was made of serialized resources with a set of patches, for as long as the resources are kept. */
export class PatchedBytes {
  private readonly known = new WeakMap<
    Uint8Array,
    { readonly set: PatchSet; readonly bytes: Uint8Array | undefined }
  >();

  /** The patched bytes, made anew when the set is another one now; undefined for a resource that is left out. */
  get(bytes: Uint8Array, set: PatchSet, make: () => Uint8Array | undefined): Uint8Array | undefined {
    const before = this.known.get(bytes);
    if (before?.set === set) return before.bytes;
    const made = make();
    this.known.set(bytes, { set, bytes: made });
    return made;
  }
}
