// Workers die, a proxy stops reading, garbage arrives and thousands of streams come and go, all while endpoints change: every
// healthy proxy ends with what a new one would get, and nothing is left behind.
import assert from "node:assert/strict";
import fs from "node:fs";
import http2 from "node:http2";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { envoy } from "../../src/shared/gen/discovery.js";
import { TYPE_URL } from "../../src/shared/xds-types.ts";
import { type RunningControlPlane, startTestControlPlane } from "../support/control-plane.ts";
import { FakeEnvoy } from "../support/fake-envoy.ts";
import { serviceText } from "../support/service-file.ts";
import { until } from "../support/until.ts";

const SERVICES = 40;
const PROXIES = 12;
const CHANGES = 60;
const DROPPED_STREAMS = 2_000;
const STREAMS_A_CONNECTION = 100;

const METHOD = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources";

/** The frame of a first request for all clusters. */
function firstRequest(name: string): Buffer {
  const node = { id: `sidecar~10.9.9.9~${name}.default~default.svc.cluster.local`, cluster: "app" };
  const message = envoy.service.discovery.v3.DiscoveryRequest.encode({ node, typeUrl: TYPE_URL.CDS }).finish();
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** A call on which nothing was sent yet. It is dropped on purpose. */
function openCall(session: http2.ClientHttp2Session): http2.ClientHttp2Stream {
  const stream = session.request({
    ":method": "POST",
    ":path": METHOD,
    "content-type": "application/grpc",
    te: "trailers",
  });
  stream.on("error", () => undefined);
  return stream;
}

function openStream(session: http2.ClientHttp2Session, name: string): http2.ClientHttp2Stream {
  const stream = openCall(session);
  stream.write(firstRequest(name));
  return stream;
}

/** A proxy that asks for everything and never reads what it gets. Gives what ends it. */
async function stalledProxy(control: RunningControlPlane): Promise<() => void> {
  const session = http2.connect(`http://${control.grpc}`, { settings: { initialWindowSize: 1 } });
  session.on("error", () => undefined);
  const stream = openStream(session, "stalled");
  stream.pause();
  await new Promise((resolve) => stream.once("response", resolve));
  return () => session.destroy();
}

/** Opens streams and drops them, some before anything was answered. */
async function openAndDrop(control: RunningControlPlane): Promise<void> {
  for (let opened = 0; opened < DROPPED_STREAMS; opened += STREAMS_A_CONNECTION) {
    const session = http2.connect(`http://${control.grpc}`);
    session.on("error", () => undefined);
    const streams = Array.from({ length: STREAMS_A_CONNECTION }, (_, i) => openStream(session, `dropped-${i}`));
    const first = streams[0]!;
    if (opened % 200 === 0) await new Promise((resolve) => first.once("response", resolve));
    for (const stream of streams) stream.close(http2.constants.NGHTTP2_CANCEL);
    await new Promise<void>((resolve) => {
      session.once("close", resolve);
      session.destroy();
    });
  }
}

/** Bytes that are no HTTP/2, no gRPC frame, or no message. */
async function sendGarbage(control: RunningControlPlane): Promise<void> {
  const port = Number(control.grpc.split(":")[1]);
  await new Promise<void>((resolve) => {
    const socket = net.connect(port, "127.0.0.1", () => socket.end("GET / HTTP/1.1\r\n\r\n"));
    socket.on("error", () => resolve());
    socket.on("close", () => resolve());
    socket.resume();
  });
  for (const bytes of [
    Buffer.alloc(64, 0xff),
    Buffer.from([9, 0, 0, 0, 3, 1, 2, 3]),
    Buffer.from([0, 0, 0, 0, 2, 0xff, 0xff]),
  ]) {
    const session = http2.connect(`http://${control.grpc}`);
    session.on("error", () => undefined);
    const stream = openCall(session);
    stream.resume();
    const refused = new Promise((resolve) => stream.once("end", resolve));
    stream.write(bytes);
    await refused;
    session.destroy();
  }
}

async function connections(control: RunningControlPlane): Promise<number> {
  const answer = await fetch(`${control.http}/debug/connections`);
  return ((await answer.json()) as { totalClients: number }).totalClients;
}

test("a fault drill during churn", { timeout: 100_000 }, async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "mizzen-"));
  const write = (name: string, address: string): void => {
    const file = path.join(folder, `${name}.yaml`);
    fs.writeFileSync(`${file}.tmp`, serviceText(name, address));
    fs.renameSync(`${file}.tmp`, file);
  };
  for (let i = 0; i < SERVICES; i++) write(`s${i}`, "10.0.0.1");
  const control = await startTestControlPlane({
    configDir: folder,
    flags: { workers: "2" },
    env: { PILOT_MAX_REQUESTS_PER_SECOND: "1000000", PILOT_DEBOUNCE_AFTER: "10ms" },
  });
  const proxies = Array.from(
    { length: PROXIES },
    (_, i) =>
      new FakeEnvoy({
        target: control.grpc,
        variant: i % 2 === 0 ? "sotw" : "delta",
        nodeId: `sidecar~10.1.1.${i + 1}~p${i}.default~default.svc.cluster.local`,
        metadata: { LABELS: { app: `p${i}` } },
      }),
  );
  const fresh: FakeEnvoy[] = [];
  try {
    await Promise.all(proxies.map((proxy) => proxy.start(["80"])));
    const endStalled = await stalledProxy(control);

    const faults = Promise.all([openAndDrop(control), sendGarbage(control)]);
    for (let change = 1; change <= CHANGES; change++) {
      // Every tenth one changes what exists, the others endpoints.
      if (change % 10 === 0) write(`late${change}`, "10.0.2.1");
      else write(`s${change % SERVICES}`, `10.0.1.${change}`);
      if (change % 12 === 0) await control.pool.killWorker(change % 2);
      const served = proxies[change % PROXIES]!.log.length;
      await until("a change arrives", () => proxies[change % PROXIES]!.log.length > served, { timeoutMs: 20_000 });
    }
    await faults;

    for (const variant of ["sotw", "delta"] as const) {
      const proxy = new FakeEnvoy({ target: control.grpc, variant });
      fresh.push(proxy);
      await proxy.start(["80"]);
    }
    const expected = { sotw: fresh[0]!, delta: fresh[1]! };
    for (const [i, proxy] of proxies.entries()) {
      const { state } = expected[i % 2 === 0 ? "sotw" : "delta"];
      // Listeners and inbound clusters name the workload.
      for (const type of ["EDS", "RDS"] as const) {
        await until(`${type} of proxy ${i} is as a new one's`, () => {
          const own = proxy.state.get(type);
          const wanted = [...(state.get(type) ?? [])].filter(([name]) => own?.has(name));
          return (
            wanted.length >= (type === "EDS" ? SERVICES : 1) &&
            wanted.every(([name, version]) => own?.get(name) === version)
          );
        });
      }
      const clusters = (of: FakeEnvoy): string[] =>
        [...(of.state.get("CDS")?.keys() ?? [])].filter((name) => name.startsWith("outbound|")).sort();
      await until(`clusters of proxy ${i}`, () => clusters(proxy).join() === clusters(expected.sotw).join());
    }
    assert.equal(control.pool.stats().threads, 2);

    await until(
      "only the healthy and the stalled are connected",
      async () => (await connections(control)) === PROXIES + 3,
    );
    endStalled();
    await until("the stalled one is gone", async () => (await connections(control)) === PROXIES + 2);
    await Promise.all([...proxies, ...fresh].map((proxy) => proxy.close()));
    await until("nobody is connected", async () => (await connections(control)) === 0);
    await until("nothing is in work", () => control.pool.tasksUnderWay === 0);
  } finally {
    await Promise.all([...proxies, ...fresh].map((proxy) => proxy.close()));
    await control.close();
    fs.rmSync(folder, { recursive: true });
  }
});
