// Cuts what a stream reads into gRPC's length-prefixed messages. Main thread, pure.
// https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
import { MizzenError } from "../../shared/errors.ts";

/** A flag that says whether the message is compressed, and its length, big-endian. */
const PREFIX_BYTES = 5;
const LENGTH_AT = 1;
const COMPRESSED = 1;
/** Longer messages than this (they are rare) get a buffer of their own. */
const JOIN_BYTES = 256 * 1024;

/** Where messages that came in pieces are put together, one after the other: readers are done with one before the next comes. */
let joined: Buffer | undefined;

/** Takes a message. Its bytes are only valid during the call. */
export type OnMessage = (message: Buffer, compressed: boolean) => void;

/** One direction of one stream. */
export class FrameReader {
  private readonly maxBytes: number;
  private readonly onMessage: OnMessage;
  private pieces: Buffer[] = [];
  private have = 0;
  private stopped = false;

  /** `maxBytes`: of one message, without its prefix. */
  constructor(maxBytes: number, onMessage: OnMessage) {
    this.maxBytes = maxBytes;
    this.onMessage = onMessage;
  }

  /** Takes the bytes that came next. Throws MIZZEN_ERR_TOO_LARGE. */
  push(chunk: Buffer): void {
    if (this.stopped || chunk.length === 0) return;
    this.pieces.push(chunk);
    this.have += chunk.length;
    while (this.have >= PREFIX_BYTES) {
      const size = this.size();
      if (size > this.maxBytes) {
        this.stop();
        throw new MizzenError("MIZZEN_ERR_TOO_LARGE", `a message of ${size} bytes; ${this.maxBytes} are allowed`);
      }
      if (this.have < PREFIX_BYTES + size) return;
      const frame = this.take(PREFIX_BYTES + size);
      this.onMessage(frame.subarray(PREFIX_BYTES), frame[0] === COMPRESSED);
    }
  }

  /** No more messages, not even of what has come already. */
  stop(): void {
    this.stopped = true;
    this.pieces = [];
    this.have = 0;
  }

  /** Of the next message, whose prefix is there. */
  private size(): number {
    const first = this.pieces[0]!;
    if (first.length < PREFIX_BYTES) this.pieces = [Buffer.concat(this.pieces)];
    return this.pieces[0]!.readUInt32BE(LENGTH_AT);
  }

  private take(size: number): Buffer {
    this.have -= size;
    const first = this.pieces[0]!;
    if (first.length >= size) {
      if (first.length === size) this.pieces.shift();
      else this.pieces[0] = first.subarray(size);
      return first.subarray(0, size);
    }
    const frame = size <= JOIN_BYTES ? sharedBuffer().subarray(0, size) : Buffer.allocUnsafeSlow(size);
    let at = 0;
    while (at < size) {
      const piece = this.pieces[0]!;
      const part = piece.length <= size - at ? piece : piece.subarray(0, size - at);
      frame.set(part, at);
      at += part.length;
      if (part === piece) this.pieces.shift();
      else this.pieces[0] = piece.subarray(part.length);
    }
    return frame;
  }
}

function sharedBuffer(): Buffer {
  joined ??= Buffer.allocUnsafeSlow(JOIN_BYTES);
  return joined;
}
