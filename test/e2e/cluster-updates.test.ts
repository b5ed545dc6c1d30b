// Clusters that change, come and go under a gateway Envoy that serves requests all the time: none of them is lost.
import assert from "node:assert/strict";
import { test } from "node:test";
import { assertConfigurationAccepted, envoyStats } from "../support/envoy.ts";
import { assertNothingRejected, startShop } from "../support/running-shop.ts";
import { askShop } from "../support/shop-client.ts";
import { until } from "../support/until.ts";

const SUBSET = "\n    - name: extra\n      labels:\n        version: v2\n";

for (const mode of ["sotw", "delta"] as const) {
  test(`changing clusters (${mode})`, async (t) => {
    const shop = await startShop(t, mode);
    if (!shop) return;
    const { sample, envoy, server } = shop;

    const answers: Record<number, number> = {};
    const failures: string[] = [];
    let phase = "";
    let asking = true;
    const traffic = (async () => {
      while (asking) {
        const { status, body } = await askShop(sample, "/reviews/0", { host: "reviews" });
        answers[status] = (answers[status] ?? 0) + 1;
        if (status !== 200) failures.push(`${phase}: ${status} ${body}`);
      }
    })();
    const clusters = async (): Promise<string> => envoy.admin("/clusters");
    const activeNow = (name: string): Promise<boolean> =>
      clusters().then((text) => text.includes(`outbound|9080|${name}|reviews.default.svc.cluster.local::127.`));

    await t.test("changed clusters are taken up, with their endpoints", async () => {
      for (const [round, policy] of ["LEAST_REQUEST", "RANDOM", "ROUND_ROBIN", "RANDOM", "LEAST_REQUEST"].entries()) {
        phase = `changed to ${policy}`;
        const before = (await envoyStats(envoy)).get("cluster_manager.cluster_modified") ?? 0;
        shop.edit("destination-rules.yaml", (text) => text.replace(/simple: \w+/, `simple: ${policy}`));
        await until(`round ${round} is taken up`, async () => {
          const stats = await envoyStats(envoy);
          const modified = stats.get("cluster_manager.cluster_modified") ?? 0;
          return modified > before && stats.get("cluster_manager.warming_clusters") === 0;
        });
        assert.equal(await activeNow("v1"), true, "the endpoints are there");
      }
    });

    await t.test("a cluster comes with the route to it, and goes with it", async () => {
      phase = "a cluster comes";
      shop.edit("destination-rules.yaml", (text) => text.replace(/(host: reviews(?:.|\n)*?subsets:)\n/, `$1${SUBSET}`));
      shop.edit("reviews-route.yaml", (text) => text.replaceAll("subset: v1", "subset: extra"));
      await until("the cluster is there", () => activeNow("extra"));
      await until("it gets requests", async () => {
        const stats = await envoyStats(envoy);
        const name = [...stats.keys()].find((key) => /outbound\|9080\|extra\|.*upstream_rq_total$/.test(key));
        return name !== undefined && (stats.get(name) ?? 0) > 5;
      });
      phase = "a cluster goes";
      shop.edit("reviews-route.yaml", (text) => text.replaceAll("subset: extra", "subset: v1"));
      shop.edit("destination-rules.yaml", (text) => text.replace(SUBSET, "\n"));
      await until("the cluster is gone", async () => !(await clusters()).includes("|extra|"));
    });

    asking = false;
    await traffic;
    await t.test("no request was lost", () => {
      assert.deepEqual(failures, []);
      assert.ok((answers[200] ?? 0) > 0);
      t.diagnostic(`${answers[200]} requests`);
    });
    await t.test("accepted all of it, without a warning", async () => {
      await assertConfigurationAccepted(envoy);
      await assertNothingRejected(server);
    });
  });
}
