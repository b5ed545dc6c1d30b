// A gRPC xDS client is refused cleanly or served, and the control plane serves everyone else as before.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { ProxyFleet } from "../../bench/client/proxy-fleet.ts";
import { startTestControlPlane } from "../support/control-plane.ts";
import { testNode } from "../support/envoy.ts";
import { copyShop } from "../support/shop.ts";
import { until } from "../support/until.ts";

interface CallResult {
  readonly code: number;
  readonly details: string;
}

/** Runs the client's program to its end. */
async function callOverXds(server: string, metadata: object, target: string): Promise<CallResult> {
  const bootstrap = {
    xds_servers: [{ server_uri: server, channel_creds: [{ type: "insecure" }], server_features: ["xds_v3"] }],
    node: { id: "sidecar~127.0.0.9~client-1.default~default.svc.cluster.local", locality: {}, metadata },
  };
  const program = fileURLToPath(new URL("../support/grpc-xds-client.js", import.meta.url));
  const child = spawn(process.execPath, [program, target], {
    env: { ...process.env, GRPC_XDS_BOOTSTRAP_CONFIG: JSON.stringify(bootstrap) },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  child.stdout.on("data", (chunk) => {
    text += String(chunk);
  });
  const status = await new Promise<number | null>((resolve) => child.once("close", resolve));
  assert.equal(status, 0, "the client's program ends by itself");
  return JSON.parse(text) as CallResult;
}

/** A proxy that connects now gets all that it needs. */
async function connectProxy(target: string): Promise<ProxyFleet> {
  const node = testNode("sidecar", "127.0.1.41", "reviews-v1", "default", { app: "reviews", version: "v1" });
  const nodes = [{ ...node, namespace: "default", locality: { region: "", zone: "", subZone: "" } }];
  let complete = false;
  let end: string | undefined;
  const fleet = new ProxyFleet(
    { tag: "connect", target, mode: "sotw", nodes, perConnection: 1, remember: false, relayed: [] },
    {
      onResponse: () => undefined,
      onComplete: () => {
        complete = true;
      },
      onEnd: (_proxy, reason) => {
        end = reason;
      },
    },
  );
  await fleet.start();
  await until("a proxy is served", () => complete || (end !== undefined && Promise.reject(new Error(end))));
  return fleet;
}

test("a gRPC xDS client never crashes the server", async (t) => {
  const shop = await copyShop();
  t.after(shop.remove);
  const { configDir, meshConfig } = shop.sample;
  const log: string[] = [];
  const server = await startTestControlPlane({ configDir, meshConfig, log: (line) => void log.push(line) });
  t.after(server.close);
  const host = "reviews.default.svc.cluster.local:9080";

  await t.test("one that says that it is a gRPC client", async (t) => {
    const { code, details } = await callOverXds(server.grpc, { GENERATOR: "grpc", NAMESPACE: "default" }, host);
    t.diagnostic(`the call ended with ${code}: ${details}`);
  });

  await t.test("one that does not", async (t) => {
    const { code, details } = await callOverXds(server.grpc, {}, host);
    t.diagnostic(`the call ended with ${code}: ${details}`);
    assert.notEqual(code, 0);
  });

  await t.test("a name that does not exist", async () => {
    const { code } = await callOverXds(server.grpc, { GENERATOR: "grpc", NAMESPACE: "default" }, "nobody:1");
    assert.notEqual(code, 0);
  });

  await t.test("and proxies are served as before", async () => {
    assert.equal((await fetch(`${server.http}/ready`)).status, 200);
    (await connectProxy(server.grpc)).close();
    assert.deepEqual(
      log.filter((line) => /\terror\t/.test(line)),
      [],
    );
  });
});
