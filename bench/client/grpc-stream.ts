// A bidirectional gRPC stream on Node's HTTP/2, without the layers of a full client: a proxy costs the benchmark little, so that
// a thousand of them don't take the CPU from the server. https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
import http2 from "node:http2";

export interface StreamHandlers {
  /** A whole message, without its gRPC prefix. */
  onMessage(bytes: Buffer): void;
  /** Once, when the stream is over, unless this side closed it. */
  onEnd(reason: string): void;
}

export interface GrpcStream {
  /** One message in pieces; they are not copied. */
  send(pieces: readonly Uint8Array[]): void;
  close(): void;
}

/** Flow control windows of Istio's agent, which holds the proxies' streams in production. */
const WINDOW_BYTES = 1 << 20;
const PREFIX_BYTES = 5;

/** A connection without TLS; streams of it fail with it. Errors come to the streams' `onEnd`. */
export function connect(target: string): http2.ClientHttp2Session {
  const session = http2.connect(`http://${target}`, {
    settings: { enablePush: false, initialWindowSize: WINDOW_BYTES },
    peerMaxConcurrentStreams: 100_000,
  });
  session.once("connect", () => session.setLocalWindowSize(WINDOW_BYTES));
  // Each stream says so itself.
  session.on("error", () => undefined);
  return session;
}

export function openStream(session: http2.ClientHttp2Session, path: string, handlers: StreamHandlers): GrpcStream {
  const stream = session.request({
    ":method": "POST",
    ":path": path,
    "content-type": "application/grpc",
    te: "trailers",
  });
  let closed = false;
  const end = (reason: string): void => {
    if (closed) return;
    closed = true;
    handlers.onEnd(reason);
  };
  const messages = messageReader((bytes) => {
    if (!closed) handlers.onMessage(bytes);
  });
  stream.on("data", messages);
  stream.on("response", (headers) => {
    if (headers["grpc-status"] !== undefined) end(`gRPC status ${headers["grpc-status"]} ${headers["grpc-message"]}`);
  });
  stream.on("trailers", (headers) => end(`gRPC status ${headers["grpc-status"]} ${headers["grpc-message"] ?? ""}`));
  stream.on("error", (error) => end(error.message));
  stream.on("close", () => end("closed"));
  return {
    send(pieces) {
      if (closed || stream.destroyed) return;
      const prefix = Buffer.alloc(PREFIX_BYTES);
      prefix.writeUInt32BE(
        pieces.reduce((sum, piece) => sum + piece.length, 0),
        1,
      );
      stream.cork();
      stream.write(prefix);
      for (const piece of pieces) stream.write(piece);
      stream.uncork();
    },
    close() {
      closed = true;
      stream.close(http2.constants.NGHTTP2_CANCEL);
    },
  };
}

/** Puts messages together from chunks; copies only those that come in several. */
export function messageReader(onMessage: (bytes: Buffer) => void): (chunk: Buffer) => void {
  let parts: Buffer[] = [];
  let have = 0;
  let need = PREFIX_BYTES;
  return (chunk) => {
    parts.push(chunk);
    have += chunk.length;
    while (have >= need) {
      if (need === PREFIX_BYTES && parts.length > 1) parts = [Buffer.concat(parts)];
      const first = parts[0]!;
      // The prefix is whole in the first part, or the message is known to be complete.
      const total = PREFIX_BYTES + (first.length >= PREFIX_BYTES ? first : Buffer.concat(parts)).readUInt32BE(1);
      if (have < total) {
        need = total;
        return;
      }
      const whole = parts.length > 1 ? Buffer.concat(parts, have) : first;
      parts = have > total ? [whole.subarray(total)] : [];
      have -= total;
      need = PREFIX_BYTES;
      onMessage(whole.subarray(PREFIX_BYTES, total));
    }
  };
}
