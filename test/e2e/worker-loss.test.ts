// A worker dies in the middle of a push: the push completes, nothing is lost, and the log says so.
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { AdsClient } from "../../bench/lib/ads-client.ts";
import { changeRoute, type MeshSize, markedHeader, meshNodes, writeMesh } from "../../bench/lib/synthetic-mesh.ts";
import { startTestControlPlane } from "../support/control-plane.ts";
import { until } from "../support/until.ts";

/** Each namespace gives proxies a view of their own, and each view a task. */
const SIZE: MeshSize = { services: 300, namespaces: 12, endpointsPerService: 2 };

const DEATHS = 3;
const MAX_PUSHES = 30;

test("a push outlives the workers that it runs on", async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "mizzen-worker-loss-"));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  writeMesh(folder, SIZE);
  const log: string[] = [];
  const server = await startTestControlPlane({
    configDir: path.join(folder, "config"),
    meshConfig: path.join(folder, "mesh.yaml"),
    env: { PILOT_MAX_REQUESTS_PER_SECOND: "1000" },
    log: (line) => void log.push(line),
  });
  t.after(server.close);
  const proxies = await connectAll(server.grpc);
  t.after(() => {
    for (const { client } of proxies) client.close();
  });

  const deaths = (): number => log.filter(saysThatAWorkerDied).length;
  // A worker that has just answered dies without a task in hand, so that some pushes lose nothing to repeat.
  for (let serial = 1; deaths() < DEATHS; serial++) {
    assert.ok(serial <= MAX_PUSHES, `${deaths()} workers died with a task in hand in ${MAX_PUSHES} pushes`);
    const marker = Buffer.from(markedHeader(serial));
    for (const proxy of proxies) proxy.marker = marker;
    changeRoute(folder, SIZE, serial, markedHeader(serial));
    await until("tasks are under way", () => server.pool.tasksUnderWay > 0, { everyMs: 0 });
    await server.pool.killWorker();
    await until("all proxies have the change", () => proxies.every((proxy) => proxy.marker === undefined));
    await until("another worker is there", () => server.pool.threadCount === 1);
  }
  assert.deepEqual(
    log.filter((line) => /\terror\t/.test(line)),
    [],
  );
});

interface ConnectedProxy {
  readonly client: AdsClient;
  /** What the proxy waits for. */
  marker: Buffer | undefined;
}

async function connectAll(target: string): Promise<readonly ConnectedProxy[]> {
  let complete = 0;
  const proxies = meshNodes(SIZE, SIZE.namespaces).map((node) => {
    const proxy: { client?: AdsClient; marker: Buffer | undefined } = { marker: undefined };
    proxy.client = new AdsClient(target, "sotw", node, {
      onResponse: (_type, bytes) => {
        if (proxy.marker && bytes.includes(proxy.marker)) proxy.marker = undefined;
      },
      onComplete: () => complete++,
      onEnd: () => undefined,
    });
    return proxy as ConnectedProxy;
  });
  await until("all proxies have everything", () => complete === proxies.length, { timeoutMs: 30_000 });
  return proxies;
}

function saysThatAWorkerDied(line: string): boolean {
  return line.includes("a worker died with a task in hand");
}
