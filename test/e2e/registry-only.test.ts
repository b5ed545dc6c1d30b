// A sidecar that lets its workload reach what the mesh knows, and nothing else.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { assertConfigurationAccepted, type Mode } from "../support/envoy.ts";
import { type RunningSidecars, startSidecars } from "../support/running-sidecars.ts";
import { until } from "../support/until.ts";

const MESH = "rootNamespace: istio-system\noutboundTrafficPolicy: {mode: REGISTRY_ONLY}\n";
const HOST = "outside.example.com";

for (const mode of ["sotw", "delta"] as const) test(`only what is registered (${mode})`, (t) => registryOnly(t, mode));

async function registryOnly(t: TestContext, mode: Mode): Promise<void> {
  const mesh = await startSidecars(t, mode, MESH);
  if (!mesh) return;

  await t.test("what the mesh knows is reached", async () => {
    await until("the service answers", async () => {
      const headers = { host: "echo.shop.svc.cluster.local:8080" };
      return (
        (await mesh.client.node.call("get", { host: "10.98.0.20", port: 8080, path: "/", headers })).status === 200
      );
    });
  });

  await t.test("what it doesn't know is cut off, by connection and by host name", async () => {
    await assert.rejects(outside(mesh), /closed|ECONNRESET|hang up/);
    const headers = { host: "unknown.example.com" };
    const unknown = await mesh.client.node.call("get", { host: "10.98.0.20", port: 8080, path: "/", headers });
    assert.equal(unknown.status, 502);
  });

  await t.test("until a ServiceEntry makes it known", async () => {
    mesh.apply(
      "outside.yaml",
      `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: outside, namespace: shop}
spec:
  hosts: [${HOST}]
  addresses: [${mesh.hub.address}]
  location: MESH_EXTERNAL
  resolution: STATIC
  ports: [{number: 7000, name: http, protocol: HTTP}]
  endpoints: [{address: ${mesh.hub.address}}]
`,
    );
    const answer = await until("it is reached", async () => {
      const got = await outside(mesh);
      return got.status === 200 && got;
    });
    assert.equal((JSON.parse(answer.body) as { name: string }).name, "outside");
  });

  await t.test("accepted all of it, without a warning", async () => {
    for (const { envoy } of [mesh.client, mesh.server]) await assertConfigurationAccepted(envoy);
  });
}

function outside(mesh: RunningSidecars) {
  return mesh.client.node.call("get", { host: mesh.hub.address, port: 7000, path: "/", headers: { host: HOST } });
}
