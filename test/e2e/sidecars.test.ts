// Two sidecar Envoys in two network namespaces with redirected traffic: plain HTTP and TCP go through both.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { assertConfigurationAccepted, envoyStats, type Mode } from "../support/envoy.ts";
import { startSidecars } from "../support/running-sidecars.ts";
import { until } from "../support/until.ts";

for (const mode of ["sotw", "delta"] as const) test(`sidecars (${mode})`, (t) => sidecars(t, mode));

async function sidecars(t: TestContext, mode: Mode): Promise<void> {
  const mesh = await startSidecars(t, mode);
  if (!mesh) return;
  const { client, server } = mesh;

  await t.test("HTTP goes through both, by the service's address and host name", async () => {
    const answer = await until("the service answers", async () => {
      const got = await client.node.call("get", {
        host: "10.98.0.20",
        port: 8080,
        path: "/hello",
        headers: { host: "echo.shop.svc.cluster.local:8080" },
      });
      return got.status === 200 && got;
    });
    const body = JSON.parse(answer.body) as { name: string; path: string; headers: Record<string, string> };
    assert.equal(body.name, "echo-v1");
    assert.equal(body.path, "/hello");
    assert.ok(body.headers["x-request-id"], "an Envoy adds a request id");
    assert.equal(answer.headers.server, "envoy");
    const outbound = await envoyStats(client.envoy);
    assert.ok((outbound.get("cluster.outbound|8080||echo.shop.svc.cluster.local.upstream_rq_200") ?? 0) > 0);
    const inbound = await envoyStats(server.envoy);
    assert.ok((inbound.get("cluster.inbound|8080||.upstream_rq_200") ?? 0) > 0);
  });

  await t.test("TCP goes through both", async () => {
    const line = await until("the TCP service answers", () =>
      client.node.call("sendLine", { host: "10.98.0.20", port: 9000, line: "ahoy" }),
    );
    assert.equal(line, "echo-v1: ahoy");
    const outbound = await envoyStats(client.envoy);
    assert.ok((outbound.get("cluster.outbound|9000||echo.shop.svc.cluster.local.upstream_cx_total") ?? 0) > 0);
    const inbound = await envoyStats(server.envoy);
    assert.ok((inbound.get("cluster.inbound|9000||.upstream_cx_total") ?? 0) > 0);
  });

  await t.test("what no service has passes through", async () => {
    const answer = await client.node.call("get", {
      host: mesh.hub.address,
      port: 7000,
      path: "/outside",
      headers: { host: "outside.example" },
    });
    assert.equal((JSON.parse(answer.body) as { name: string }).name, "outside");
    const stats = await envoyStats(client.envoy);
    assert.ok((stats.get("cluster.PassthroughCluster.upstream_cx_total") ?? 0) > 0);
  });

  await t.test("accepted all of it, without a warning", async () => {
    for (const sidecar of [client, server]) await assertConfigurationAccepted(sidecar.envoy);
    const metrics = await mesh.hub.call("get", { host: mesh.hub.address, port: 15014, path: "/metrics", headers: {} });
    assert.doesNotMatch(metrics.body, /^pilot_total_xds_rejects(\{.*\})? [1-9]/m);
  });
}
