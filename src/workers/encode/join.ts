// Joins serialized parts into a message without building it. Worker threads, pure.
import protobuf from "protobufjs/minimal.js";
import type { Codec } from "./resource-sink.ts";

const LENGTH_DELIMITED = 2;

/**
 * A message with more elements of a repeated field, which are serialized already. Protobuf takes a message's fields in any
 * order (https://protobuf.dev/programming-guides/encoding/#order). The bytes are in a buffer of their own.
 */
export function joinRepeated<T>(
  codec: Codec<T>,
  message: T,
  field: number,
  elements: readonly Uint8Array[],
): Uint8Array {
  const head = codec.encode(message).finish();
  const tag = protobuf.Writer.create()
    .uint32((field << 3) | LENGTH_DELIMITED)
    .finish();
  let size = head.length;
  for (const element of elements) size += tag.length + varintLength(element.length) + element.length;
  const out = Buffer.allocUnsafeSlow(size);
  out.set(head, 0);
  let at = head.length;
  for (const element of elements) {
    out.set(tag, at);
    at = writeVarint(out, element.length, at + tag.length);
    out.set(element, at);
    at += element.length;
  }
  return out;
}

function varintLength(n: number): number {
  let length = 1;
  while (n > 127) {
    n >>>= 7;
    length++;
  }
  return length;
}

function writeVarint(out: Uint8Array, n: number, at: number): number {
  while (n > 127) {
    out[at++] = (n & 127) | 128;
    n >>>= 7;
  }
  out[at++] = n;
  return at;
}
