// The whole of the sample for one test: a copy of its files, its services, a control plane, and a gateway Envoy.
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { type ShopServices, startShopServices } from "../../src/main/demo/shop-services.ts";
import { closeWith } from "./closers.ts";
import { type RunningControlPlane, startTestControlPlane } from "./control-plane.ts";
import { type Mode, startTestEnvoy, type TestEnvoy, testEnvoyBinary, testNode } from "./envoy.ts";
import { copyShop, type ShopCopy } from "./shop.ts";
import { askShop } from "./shop-client.ts";
import { until } from "./until.ts";

export interface RunningShop extends ShopCopy {
  readonly services: ShopServices;
  readonly server: RunningControlPlane;
  readonly envoy: TestEnvoy;
  /** The control plane's log, line by line. */
  readonly log: readonly string[];
}

/** Undefined when there is no Envoy, after the test was marked as skipped. Everything ends with the test. */
export async function startShop(t: TestContext, mode: Mode, flags = {}): Promise<RunningShop | undefined> {
  const binary = await testEnvoyBinary();
  if (!binary.found) {
    t.skip(binary.reason);
    return undefined;
  }
  const onEnd = closeWith(t);
  const shop = await copyShop();
  onEnd(shop.remove);
  const services = await startShopServices(shop.sample.workloads, shop.sample.gateway);
  onEnd(services.close);
  const log: string[] = [];
  const { configDir, meshConfig } = shop.sample;
  const server = await startTestControlPlane({ configDir, meshConfig, flags, log: (line) => void log.push(line) });
  onEnd(server.close);
  const envoy = await startTestEnvoy({
    binary: binary.path,
    mode,
    node: testNode("router", "127.0.0.1", "shop-gateway-1", "istio-system", { istio: "ingressgateway" }),
    xds: { address: "127.0.0.1", port: Number(server.grpc.split(":")[1]) },
  });
  onEnd(envoy.stop);
  await until("the page is served", async () => (await askShop(shop.sample, "/productpage")).status === 200);
  return { ...shop, services, server, envoy, log };
}

/** No proxy has rejected anything, as far as the control plane knows. */
export async function assertNothingRejected(server: RunningControlPlane): Promise<void> {
  const metrics = await (await fetch(`${server.monitoring}/metrics`)).text();
  const rejects = metrics.split("\n").filter((line) => /^pilot_total_xds_rejects(\{.*\})? [1-9]/.test(line));
  assert.deepEqual(rejects, []);
}
