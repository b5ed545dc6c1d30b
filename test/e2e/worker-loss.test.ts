// A worker dies in the middle of a push: the push completes, nothing is lost, and the log says so.
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { ProxyFleet } from "../../bench/client/proxy-fleet.ts";
import { changeOf } from "../../bench/mesh/changes.ts";
import { MeshFolder } from "../../bench/mesh/mesh-folder.ts";
import { nodesOf } from "../../bench/mesh/nodes.ts";
import type { MeshShape } from "../../bench/mesh/shape.ts";
import { startTestControlPlane } from "../support/control-plane.ts";
import { until } from "../support/until.ts";

/** Each namespace gives proxies a view of their own, and each view a task. */
const NAMESPACES = 12;
const SHAPE: MeshShape = { groups: [{ prefix: "ns", namespaces: NAMESPACES, services: 300, endpoints: 2 }] };

const DEATHS = 3;
const MAX_PUSHES = 30;

test("a push outlives the workers that it runs on", async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "mizzen-worker-loss-"));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  const mesh = new MeshFolder(folder, SHAPE);
  const log: string[] = [];
  const server = await startTestControlPlane({
    configDir: path.join(folder, "config"),
    meshConfig: path.join(folder, "mesh.yaml"),
    env: { PILOT_MAX_REQUESTS_PER_SECOND: "1000" },
    log: (line) => void log.push(line),
  });
  t.after(server.close);
  const proxies = await connectAll(server.grpc);
  t.after(() => proxies.fleet.close());

  const deaths = (): number => log.filter(saysThatAWorkerDied).length;
  // A worker that has just answered dies without a task in hand, so that some pushes lose nothing to repeat.
  for (let serial = 1; deaths() < DEATHS; serial++) {
    assert.ok(serial <= MAX_PUSHES, `${deaths()} workers died with a task in hand in ${MAX_PUSHES} pushes`);
    const change = changeOf("route", mesh, serial);
    proxies.expect(change.mark!.bytes);
    change.make();
    await until("tasks are under way", () => server.pool.tasksUnderWay > 0, { everyMs: 0 });
    await server.pool.killWorker();
    await until("all proxies have the change", () => proxies.waiting.size === 0);
    await until("another worker is there", () => server.pool.threadCount === 1);
  }
  assert.deepEqual(
    log.filter((line) => /\terror\t/.test(line)),
    [],
  );
});

interface ConnectedProxies {
  readonly fleet: ProxyFleet;
  /** Those that don't have what is expected yet. */
  readonly waiting: ReadonlySet<number>;
  expect(bytes: Buffer): void;
}

async function connectAll(target: string): Promise<ConnectedProxies> {
  const nodes = nodesOf(SHAPE, "sidecar", NAMESPACES);
  const waiting = new Set<number>();
  let expected: Buffer | undefined;
  let complete = 0;
  const fleet = new ProxyFleet(
    { tag: "connect", target, mode: "sotw", nodes, perConnection: 1, remember: false, relayed: [] },
    {
      onResponse: (proxy, _type, _bytes, { resources }) => {
        if (expected && resources.includes(expected)) waiting.delete(proxy);
      },
      onComplete: () => complete++,
      onEnd: () => undefined,
    },
  );
  await fleet.start();
  await until("all proxies have everything", () => complete === nodes.length, { timeoutMs: 30_000 });
  return {
    fleet,
    waiting,
    expect(bytes) {
      expected = bytes;
      for (const index of nodes.keys()) waiting.add(index);
    },
  };
}

function saysThatAWorkerDied(line: string): boolean {
  return line.includes("a worker died with a task in hand");
}
