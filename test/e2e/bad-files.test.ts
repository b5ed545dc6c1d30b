// Files that can't be used, and a very large one: errors name file and line, and traffic goes on.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { assertConfigurationAccepted } from "../support/envoy.ts";
import { type RunningShop, startShop } from "../support/running-shop.ts";
import { askShop, countReviews } from "../support/shop-client.ts";
import { until } from "../support/until.ts";

const BROKEN_YAML = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: broken
spec:
  hosts: [reviews
`;

/** The weight in line 12 is no weight. */
const INVALID_ROUTE = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: invalid
spec:
  hosts:
    - ratings
  http:
    - route:
        - destination:
            host: ratings
          weight: -1
`;

test("bad files", async (t) => {
  const shop = await startShop(t, "delta");
  if (!shop) return;
  const traffic = startTraffic(shop);

  await t.test("broken YAML is reported with file and line", async () => {
    write(shop, "broken.yaml", BROKEN_YAML);
    const line = await reported(shop, "broken.yaml");
    assert.match(line, /line=\d/);
  });

  await t.test("an invalid VirtualService is reported with file, line, field and reason", async () => {
    write(shop, "invalid.yaml", INVALID_ROUTE);
    const line = await reported(shop, "invalid.yaml");
    assert.match(line, /line=\d+/);
    assert.match(line, /weight/);
  });

  await t.test("the last good version of an object stays in force", async () => {
    const file = path.join(shop.sample.configDir, "reviews-route.yaml");
    const good = fs.readFileSync(file, "utf8");
    shop.edit("reviews-route.yaml", (text) => text.replace("weight: 90", "weight: -90"));
    await reported(shop, "reviews-route.yaml");
    assert.deepEqual(await countReviews(shop.sample, 10, { "end-user": "tester" }), { "reviews-v3": 10 });
    write(shop, "reviews-route.yaml", good);
  });

  await t.test("a file of 5 MB is read", async () => {
    const filler = `# ${"x".repeat(2000)}\n`;
    const documents = Array.from({ length: 2400 }, (_, index) => `${filler}${serviceEntry(index)}`);
    write(shop, "large.yaml", documents.join("---\n"));
    assert.ok(fs.statSync(path.join(shop.sample.configDir, "large.yaml")).size > 5_000_000);
    await until("its last service is there", async () =>
      (await (await fetch(`${shop.server.http}/debug/registryz`)).text()).includes('"large-2399.example.com"'),
    );
  });

  await t.test("what is changed after that is followed", async () => {
    shop.edit("reviews-route.yaml", (text) =>
      text.replace("weight: 90", "weight: 0").replace("weight: 10", "weight: 100"),
    );
    await until("v2 gets everything", async () => (await countReviews(shop.sample, 10))["reviews-v2"] === 10);
  });

  await t.test("no request was lost meanwhile", async () => {
    const { sent, failures } = await traffic.stop();
    assert.ok(sent > 50, `only ${sent} requests were sent`);
    assert.deepEqual(failures, []);
    await assertConfigurationAccepted(shop.envoy);
  });
});

function serviceEntry(index: number): string {
  return `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: large-${index}}
spec:
  hosts: [large-${index}.example.com]
  location: MESH_EXTERNAL
  resolution: STATIC
  ports: [{number: 9999, name: http, protocol: HTTP}]
  endpoints: [{address: 192.0.2.1}]
`;
}

function write(shop: RunningShop, name: string, text: string): void {
  fs.writeFileSync(path.join(shop.sample.configDir, name), text);
}

/** The line of the log that reports a file at error level; lines before this call don't count. */
function reported(shop: RunningShop, file: string): Promise<string> {
  const from = shop.log.length;
  return until(`${file} is reported`, () => {
    return shop.log.slice(Math.max(0, from - 1)).find((line) => /\t(error|warn)\t/.test(line) && line.includes(file));
  });
}

/** Asks for the page again and again until stopped. */
function startTraffic(shop: RunningShop): { stop(): Promise<{ sent: number; failures: string[] }> } {
  let stopped = false;
  let sent = 0;
  const failures: string[] = [];
  const loop = (async () => {
    while (!stopped) {
      sent++;
      try {
        const { status, body } = await askShop(shop.sample, "/productpage");
        if (status !== 200) failures.push(`status ${status}`);
        else if (body.includes("No reviews")) failures.push(body);
      } catch (error) {
        failures.push((error as Error).message);
      }
    }
  })();
  return {
    async stop() {
      stopped = true;
      await loop;
      return { sent, failures };
    },
  };
}
