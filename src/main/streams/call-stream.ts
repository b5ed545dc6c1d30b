// Messages of an ADS call, read from and written to its HTTP/2 stream. Main thread.
//
// grpc-js serves the call: connections, headers, deadlines, keepalive, status. But it joins each message that it reads in a
// new buffer, and copies each that it writes into a frame. Acknowledgements of thousands of names and clusters of megabytes
// made that most of a push's CPU, so the frames are ours. grpc-js gives no way to the stream but a private field; its version is
// pinned, and `http2StreamOf` fails when there is none.
import type { Http2Session, Http2Stream } from "node:http2";
import { unzipSync } from "node:zlib";
import * as grpc from "@grpc/grpc-js";
import { errorMessage, MizzenError } from "../../shared/errors.ts";
import { FrameReader } from "./frame-reader.ts";
import type { PacedConnection } from "./read-pace.ts";
import type { ResponseMessage } from "./response-wire.ts";

export type AdsCall = grpc.ServerDuplexStream<Buffer, ResponseMessage>;

/** Who is told of what comes. */
export interface CallStreamEvents {
  /** A message; its bytes are only valid during the call. */
  message(bytes: Buffer): void;
  /** What was read cannot be a message. */
  malformed(error: MizzenError): void;
  /** The peer sends no more. */
  ended(): void;
  /** The connection broke. */
  broken(error: Error): void;
  /** What was written is gone. */
  drained(): void;
}

/** Both directions of a call. */
export class CallStream {
  private readonly call: AdsCall;
  private readonly http2: Http2Stream;
  private readonly reader: FrameReader;
  private readonly events: CallStreamEvents;
  /** True once the response's headers are sent. */
  private begun = false;

  /** `maxRecvBytes`: of one message, compressed or not. Nothing is read before `read`. */
  constructor(call: AdsCall, maxRecvBytes: number, events: CallStreamEvents) {
    this.call = call;
    this.http2 = http2StreamOf(call);
    this.events = events;
    this.reader = new FrameReader(maxRecvBytes, (message, compressed) => {
      events.message(compressed ? decompress(message, maxRecvBytes) : message);
    });
    this.http2.removeAllListeners("data");
    this.http2.on("error", (error: Error) => events.broken(error));
    this.http2.on("drain", () => events.drained());
  }

  /** Begins to read. */
  read(): void {
    this.http2.on("data", (chunk: Buffer) => {
      try {
        this.reader.push(chunk);
      } catch (error) {
        if (!(error instanceof MizzenError)) throw error;
        this.events.malformed(error);
      }
    });
    this.http2.on("end", () => this.events.ended());
    this.http2.resume();
  }

  /** Reads no more messages. */
  stop(): void {
    this.reader.stop();
  }

  /** Sends a message. False when the peer should read before more is written. */
  write(message: ResponseMessage): boolean {
    const { http2 } = this;
    if (http2.destroyed || http2.writableEnded) return true;
    if (!this.begun) {
      this.begun = true;
      this.call.sendMetadata(NO_METADATA);
    }
    const pieces = message.frame();
    if (pieces.length === 1) return http2.write(pieces[0]);
    this.together(() => {
      for (const piece of pieces) http2.write(piece);
    });
    return !http2.writableNeedDrain;
  }

  /** The connection that it goes over, which other calls may share. Undefined once it is gone. */
  get connection(): PacedConnection | undefined {
    const { session } = this.http2;
    return session && !session.destroyed ? connectionOf(session) : undefined;
  }

  /** What `run` writes is handed to the system together. */
  together(run: () => void): void {
    this.http2.cork();
    try {
      run();
    } finally {
      this.http2.uncork();
    }
  }
}

const NO_METADATA = new grpc.Metadata();

function http2StreamOf(call: AdsCall): Http2Stream {
  const { stream } = (call as unknown as { call?: { stream?: Http2Stream } }).call ?? {};
  if (!stream) throw new MizzenError("MIZZEN_ERR_INVARIANT", "this version of grpc-js keeps its streams elsewhere");
  return stream;
}

/** What Node keeps of a socket; an HTTP/2 session reads it without the socket's own methods. */
interface SocketHandle {
  readStop(): void;
  readStart(): void;
}

const connections = new WeakMap<Http2Session, PacedConnection>();

function connectionOf(session: Http2Session): PacedConnection {
  let connection = connections.get(session);
  if (!connection) {
    const handle = (): SocketHandle | null =>
      session.destroyed ? null : (session.socket as unknown as { _handle: SocketHandle | null })._handle;
    connection = { stopReading: () => handle()?.readStop(), startReading: () => handle()?.readStart() };
    connections.set(session, connection);
  }
  return connection;
}

/** gzip or deflate: both say by their first bytes which they are. */
function decompress(message: Buffer, maxBytes: number): Buffer {
  try {
    return unzipSync(message, { maxOutputLength: maxBytes });
  } catch (cause) {
    throw new MizzenError("MIZZEN_ERR_PROTOCOL", `the request cannot be decompressed: ${errorMessage(cause)}`, {
      cause,
    });
  }
}
