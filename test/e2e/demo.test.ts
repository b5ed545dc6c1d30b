// `mizzen demo` as people run it: the page is there, an edited file shifts traffic, the console tells, Ctrl-C ends it all.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import path from "node:path";
import { test } from "node:test";
import { testEnvoyBinary } from "../support/envoy.ts";
import { repositoryRoot } from "../support/repository.ts";
import { copyShop } from "../support/shop.ts";
import { askShop } from "../support/shop-client.ts";
import { until } from "../support/until.ts";

test("the demo", async (t) => {
  const binary = await testEnvoyBinary();
  if (!binary.found) return t.skip(binary.reason);
  const shop = await copyShop();
  t.after(shop.remove);
  const main = path.join(repositoryRoot(), "dist/src/main/main.js");
  const addresses = ["grpcAddr", "httpAddr", "monitoringAddr"].flatMap((flag) => [`--${flag}`, "127.0.0.1:0"]);
  const child = spawn(process.execPath, [main, "demo", "--dir", shop.folder, ...addresses], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += String(chunk)));
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  t.after(() => child.kill("SIGKILL"));
  const page = () => askShop(shop.sample, "/productpage");

  await t.test("serves the page and says what to try", async () => {
    await until("it says what to try", () => output.includes("Ctrl-C"), { timeoutMs: 20_000 });
    assert.doesNotMatch(output, /PROBLEM/);
    assert.equal((await page()).status, 200);
    assert.match(output, /open +http:\/\/127\.\d+\.0\.1:8880\/productpage/);
    assert.match(output, /reviews-route\.yaml/);
    assert.match(output, /\/debug\/pushz/);
  });

  await t.test("shifts live traffic when a file is edited, and says so", async () => {
    const before = output.length;
    const started = performance.now();
    shop.edit("reviews-route.yaml", (text) =>
      text.replace("weight: 90", "weight: 0").replace("weight: 10", "weight: 100"),
    );
    let inRow = 0;
    await until(
      "v2 serves reviews",
      async () => {
        inRow = (await page()).headers["x-reviews-version"] === "v2" ? inRow + 1 : 0;
        return inRow >= 10;
      },
      { everyMs: 1 },
    );
    t.diagnostic(
      `ten pages in a row with the new version ${Math.round(performance.now() - started)} ms after the edit`,
    );
    const told = await until("the console tells", () =>
      output
        .slice(before)
        .split("\n")
        .find((line) => line.includes("VirtualService") && line.includes(" ms")),
    );
    assert.match(told, /RDS/);
  });

  await t.test("ends everything when it is told to", async () => {
    child.kill("SIGINT");
    assert.equal(await ended, 0);
    await assert.rejects(page());
    for (const { address, port } of shop.sample.workloads) {
      await assert.rejects(fetch(`http://${address}:${port}/`), `${address}:${port} is closed`);
    }
  });
});
