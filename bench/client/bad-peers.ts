// Peers that misbehave: bytes that are no HTTP/2, frames that are no ADS, streams that are dropped as soon as they are open.

import net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { TYPE_URL } from "../../src/shared/xds-types.ts";
import type { BenchNode } from "../mesh/nodes.ts";
import { connect, openStream } from "./grpc-stream.ts";
import { splitAddress } from "./relay.ts";
import { nodeBytes, sotwRequest } from "./request-frame.ts";

const METHOD = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources";
/** How long a bad peer is given to be thrown out before it goes by itself. */
const PATIENCE_MS = 500;
const STREAMS_AT_ONCE = 100;

/** Random bytes, the same for the same seed (a linear congruential generator). */
export function randomBytes(length: number, seed: number): Buffer {
  let state = seed >>> 0;
  return Buffer.from(
    Array.from({ length }, () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state >>> 24;
    }),
  );
}

/** `connections` of each kind: random bytes; HTTP/2's preface and then random bytes; ADS streams with random messages. */
export async function sendGarbage(target: string, connections: number, seed: number): Promise<void> {
  const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  for (let number = 0; number < connections; number++) {
    const bytes = randomBytes(2000, seed + number);
    await Promise.all([
      sendRaw(target, bytes),
      sendRaw(target, Buffer.concat([preface, bytes])),
      sendMessage(target, bytes),
    ]);
  }
}

function sendRaw(target: string, bytes: Buffer): Promise<void> {
  const [host, port] = splitAddress(target);
  const socket = net.connect(port, host);
  return new Promise((resolve) => {
    socket.setTimeout(PATIENCE_MS, () => socket.destroy());
    // Being thrown out is what is expected.
    socket.on("error", () => undefined);
    socket.once("close", () => resolve());
    socket.resume();
    socket.write(bytes);
  });
}

async function sendMessage(target: string, bytes: Buffer): Promise<void> {
  const session = connect(target);
  const ended = new Promise<void>((resolve) => {
    const stream = openStream(session, METHOD, { onMessage: () => undefined, onEnd: () => resolve() });
    stream.send([bytes]);
  });
  await Promise.race([ended, sleep(PATIENCE_MS)]);
  session.destroy();
}

/** Opens streams that ask for all clusters and are reset at once. */
export async function openAndDrop(target: string, streams: number, node: BenchNode): Promise<void> {
  const request = sotwRequest({ typeUrl: TYPE_URL.CDS, node: nodeBytes(node), names: new Uint8Array() });
  for (let opened = 0; opened < streams; opened += STREAMS_AT_ONCE) {
    const session = connect(target);
    for (let i = 0; i < Math.min(STREAMS_AT_ONCE, streams - opened); i++) {
      const stream = openStream(session, METHOD, { onMessage: () => undefined, onEnd: () => undefined });
      stream.send(request);
      setImmediate(() => stream.close());
    }
    await sleep(20);
    session.destroy();
  }
}
