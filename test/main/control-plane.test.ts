// The control plane as a whole: a folder in, real gRPC streams out.
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import * as grpc from "@grpc/grpc-js";
import { startTestControlPlane } from "../support/control-plane.ts";
import { FakeEnvoy } from "../support/fake-envoy.ts";
import { readProfile } from "../support/profiles.ts";
import { serviceText } from "../support/service-file.ts";
import { until } from "../support/until.ts";

const ROUTE = (header: string) => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: one, namespace: default}
spec:
  hosts: [one.example.com]
  http:
  - headers: {request: {set: {x-test: "${header}"}}}
    route: [{destination: {host: one.example.com}}]
`;
const CLUSTER_ONE = "outbound|80||one.example.com";
const CLUSTER_TWO = "outbound|80||two.example.com";

const lines: string[] = [];
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "mizzen-"));
let control: Awaited<ReturnType<typeof startTestControlPlane>>;

function write(file: string, text: string): void {
  const target = path.join(folder, file);
  fs.writeFileSync(`${target}.tmp`, text);
  fs.renameSync(`${target}.tmp`, target);
}

async function json<T>(page: string): Promise<T> {
  const response = await fetch(`${control.http}${page}`);
  assert.equal(response.status, 200, page);
  return (await response.json()) as T;
}

before(async () => {
  write("one.yaml", serviceText("one", "10.0.0.1"));
  write("two.yaml", serviceText("two", "10.0.0.2"));
  write("route.yaml", ROUTE("first"));
  control = await startTestControlPlane({
    configDir: folder,
    log: (line) => lines.push(line),
    logLevel: "debug",
    flags: { monitoringAddr: "127.0.0.1:0" },
    env: { PILOT_DEBOUNCE_AFTER: "10ms", PILOT_MAX_REQUESTS_PER_SECOND: "1000" },
  });
});

after(async () => {
  await control.close();
  fs.rmSync(folder, { recursive: true });
});

for (const variant of ["sotw", "delta"] as const) {
  test(`${variant}: a proxy gets its configuration, and an edit pushes only what it changes`, async () => {
    const proxy = new FakeEnvoy({ target: control.grpc, variant });
    try {
      await proxy.start(["80"]);
      assert.equal(proxy.state.get("CDS")?.has(CLUSTER_ONE), true);
      assert.equal(proxy.state.get("EDS")?.has(CLUSTER_ONE), true);

      const known = proxy.log.length;
      write("one.yaml", serviceText("one", `10.0.1.${variant === "sotw" ? 1 : 2}`));
      const endpoints = await proxy.next("EDS");
      assert.deepEqual([...endpoints.resources.keys()], [CLUSTER_ONE]);
      assert.equal(proxy.log.length, known + 1, "nothing but endpoints was sent");

      write("route.yaml", ROUTE(variant));
      const routes = await proxy.next("RDS");
      assert.deepEqual([...routes.resources.keys()], ["80"]);
      assert.equal(proxy.log.length, known + 2, "nothing but routes was sent");
    } finally {
      await proxy.close();
    }
  });
}

test("acknowledgements that repeat thousands of names are read, one push after the other", async () => {
  const proxy = new FakeEnvoy({ target: control.grpc, variant: "sotw" });
  try {
    const others = Array.from({ length: 2_000 }, (_, i) => `outbound|80||service-${i}.example.com`);
    proxy.subscribe("EDS", [CLUSTER_ONE, ...others]);
    await proxy.next("EDS");
    for (const address of ["10.0.2.1", "10.0.2.2", "10.0.2.3"]) {
      write("one.yaml", serviceText("one", address));
      const endpoints = await proxy.next("EDS");
      assert.deepEqual([...endpoints.resources.keys()], [CLUSTER_ONE]);
    }
    await until("the last is acknowledged", async () => {
      const page = await json<{ types: { type: string; acked: number }[] }[]>("/debug/pushz");
      return page[0]?.types.find(({ type }) => type === "EDS")?.acked === 1;
    });
  } finally {
    await proxy.close();
  }
});

test("a reconnect with what a delta proxy has brings nothing but what changed meanwhile", async () => {
  const first = new FakeEnvoy({ target: control.grpc, variant: "delta" });
  await first.start(["80"]);
  await first.close();
  const second = new FakeEnvoy({ target: control.grpc, variant: "delta" });
  try {
    const types = ["CDS", "EDS", "LDS", "RDS"] as const;
    for (const type of types) {
      const versions = first.versions(type);
      second.subscribe(type, type === "CDS" || type === "LDS" ? [] : Object.keys(versions), versions);
    }
    // What is asked for last is answered last.
    second.subscribe("EDS", ["fence"]);
    const response = await second.next();
    assert.deepEqual([...response.resources.keys(), ...response.removed], ["fence"]);
    assert.equal(second.log.length, 1);
  } finally {
    await second.close();
  }
});

test("clusters come and go with their services", async () => {
  const proxy = new FakeEnvoy({ target: control.grpc, variant: "delta" });
  try {
    await proxy.start();
    fs.rmSync(path.join(folder, "two.yaml"));
    await until("the cluster is removed", () => proxy.state.get("CDS")?.has(CLUSTER_TWO) === false);
    write("two.yaml", serviceText("two", "10.0.0.2"));
    await until("the cluster is back", () => proxy.state.get("CDS")?.has(CLUSTER_TWO) === true);
  } finally {
    await proxy.close();
  }
});

test("a refusal is shown with the proxy's message in log, ledger, syncz and metrics", async () => {
  const proxy = new FakeEnvoy({ target: control.grpc, variant: "sotw" });
  try {
    await proxy.start(["80"]);
    proxy.autoAck = false;
    write("route.yaml", ROUTE("refused"));
    proxy.nack(await proxy.next("RDS"), "no such route");
    await until("the log has it", () => lines.some((line) => line.includes("no such route") && line.includes("RDS")));
    const pushes = await json<{ types: { type: string; nacked: { message: string }[] }[] }[]>("/debug/pushz");
    const routes = pushes[0]?.types.find((type) => type.type === "RDS");
    assert.deepEqual(
      routes?.nacked.map((n) => n.message),
      ["no such route"],
    );
    const sync = await json<{ route_sent: string; route_acked: string; route_rejected: string }[]>("/debug/syncz");
    assert.equal(sync[0]?.route_rejected, "no such route");
    assert.notEqual(sync[0]?.route_sent, sync[0]?.route_acked);
    const metrics = await (await fetch(`${control.monitoring}/metrics`)).text();
    assert.match(metrics, /pilot_total_xds_rejects\{type="rds"\} 1/);
    assert.match(metrics, /pilot_xds_rds_reject\{node="app-1.default",err="13"\} 1/);
  } finally {
    await proxy.close();
  }
});

test("broken configuration is reported with file and line, and what was in force stays", async () => {
  const proxy = new FakeEnvoy({ target: control.grpc, variant: "sotw" });
  try {
    await proxy.start(["80"]);
    write("route.yaml", ROUTE("x").replace("{host: one.example.com}", "{hostt: one.example.com}"));
    const line = await until("the log has it", () => lines.find((l) => l.includes("configuration rejected")));
    assert.match(line, /route\.yaml/);
    assert.match(line, /line=\d+/);
    const rejections = await json<Record<string, { field: string; reason: string }[]>>("/debug/rejectionz");
    assert.equal(Object.keys(rejections).length, 1);
    write("route.yaml", ROUTE("good again"));
    await proxy.next("RDS");
    assert.deepEqual(await json("/debug/rejectionz"), {});
  } finally {
    await proxy.close();
  }
});

test("streams that break the protocol end with a clear status", async () => {
  const cases: { name: string; options: object; message: RegExp }[] = [
    { name: "no node", options: { sendNode: false }, message: /no node/ },
    { name: "bad id", options: { nodeId: "me" }, message: /type~ip~name\.namespace~domain/ },
    { name: "bad type", options: { nodeId: "car~10.0.0.1~a.b~c" }, message: /"car" is not one of/ },
    { name: "bad address", options: { nodeId: "sidecar~nowhere~a.b~c" }, message: /IP address/ },
    { name: "large node", options: { metadata: { x: "x".repeat(300_000) } }, message: /bytes/ },
  ];
  for (const { name, options, message } of cases) {
    const proxy = new FakeEnvoy({ target: control.grpc, variant: "sotw", ...options });
    proxy.subscribe("CDS");
    const status = await proxy.whenEnded();
    assert.equal(status.code, grpc.status.INVALID_ARGUMENT, name);
    assert.match(status.details, message, name);
    await proxy.close();
  }
  const garbage = new FakeEnvoy({ target: control.grpc, variant: "delta" });
  garbage.call.write(Buffer.from([0xff, 0xff, 0xff]));
  assert.equal((await garbage.whenEnded()).code, grpc.status.INVALID_ARGUMENT);
  await garbage.close();
  const large = new FakeEnvoy({ target: control.grpc, variant: "sotw" });
  large.call.write(Buffer.alloc(5 * 1024 * 1024));
  const { code, details } = await large.whenEnded();
  assert.equal(code, grpc.status.RESOURCE_EXHAUSTED);
  assert.match(details, /a message of 5242880 bytes; 4194304 are allowed/);
  await large.close();
});

test("a gRPC client that asks for names gets answers or silence, and never ends the server", async () => {
  const proxy = new FakeEnvoy({
    target: control.grpc,
    variant: "sotw",
    metadata: { GENERATOR: "grpc" },
  });
  try {
    proxy.subscribe("LDS", ["one.example.com:80"]);
    await proxy.next("LDS");
    proxy.subscribe("CDS", [CLUSTER_ONE]);
    await proxy.next("CDS");
    assert.equal((await fetch(`${control.http}/ready`)).status, 200);
  } finally {
    await proxy.close();
  }
});

for (const compression of [grpc.compressionAlgorithms.gzip, grpc.compressionAlgorithms.deflate]) {
  test(`requests may be compressed (${grpc.compressionAlgorithms[compression]})`, async () => {
    const proxy = new FakeEnvoy({ target: control.grpc, variant: "sotw", compression });
    try {
      await proxy.start(["80"]);
      assert.equal(proxy.state.get("CDS")?.has(CLUSTER_ONE), true);
    } finally {
      await proxy.close();
    }
  });
}

test("new streams wait their turn, and are refused when there are too many", async () => {
  const small = await startTestControlPlane({ configDir: folder, env: { PILOT_MAX_REQUESTS_PER_SECOND: "4" } });
  const proxies = Array.from({ length: 16 }, () => new FakeEnvoy({ target: small.grpc, variant: "delta" }));
  const outcomes = await Promise.all(
    proxies.map((proxy) => {
      proxy.subscribe("CDS");
      return proxy.next("CDS").then(
        () => "served",
        async () => grpc.status[(await proxy.whenEnded()).code],
      );
    }),
  );
  const served = outcomes.filter((outcome) => outcome === "served").length;
  assert.equal(served >= 4 && served <= 9, true, `${served} of 16`);
  assert.equal(outcomes.filter((outcome) => outcome === "RESOURCE_EXHAUSTED").length, 16 - served);
  await Promise.all(proxies.map((proxy) => proxy.close()));
  await small.close();
});

test("profiles can be taken, and turned off", async () => {
  const profile = await fetch(`${control.http}/debug/pprof/profile?seconds=0.1`);
  assert.equal(profile.status, 200);
  assert.equal((await profile.arrayBuffer()).byteLength > 100, true);
  const worker = await fetch(`${control.http}/debug/pprof/heap?seconds=0.1&thread=worker-1`);
  assert.deepEqual([...readProfile(new Uint8Array(await worker.arrayBuffer())).functions.keys()], ["worker-1"]);
  assert.match(await (await fetch(`${control.http}/debug`)).text(), /pprof\/heap.*\?thread=worker-1/);
  const without = await startTestControlPlane({ configDir: folder, flags: { profile: "false" } });
  assert.equal((await fetch(`${without.http}/debug/pprof/profile?seconds=0.1`)).status, 404);
  await without.close();
});

test("the debug pages answer", async () => {
  const proxy = new FakeEnvoy({ target: control.grpc, variant: "delta" });
  try {
    await proxy.start(["80"]);
    const services = await json<{ hostname: string }[]>("/debug/registryz");
    assert.deepEqual(services.map((s) => s.hostname).sort(), ["one.example.com", "two.example.com"]);
    const objects = await json<{ kind: string }[]>("/debug/configz");
    assert.deepEqual([...new Set(objects.map((o) => o.kind))].sort(), ["ServiceEntry", "VirtualService"]);
    const adsz = await json<{ totalClients: number; clients: { watches: Record<string, string[]> }[] }>("/debug/adsz");
    assert.equal(adsz.totalClients, 1);
    const shards = await json<Record<string, object>>("/debug/endpointz");
    assert.deepEqual(Object.keys(shards).sort(), ["one.example.com", "two.example.com"]);
    const dump = await json<{ configs: { "@type": string }[] }>("/debug/config_dump?proxyID=app-1.default");
    assert.match(dump.configs[0]!["@type"], /ClustersConfigDump/);
    assert.match(JSON.stringify(dump), /one\.example\.com/);
    assert.equal((await fetch(`${control.http}/debug/config_dump?proxyID=nobody`)).status, 404);
    assert.equal((await fetch(`${control.http}/debug/config_dump`)).status, 400);
    assert.equal((await fetch(`${control.http}/debug/nothing`)).status, 404);
    assert.equal((await fetch(`${control.http}/ready`, { method: "POST" })).status, 405);
    const index = await (await fetch(`${control.http}/debug`)).text();
    assert.match(index, /pushz/);
    await json("/debug/mesh");
    await json("/debug/cachez?clear=true");
    assert.match(JSON.stringify(await json("/debug/edsz?proxyID=app-1.default")), /ClusterLoadAssignment/);
    assert.match(JSON.stringify(await json("/debug/clusterz?proxyID=app-1.default")), /ClustersConfigDump/);
    assert.deepEqual(await json("/debug/connections"), { totalClients: 1 });
    const known = proxy.log.length;
    const before = (await json<{ version: number }[]>("/debug/pushz"))[0]?.version;
    assert.match(await (await fetch(`${control.http}/debug/adsz?push=true`)).text(), /1 servers/);
    await until("the push is over", async () => {
      const [push] = await json<{ version: number; steps: { served: number | null } }[]>("/debug/pushz");
      return push !== undefined && push.version !== before && push.steps.served !== null;
    });
    assert.equal(proxy.log.length, known, "nothing differs, so nothing was sent");
    const version = (await (await fetch(`${control.monitoring}/version`)).json()) as { component: string };
    assert.equal(version.component, "mizzen");
  } finally {
    await proxy.close();
  }
});
