import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { Admission } from "../../../src/main/streams/admission.ts";
import { Listener } from "../../../src/main/streams/listener.ts";
import { createLogging } from "../../../src/main/telemetry/log.ts";
import { until } from "../../support/until.ts";

const log = createLogging({ defaultLevel: "none", levels: new Map(), json: false })("ads");

/** A listener on a free port; `taken` are the connections that were handed over. */
async function listening(t: TestContext) {
  const admission = new Admission({
    now: () => performance.now(),
    schedule: (ms, run) => {
      const timer = setTimeout(run, ms);
      return () => clearTimeout(timer);
    },
  });
  const taken: Socket[] = [];
  let received = "";
  const inject = (socket: Socket): void => {
    taken.push(socket);
    socket.on("data", (chunk) => {
      received += chunk.toString();
    });
  };
  const listener = new Listener({ admission, inject, log });
  const { port } = await listener.listen({ host: "127.0.0.1", port: 0 });
  t.after(() => {
    listener.close();
    admission.close();
    for (const socket of taken) socket.destroy();
  });
  const client = (): Socket => {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => undefined);
    t.after(() => void socket.destroy());
    return socket;
  };
  return { admission, listener, taken, received: () => received, client, port };
}

test("what a peer sent before it was handed over is not lost", async (t) => {
  const { admission, received, client } = await listening(t);
  const silent = Array.from({ length: 40 }, client);
  await until("some wait", () => admission.size > 0);
  client().write("hello");
  await until("it is read", () => received() === "hello");
  assert.ok(silent.every((socket) => !socket.destroyed));
});

test("a peer that goes while it waits is forgotten, and one that is silent doesn't keep others out", async (t) => {
  const { admission, taken, client } = await listening(t);
  const clients = Array.from({ length: 60 }, client);
  await until("peers wait, or all are there", () => admission.size > 0 || taken.length === 60);
  clients.at(-1)!.destroy();
  await until("none waits", () => admission.size === 0);
  assert.ok(taken.length >= 59);
});

test("closing ends the connections that still wait", async (t) => {
  const { admission, listener, taken, client } = await listening(t);
  const clients = Array.from({ length: 60 }, client);
  await until("some wait", () => admission.size > 0);
  const closed = clients.map((socket) => once(socket, "close"));
  admission.close();
  listener.close();
  for (const socket of taken) socket.destroy();
  await Promise.all(closed);
});

test("a port in use is an error that names it", async (t) => {
  const { port, admission } = await listening(t);
  const second = new Listener({ admission, inject: () => undefined, log });
  await assert.rejects(second.listen({ host: "127.0.0.1", port }), {
    code: "MIZZEN_ERR_OPTIONS",
    message: new RegExp(`cannot listen on 127.0.0.1:${port}: .*EADDRINUSE`),
  });
});

test("a name is looked up, its IPv4 address first", async (t) => {
  const { admission } = await listening(t);
  const named = new Listener({ admission, inject: () => undefined, log });
  t.after(() => named.close());
  const { host, port } = await named.listen({ host: "localhost", port: 0 });
  assert.equal(host, "localhost");
  const socket = connect(port, "127.0.0.1");
  t.after(() => void socket.destroy());
  await once(socket, "connect");
});
