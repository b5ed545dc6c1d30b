// The small HTTP server and readiness.
import assert from "node:assert/strict";
import { test } from "node:test";
import { startAdminServers } from "../../../src/main/admin/admin-servers.ts";
import { HttpServer, jsonAnswer, type Route } from "../../../src/main/admin/http-server.ts";
import { Readiness } from "../../../src/main/admin/readiness.ts";
import { createMetrics } from "../../../src/main/telemetry/metrics.ts";
import { MizzenError } from "../../../src/shared/errors.ts";

const log = { error: () => undefined, warn: () => undefined, info: () => undefined, debug: () => undefined };
const ANY_PORT = { host: "127.0.0.1", port: 0 };

test("paths, queries, methods and failures", async () => {
  const server = new HttpServer(
    new Map<string, Route>([
      ["/echo", ({ query }) => jsonAnswer({ x: query.get("x") })],
      [
        "/fails",
        () => {
          throw new Error("broken");
        },
      ],
    ]),
    log,
  );
  const { port } = await server.listen(ANY_PORT);
  const get = (path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${port}${path}`, init);
  try {
    const echo = await get("/echo?x=1");
    assert.equal(echo.headers.get("content-type"), "application/json");
    assert.deepEqual(await echo.json(), { x: "1" });
    assert.equal((await get("/echo/")).status, 200);
    assert.equal(await (await get("/echo", { method: "HEAD" })).text(), "");
    assert.equal((await get("/echo", { method: "DELETE" })).status, 405);
    assert.equal((await get("/nothing")).status, 404);
    const failed = await get("/fails");
    assert.equal(failed.status, 500);
    assert.equal(await failed.text(), "broken\n");
  } finally {
    await server.close();
  }
});

test("an address in use is the user's problem, and says so", async () => {
  const first = new HttpServer(new Map(), log);
  const { port } = await first.listen(ANY_PORT);
  try {
    await assert.rejects(
      new HttpServer(new Map(), log).listen({ host: "127.0.0.1", port }),
      (error) =>
        error instanceof MizzenError && error.code === "MIZZEN_ERR_OPTIONS" && /EADDRINUSE/.test(error.message),
    );
  } finally {
    await first.close();
  }
});

test("ready when nobody holds it, and until then it says who does", async () => {
  const readiness = new Readiness();
  const one = readiness.hold("configuration");
  const two = readiness.hold("certificates");
  const metrics = createMetrics({
    version: "1.2.3",
    services: () => 7,
    virtualServices: () => 2,
    cache: () => ({ entries: 1, bytes: 70, hits: 2, misses: 3, evictions: 4 }),
    workers: () => ({ threads: 1, waiting: 0, busyMs: 1500 }),
    connectionsWaiting: () => 5,
  });
  const servers = await startAdminServers({
    httpAddress: ANY_PORT,
    monitoringAddress: ANY_PORT,
    readiness,
    metrics,
    debug: new Map([["/debug", () => ({ body: "index" })]]),
    version: "1.2.3",
    log,
  });
  const http = `http://127.0.0.1:${servers.http!.port}`;
  const monitoring = `http://127.0.0.1:${servers.monitoring!.port}`;
  try {
    const waiting = await fetch(`${http}/ready`);
    assert.equal(waiting.status, 503);
    assert.equal(await waiting.text(), "waiting for configuration, certificates\n");
    let ready = false;
    const whenReady = readiness.whenReady().then(() => {
      ready = true;
    });
    one();
    assert.equal(ready, false);
    two();
    await whenReady;
    assert.equal((await fetch(`${http}/ready`)).status, 200);
    assert.equal((await fetch(`${monitoring}/debug`)).status, 200);
    const text = await (await fetch(`${monitoring}/metrics`)).text();
    for (const line of [
      'pilot_info{version="1.2.3"} 1',
      'istio_build{component="pilot",tag="1.2.3"} 1',
      "pilot_services 7",
      "pilot_virt_services 2",
      "xds_cache_evictions 4",
      "mizzen_xds_cache_bytes 70",
      "mizzen_workers 1",
      "mizzen_worker_busy_seconds_total 1.5",
      "mizzen_worker_long_tasks_total 0",
      "mizzen_connections_waiting 5",
    ]) {
      assert.equal(text.includes(`${line}\n`), true, line);
    }
  } finally {
    await servers.close();
  }
});
