// A gateway Envoy in front of the shop: what its configuration says is seen in real HTTP answers.
import assert from "node:assert/strict";
import { test } from "node:test";
import { assertConfigurationAccepted } from "../support/envoy.ts";
import { assertNothingRejected, startShop } from "../support/running-shop.ts";
import { askShop, countReviews } from "../support/shop-client.ts";
import { until } from "../support/until.ts";

for (const mode of ["sotw", "delta"] as const) {
  test(`gateway (${mode})`, async (t) => {
    const shop = await startShop(t, mode);
    if (!shop) return;
    const { sample, envoy, server } = shop;

    await t.test("serves the page, whose services call one another through it", async () => {
      const page = await askShop(sample, "/productpage", { headers: { "end-user": "tester" } });
      assert.equal(page.servedBy, "productpage-v1");
      assert.equal(page.headers["x-reviews-version"], "v3");
      assert.match(page.body, /class="red">★/);
    });

    await t.test("shares requests by weight", async () => {
      const { "reviews-v1": v1 = 0, "reviews-v2": v2 = 0, ...others } = await countReviews(sample, 300);
      assert.deepEqual(others, {});
      // Fewer than 235 or more than 295 of 300 draws at 90 % come in less than one of a million runs.
      assert.ok(v1 >= 235 && v1 <= 295, `v1 got ${v1} of 300, v2 ${v2}`);
    });

    await t.test("routes by header", async () => {
      assert.deepEqual(await countReviews(sample, 20, { "end-user": "tester" }), { "reviews-v3": 20 });
    });

    await t.test("redirects and answers 404 as routed", async () => {
      const start = await askShop(sample, "/");
      assert.equal(start.status, 301);
      assert.match(String(start.headers.location), /\/productpage$/);
      assert.equal((await askShop(sample, "/nowhere")).status, 404);
    });

    await t.test("follows an edited file", async () => {
      const started = performance.now();
      shop.edit("reviews-route.yaml", (text) =>
        text.replace("weight: 90", "weight: 0").replace("weight: 10", "weight: 100"),
      );
      await until(
        "v2 gets everything",
        async () => {
          const counts = await countReviews(sample, 10);
          return counts["reviews-v2"] === 10;
        },
        { everyMs: 1 },
      );
      t.diagnostic(`traffic shifted within ${Math.round(performance.now() - started)} ms of the edit`);
      assert.deepEqual(await countReviews(sample, 50), { "reviews-v2": 50 });
    });

    await t.test("stops using an endpoint that is removed, and loses no request over it", async () => {
      shop.edit("reviews-route.yaml", (text) =>
        text
          .replace(/ +- destination:\n +host: reviews\n +subset: v1\n +weight: 0\n/, "")
          .replace(/ +subset: v2\n +weight: 100\n/, ""),
      );
      await until("all versions are used", async () => Object.keys(await countReviews(sample, 12)).length === 3);
      shop.edit("reviews.yaml", (text) =>
        text.replace(/(kind: EndpointSlice\nmetadata:\n {2}name: reviews-v1[\s\S]*?ready: )true/, "$1false"),
      );
      await until("v1 is not used", async () => !("reviews-v1" in (await countReviews(sample, 12))));
      const counts = await countReviews(sample, 60);
      assert.deepEqual(Object.keys(counts).sort(), ["reviews-v2", "reviews-v3"]);
    });

    await t.test("accepted all of it, without a warning", async () => {
      await assertConfigurationAccepted(envoy);
      await assertNothingRejected(server);
    });
  });
}
