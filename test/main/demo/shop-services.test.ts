// The sample is complete, and its services call one another, with a gateway in between and without.
import assert from "node:assert/strict";
import http from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { test } from "node:test";
import { readSample, type SampleWorkload } from "../../../src/main/demo/sample.ts";
import { startShopServices } from "../../../src/main/demo/shop-services.ts";
import { repositoryRoot } from "../../support/repository.ts";

test("the sample names its workloads, its gateway, and the file that shifts traffic", () => {
  const sample = readSample(path.join(repositoryRoot(), "samples/shop"));
  const names = sample.workloads.map(({ app, version, address, port }) => `${app}-${version} ${address}:${port}`);
  assert.deepEqual(names, [
    "details-v1 127.0.1.20:9080",
    "productpage-v1 127.0.1.10:9080",
    "ratings-v1 127.0.1.30:9080",
    "reviews-v1 127.0.1.41:9080",
    "reviews-v2 127.0.1.42:9080",
    "reviews-v3 127.0.1.43:9080",
  ]);
  assert.deepEqual(sample.gateway, { address: "127.0.0.1", port: 8880 });
  assert.equal(path.basename(sample.routeFile), "reviews-route.yaml");
});

test("productpage shows what reviews and details say", async (t) => {
  const workloads = await freeWorkloads([
    ["productpage", "v1"],
    ["details", "v1"],
    ["reviews", "v2"],
    ["ratings", "v1"],
  ]);
  const services = await startShopServices(workloads, undefined);
  t.after(() => services.close());
  const page = await fetch(`http://127.0.0.1:${workloads[0]!.port}/productpage`);
  const text = await page.text();
  assert.equal(page.status, 200);
  assert.equal(page.headers.get("x-reviews-version"), "v2");
  assert.match(text, /Two Years Before the Mast/);
  assert.match(text, /class="black">★★★★★/);
});

test("a gateway gets the calls between services, with their host names and the user", async (t) => {
  const seen: string[] = [];
  const gateway = http.createServer((request, response) => {
    seen.push(`${request.headers.host} ${request.url} ${request.headers["end-user"]}`);
    response.end(JSON.stringify({ version: "v9", reviews: [] }));
  });
  await new Promise<void>((resolve) => gateway.listen(0, "127.0.0.1", resolve));
  t.after(() => gateway.close());
  const workloads = await freeWorkloads([["productpage", "v1"]]);
  const { port } = gateway.address() as AddressInfo;
  const services = await startShopServices(workloads, { address: "127.0.0.1", port });
  t.after(() => services.close());
  const answer = await fetch(`http://127.0.0.1:${workloads[0]!.port}/productpage?user=tester`);
  assert.equal(answer.headers.get("x-reviews-version"), "v9");
  assert.deepEqual(seen.sort(), [
    "details.default.svc.cluster.local:9080 /details/0 tester",
    "reviews.default.svc.cluster.local:9080 /reviews/0 tester",
  ]);
});

test("a service that cannot be reached leaves its reason on the page", async (t) => {
  const workloads = await freeWorkloads([["productpage", "v1"]]);
  const services = await startShopServices(workloads, undefined);
  t.after(() => services.close());
  const answer = await fetch(`http://127.0.0.1:${workloads[0]!.port}/productpage`);
  assert.equal(answer.status, 200);
  assert.match(await answer.text(), /No reviews: there is no reviews/);
});

/** Workloads on ports that are free right now. */
async function freeWorkloads(names: readonly (readonly [string, string])[]): Promise<SampleWorkload[]> {
  const servers = names.map(() => http.createServer());
  await Promise.all(servers.map((s) => new Promise<void>((resolve) => s.listen(0, "127.0.0.1", resolve))));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((s) => new Promise<void>((resolve) => s.close(() => resolve()))));
  return names.map(([app, version], index) => ({ app, version, address: "127.0.0.1", port: ports[index]! }));
}
