// A server that does nothing but write one ready message to all streams and read their answers: what the machine, Node and gRPC
// cost for a push, before anybody has thought about what to send. Forked by `run.ts`, which says what to do in messages.
import http2 from "node:http2";
import type { AddressInfo } from "node:net";
import * as grpc from "@grpc/grpc-js";
import { messageReader } from "../client/grpc-stream.ts";
import { clockMs } from "../lib/clock.ts";
import { PATH } from "./path.ts";

export type Transport = "http2" | "grpc-js";

/** What one push to all streams took. */
export interface Push {
  /** Of all threads, user and system, milliseconds. */
  readonly cpuMs: number;
  /** Until all answers were read, milliseconds. */
  readonly elapsedMs: number;
}

export type ToServer = { readonly tag: "push"; readonly bytes: number };
export type FromServer =
  | { readonly tag: "listening"; readonly port: number }
  | { readonly tag: "streams"; readonly count: number }
  | ({ readonly tag: "pushed" } & Push);

const tell = (message: FromServer): void => void process.send!(message);
const writers: ((message: Buffer) => void)[] = [];
let waitingFor = 0;
let began = { cpu: process.cpuUsage(), at: 0 };

/** A stream is open once it has sent a message; each further one answers a push. */
function answered(first: boolean): void {
  if (first) {
    tell({ tag: "streams", count: writers.length });
    return;
  }
  if (--waitingFor > 0) return;
  const { user, system } = process.cpuUsage(began.cpu);
  tell({ tag: "pushed", cpuMs: (user + system) / 1000, elapsedMs: clockMs() - began.at });
}

function push(bytes: number): void {
  waitingFor = writers.length;
  began = { cpu: process.cpuUsage(), at: clockMs() };
  const message = Buffer.alloc(bytes, 1);
  for (const write of writers) write(message);
}

function framed(message: Buffer): Buffer {
  const frame = Buffer.alloc(5 + message.length);
  frame.writeUInt32BE(message.length, 1);
  message.copy(frame, 5);
  return frame;
}

function serveHttp2(): void {
  let last: { message: Buffer; frame: Buffer } | undefined;
  const server = http2.createServer({ settings: { maxConcurrentStreams: 1000 } });
  server.on("stream", (stream) => {
    stream.respond({ ":status": 200, "content-type": "application/grpc" });
    let first = true;
    stream.on(
      "data",
      messageReader(() => {
        if (first) writers.push((message) => stream.write(frameOf(message)));
        answered(first);
        first = false;
      }),
    );
    stream.on("error", () => undefined);
  });
  // All streams share one frame, as they do in Mizzen.
  const frameOf = (message: Buffer): Buffer => {
    if (last?.message !== message) last = { message, frame: framed(message) };
    return last.frame;
  };
  server.listen(0, "127.0.0.1", () => tell({ tag: "listening", port: (server.address() as AddressInfo).port }));
}

function serveGrpcJs(): void {
  const same = (message: Buffer): Buffer => message;
  const server = new grpc.Server({ "grpc.max_receive_message_length": -1 });
  server.addService(
    {
      Exchange: {
        path: PATH,
        requestStream: true,
        responseStream: true,
        requestSerialize: same,
        requestDeserialize: same,
        responseSerialize: same,
        responseDeserialize: same,
      },
    },
    {
      Exchange: (call: grpc.ServerDuplexStream<Buffer, Buffer>) => {
        let first = true;
        call.on("data", () => {
          if (first) writers.push((message) => call.write(message));
          answered(first);
          first = false;
        });
        call.on("error", () => undefined);
      },
    },
  );
  server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => {
    if (error) throw error;
    tell({ tag: "listening", port });
  });
}

process.on("message", ({ bytes }: ToServer) => push(bytes));
process.on("disconnect", () => process.exit(0));
if ((process.argv[2] as Transport) === "grpc-js") serveGrpcJs();
else serveHttp2();
