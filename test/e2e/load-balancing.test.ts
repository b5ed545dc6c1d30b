// What DestinationRules say, seen in where a real Envoy sends requests.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { assertConfigurationAccepted, type Mode } from "../support/envoy.ts";
import { startBackend } from "../support/http-backend.ts";
import { assertNothingRejected } from "../support/running-shop.ts";
import { object, route, service, startTrafficMesh } from "../support/traffic-mesh.ts";
import { until } from "../support/until.ts";

const HOST = "app.example.com";
const HTTP = [{ route: [{ destination: { host: HOST } }] }];

function rule(trafficPolicy: object): object {
  return object("DestinationRule", "app", { host: HOST, trafficPolicy });
}

for (const mode of ["sotw", "delta"] as const) test(`load balancing (${mode})`, (t) => loadBalancing(t, mode));

async function loadBalancing(t: TestContext, mode: Mode): Promise<void> {
  const mesh = await startTrafficMesh(t, mode, { locality: { region: "west", zone: "a" } });
  if (!mesh) return;
  const [one, two, three] = [
    await startBackend(t, "one"),
    await startBackend(t, "two"),
    await startBackend(t, "three"),
  ];
  const all = [one, two, three];

  await t.test("a consistent hash keeps a user at one backend, and spreads users", async () => {
    await mesh.apply(
      service("app", all),
      route("app", [HOST], HTTP),
      rule({ loadBalancer: { consistentHash: { httpHeaderName: "x-user" } } }),
    );
    const used = new Set<string>();
    for (let user = 0; user < 12; user++) {
      const counts: object = await mesh.count(HOST, 5, { headers: { "x-user": `user-${user}` } });
      assert.equal(Object.keys(counts).length, 1, `user ${user} went to ${JSON.stringify(counts)}`);
      used.add(Object.keys(counts)[0]!);
    }
    assert.ok(used.size > 1, "all users went to one backend");
  });

  await t.test("a cookie that the proxy gives out does the same", async () => {
    await mesh.apply(
      service("app", all),
      route("app", [HOST], HTTP),
      rule({ loadBalancer: { consistentHash: { httpCookie: { name: "stick", ttl: "60s" } } } }),
    );
    const first = await mesh.ask(HOST);
    const cookie = String(first.headers["set-cookie"]).split(";")[0]!;
    assert.match(cookie, /^stick=/);
    assert.deepEqual(await mesh.count(HOST, 10, { headers: { cookie } }), { [first.body]: 10 });
  });

  await t.test("round robin shares evenly, and a subset by its labels only", async () => {
    const places = all.map((backend, i) => ({ backend, labels: { version: i === 0 ? "v1" : "v2" } }));
    await mesh.apply(
      service("app", places),
      route(
        "app",
        [HOST],
        [{ match: [{ uri: { prefix: "/v2" } }], route: [{ destination: { host: HOST, subset: "v2" } }] }, ...HTTP],
      ),
      object("DestinationRule", "app", {
        host: HOST,
        trafficPolicy: { loadBalancer: { simple: "ROUND_ROBIN" } },
        subsets: [{ name: "v2", labels: { version: "v2" } }],
      }),
    );
    const counts = await mesh.count(HOST, 90);
    // Each of Envoy's threads goes round by itself.
    for (const { name } of all) assert.ok((counts[name] ?? 0) >= 20, JSON.stringify(counts));
    assert.deepEqual(Object.keys(await mesh.count(HOST, 20, { path: "/v2" })).sort(), ["three", "two"]);
  });

  await t.test("a backend that fails is ejected, and comes back", async () => {
    await mesh.apply(
      service("app", [one, two]),
      route("app", [HOST], [{ ...HTTP[0], retries: { attempts: 0 } }]),
      rule({
        loadBalancer: { simple: "ROUND_ROBIN" },
        outlierDetection: {
          consecutive5xxErrors: 2,
          interval: "0.1s",
          baseEjectionTime: "1s",
          maxEjectionPercent: 50,
        },
      }),
    );
    one.answer(() => ({ status: 500 }));
    await until("the failing backend is ejected", async () => {
      const { two: good = 0 } = await mesh.count(HOST, 10);
      return good === 10;
    });
    one.answer(() => ({}));
    await until("it is used again", async () => ((await mesh.count(HOST, 10)).one ?? 0) > 0);
  });

  await t.test("requests stay in the proxy's locality, and leave it when it fails", async () => {
    await mesh.apply(
      service("app", [
        { backend: one, locality: "west/a" },
        { backend: two, locality: "west/b" },
        { backend: three, locality: "east/a" },
      ]),
      route("app", [HOST], [{ ...HTTP[0], retries: { attempts: 0 } }]),
      rule({
        loadBalancer: { simple: "ROUND_ROBIN", localityLbSetting: { enabled: true } },
        outlierDetection: {
          consecutive5xxErrors: 1,
          interval: "0.1s",
          baseEjectionTime: "60s",
          maxEjectionPercent: 100,
        },
      }),
    );
    assert.deepEqual(await mesh.count(HOST, 20), { one: 20 });
    one.answer(() => ({ status: 500 }));
    await until("the region's other zone takes over", async () => ((await mesh.count(HOST, 10)).two ?? 0) === 10);
    two.answer(() => ({ status: 500 }));
    await until("the other region takes over", async () => ((await mesh.count(HOST, 10)).three ?? 0) === 10);
    for (const backend of all) backend.answer(() => ({}));
  });

  await t.test("localities get the share that is set for them", async () => {
    await mesh.apply(
      service("app", [
        { backend: one, locality: "west/a" },
        { backend: two, locality: "east/a" },
      ]),
      route("app", [HOST], HTTP),
      rule({
        loadBalancer: {
          simple: "ROUND_ROBIN",
          localityLbSetting: { enabled: true, distribute: [{ from: "west/*", to: { "west/a": 20, "east/a": 80 } }] },
        },
        outlierDetection: {},
      }),
    );
    const { one: near = 0, two: far = 0 } = await mesh.count(HOST, 300);
    assert.equal(near + far, 300);
    // Fewer than 28 or more than 96 of 300 draws at 20 % come in less than one of a million runs.
    assert.ok(near >= 28 && near <= 96, `one got ${near} of 300`);
  });

  await t.test("what is above the limits of the connection pool is refused at once", async () => {
    await mesh.apply(
      service("app", [one]),
      route("app", [HOST], [{ ...HTTP[0], retries: { attempts: 0 } }]),
      rule({ connectionPool: { tcp: { maxConnections: 1 }, http: { http1MaxPendingRequests: 1 } } }),
    );
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    one.forget();
    one.answer(() => ({ after: held }));
    const asked = Array.from({ length: 8 }, () => mesh.ask(HOST));
    // A thread of Envoy may have one request under way and one that waits each before it notices the others'.
    const refused = await Promise.race(asked);
    assert.equal(refused.status, 503);
    assert.equal(refused.headers["x-envoy-overloaded"], "true");
    release();
    const statuses = (await Promise.all(asked)).map(({ status }) => status);
    assert.ok(statuses.includes(200), "one at least was served");
    assert.ok(one.seen.length < 8);
    one.answer(() => ({}));
  });

  await t.test("accepted all of it, without a warning", async () => {
    await assertConfigurationAccepted(mesh.envoy);
    await assertNothingRejected(mesh.server);
  });
}
