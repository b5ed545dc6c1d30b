// The control plane goes away and comes back: traffic goes on, Envoy connects again, and edits are followed as before.
import assert from "node:assert/strict";
import { test } from "node:test";
import { startTestControlPlane } from "../support/control-plane.ts";
import { assertConfigurationAccepted, envoyStats } from "../support/envoy.ts";
import { startShop } from "../support/running-shop.ts";
import { askShop, countReviews } from "../support/shop-client.ts";
import { until } from "../support/until.ts";

for (const mode of ["sotw", "delta"] as const) {
  test(`a control plane that is started again (${mode})`, async (t) => {
    const shop = await startShop(t, mode);
    if (!shop) return;
    const { sample, envoy } = shop;
    const connected = async (): Promise<boolean> =>
      (await envoyStats(envoy)).get("control_plane.connected_state") === 1;
    await until("Envoy is connected", connected);
    await shop.server.close();
    await until("Envoy has noticed", async () => !(await connected()));

    await t.test("traffic goes on without it", async () => {
      for (let sent = 0; sent < 20; sent++) assert.equal((await askShop(sample, "/productpage")).status, 200);
    });

    // What was changed while nobody looked is followed too.
    shop.edit("reviews-route.yaml", (text) =>
      text.replace("weight: 90", "weight: 0").replace("weight: 10", "weight: 100"),
    );
    const { configDir, meshConfig } = sample;
    const again = await startTestControlPlane({ configDir, meshConfig, flags: { grpcAddr: shop.server.grpc } });
    t.after(again.close);

    await t.test("Envoy connects again, and gets what has changed meanwhile", async () => {
      await until("Envoy is connected", connected, { timeoutMs: 40_000 });
      await until("v2 gets everything", async () => (await countReviews(sample, 10))["reviews-v2"] === 10);
      assert.equal((await askShop(sample, "/productpage")).status, 200);
      await assertConfigurationAccepted(envoy);
    });

    await t.test("and follows what is changed from now on", async () => {
      shop.edit("reviews-route.yaml", (text) => text.replace("subset: v2", "subset: v3"));
      await until("v3 gets everything", async () => (await countReviews(sample, 10))["reviews-v3"] === 10);
    });
  });
}
