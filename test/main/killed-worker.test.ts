// A worker that is killed in the middle of a push costs nothing but a line in the log.
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { parseOptions } from "../../src/main/config/options.ts";
import { startControlPlane } from "../../src/main/control-plane.ts";
import { createLogging } from "../../src/main/telemetry/log.ts";
import { FakeEnvoy } from "../support/fake-envoy.ts";
import { until } from "../support/until.ts";

const SERVICES = 300;
const PROXIES = 6;

function mesh(address: string): string {
  return Array.from(
    { length: SERVICES },
    (_, i) => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: s${i}, namespace: default}
spec:
  hosts: [s${i}.example.com]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 80, name: http, protocol: HTTP}, {number: ${i % 2 === 0 ? 8080 : 9090}, name: other, protocol: HTTP}]
  endpoints: [{address: ${address}}]
`,
  ).join("---");
}

test("killing workers during a push loses nothing", async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "mizzen-"));
  const file = path.join(folder, "mesh.yaml");
  fs.writeFileSync(file, mesh("10.0.0.1"));
  const lines: string[] = [];
  const options = parseOptions(
    {
      configDir: folder,
      registries: "",
      grpcAddr: "127.0.0.1:0",
      httpAddr: "",
      httpsAddr: "",
      secureGRPCAddr: "",
      monitoringAddr: "",
      shutdownDuration: "1s",
      workers: "2",
    },
    { PILOT_MAX_REQUESTS_PER_SECOND: "1000", PILOT_DEBOUNCE_AFTER: "10ms" },
  );
  const control = await startControlPlane(options, {
    logging: createLogging({
      defaultLevel: "info",
      levels: new Map(),
      json: false,
      write: (line) => void lines.push(line),
    }),
  });
  // Different labels: different views, so that each is work of its own.
  const proxies = Array.from(
    { length: PROXIES },
    (_, i) =>
      new FakeEnvoy({
        target: `127.0.0.1:${control.addresses.grpc!.port}`,
        variant: i % 2 === 0 ? "sotw" : "delta",
        nodeId: `sidecar~10.1.1.${i + 1}~p${i}.default~default.svc.cluster.local`,
        metadata: { LABELS: { app: `p${i}` } },
      }),
  );
  try {
    await Promise.all(proxies.map((proxy) => proxy.start(["80"])));
    fs.writeFileSync(`${file}.tmp`, mesh("10.0.0.1").replaceAll("9090", "9191"));
    fs.renameSync(`${file}.tmp`, file);
    await until("work is under way", () => control.pool.stats().waiting > 0, { everyMs: 1 });
    await control.pool.killWorker(0);
    await control.pool.killWorker(0);
    for (const proxy of proxies) {
      await until("all clusters are there", () => {
        const names = [...(proxy.state.get("CDS")?.keys() ?? [])];
        return names.filter((name) => name.startsWith("outbound|9191|")).length === SERVICES / 2;
      });
    }
    assert.equal(
      lines.some((line) => line.includes("a worker died")),
      true,
    );
    assert.equal(control.pool.threadCount, 2);
  } finally {
    await Promise.all(proxies.map((proxy) => proxy.close()));
    await control.close();
    fs.rmSync(folder, { recursive: true });
  }
});
