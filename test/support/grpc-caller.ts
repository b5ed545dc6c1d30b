// Node's gRPC as a client of a mesh without proxies: calls what lines of JSON on its input ask for, and answers each with a
// line. Takes its bootstrap file from the environment.
//   node grpc-caller.js
import readline from "node:readline";
import grpc from "@grpc/grpc-js";
import { register } from "@grpc/grpc-js-xds";
import { type Ask, type CallAnswer, DEADLINE_SECONDS } from "./grpc-peers.ts";

register();
const clients = new Map<string, grpc.Client>();
const asIs = (bytes: Buffer): Buffer => bytes;

function clientOf(target: string): grpc.Client {
  let client = clients.get(target);
  if (!client) {
    client = new grpc.Client(target, grpc.credentials.createInsecure());
    clients.set(target, client);
  }
  return client;
}

function call({ target, path, metadata = {}, seconds = DEADLINE_SECONDS }: Ask): Promise<CallAnswer> {
  const sent = new grpc.Metadata();
  for (const [name, value] of Object.entries(metadata)) sent.set(name, value);
  const started = Date.now();
  const deadline = started + seconds * 1000;
  return new Promise((resolve) => {
    clientOf(target).makeUnaryRequest(path, asIs, asIs, Buffer.alloc(0), sent, { deadline }, (error, value) => {
      const ms = Date.now() - started;
      resolve({ code: error?.code ?? 0, details: error?.details ?? "", text: value?.toString() ?? "", ms });
    });
  });
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  const ask = JSON.parse(line) as Ask & { readonly id: number };
  const answers: CallAnswer[] = [];
  for (let i = 0; i < ask.count; i++) answers.push(await call(ask));
  process.stdout.write(`${JSON.stringify({ id: ask.id, answers })}\n`);
}
// The channels keep their streams to the control plane open.
process.exit(0);
