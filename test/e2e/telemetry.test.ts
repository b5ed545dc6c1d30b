// What a real Envoy in front of the shop writes and reports as Telemetry says: lines of a log, and spans.
import assert from "node:assert/strict";
import fs from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { stringify } from "yaml";
import { assertConfigurationAccepted } from "../support/envoy.ts";
import { assertNothingRejected, type RunningShop, startShop } from "../support/running-shop.ts";
import { askShop } from "../support/shop-client.ts";
import { until } from "../support/until.ts";

/** Envoy writes its logs every ten seconds, and sends spans every five. */
const FLUSHED = { timeoutMs: 30_000, everyMs: 200 };

/** A file in place of one that the control plane watches. */
function replace(file: string, content: string): void {
  fs.writeFileSync(`${file}.new`, content);
  fs.renameSync(`${file}.new`, file);
}

function apply({ sample }: RunningShop, ...objects: readonly object[]): void {
  const text = objects.map((object) => stringify(object)).join("---\n");
  replace(path.join(sample.configDir, "telemetry.yaml"), text);
}

function object(apiVersion: string, kind: string, name: string, spec: object, namespace = "istio-system"): object {
  return { apiVersion, kind, metadata: { name, namespace }, spec };
}

function telemetry(name: string, spec: object): object {
  return object("telemetry.istio.io/v1", "Telemetry", name, spec);
}

interface Collector {
  readonly port: number;
  /** Paths and bodies of what came in, as text. */
  readonly received: string[];
}

/** A server that takes whatever is sent to it, until the test ends. */
async function collector(t: TestContext): Promise<Collector> {
  const received: string[] = [];
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      received.push(`${request.url} ${Buffer.concat(chunks).toString("latin1")}`);
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(async () => {
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });
  return { port: (server.address() as AddressInfo).port, received };
}

test("telemetry at a gateway", async (t) => {
  const shop = await startShop(t, "sotw");
  if (!shop) return;
  const log = path.join(shop.folder, "access.log");
  const { port, received } = await collector(t);
  const spans = { service: "spans.example.com", port, http: { path: "/v1/traces", timeout: "1s" } };
  const extensionProviders = [
    { name: "file", envoyFileAccessLog: { path: log, logFormat: { text: "%REQ(X-ID)% %RESPONSE_CODE%" } } },
    { name: "spans", opentelemetry: spans },
  ];
  const before = fs.readFileSync(shop.sample.meshConfig, "utf8");
  replace(shop.sample.meshConfig, `${before}\n${stringify({ extensionProviders })}`);

  await t.test("a file has a line for each request that the expression means, and no other", async () => {
    const filter = { expression: "response.code >= 400 || request.headers['x-log'] == 'yes'" };
    apply(shop, telemetry("logs", { accessLogging: [{ providers: [{ name: "file" }], filter }] }));
    const ask = async (id: string, page: string, headers: Record<string, string> = {}): Promise<void> => {
      await askShop(shop.sample, page, { headers: { "x-id": id, ...headers } });
    };
    await until("the log is there", async () => {
      await ask("first", "/nowhere");
      return fs.existsSync(log);
    });
    await ask("good", "/productpage");
    await ask("missing", "/missing");
    await ask("asked-for", "/productpage", { "x-log": "yes" });
    await ask("not-asked-for", "/productpage", { "x-log": "no" });
    await ask("last", "/missing");
    const lines = await until(
      "the last line is written",
      () => {
        const found = fs.readFileSync(log, "utf8").split("\n");
        return found.includes("last 404") && found;
      },
      FLUSHED,
    );
    assert.deepEqual(
      lines.filter((line) => line !== "" && !line.startsWith("first ")),
      ["missing 404", "asked-for 200", "last 404"],
    );
  });

  await t.test("spans go to the collector with the workload's tags", async () => {
    const entry = {
      hosts: ["spans.example.com"],
      location: "MESH_EXTERNAL",
      resolution: "STATIC",
      ports: [{ number: port, name: "http", protocol: "HTTP" }],
      endpoints: [{ address: "127.0.0.1" }],
    };
    apply(
      shop,
      object("networking.istio.io/v1", "ServiceEntry", "spans", entry, "default"),
      telemetry("all", {
        tracing: [
          {
            providers: [{ name: "spans" }],
            randomSamplingPercentage: 100,
            customTags: { shade: { literal: { value: "turquoise" } } },
          },
        ],
      }),
      telemetry("gateway", {
        selector: { matchLabels: { istio: "ingressgateway" } },
        tracing: [{ customTags: { color: { literal: { value: "vermilion" } } } }],
      }),
    );
    const report = await until(
      "spans come",
      async () => {
        await askShop(shop.sample, "/productpage");
        return received.find((text) => text.includes("vermilion"));
      },
      FLUSHED,
    );
    assert.match(report, /^\/v1\/traces /);
    assert.match(report, /istio\.canonical_service/);
    assert.match(report, /shop-gateway-1\.istio-system/, "the service's name");
    assert.doesNotMatch(report, /turquoise/, "closer tags replace the mesh's");
  });

  await t.test("a provider whose service is gone is left out, and said", async () => {
    apply(shop, telemetry("all", { tracing: [{ providers: [{ name: "spans" }] }] }));
    const said = await until("it is logged", () =>
      shop.log.find((line) => line.includes("provider spans: there is no service spans.example.com")),
    );
    assert.match(said, /Telemetry\/istio-system\/all/);
    assert.equal((await askShop(shop.sample, "/productpage")).status, 200);
  });

  await t.test("Envoy accepted all of it", async () => {
    await assertConfigurationAccepted(shop.envoy);
    await assertNothingRejected(shop.server);
  });
});
