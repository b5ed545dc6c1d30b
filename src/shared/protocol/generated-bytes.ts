// Where a generated resource's bytes are in an answer. Any thread, pure.
import type { GeneratedSet } from "./output.ts";

/** The bytes of the resource in place `i`; a view of the answer's buffers. */
export function resourceBytes({ own, bytes, offsets }: GeneratedSet, i: number): Uint8Array {
  return own.get(i) ?? bytes.subarray(offsets[i]!, offsets[i + 1]!);
}
