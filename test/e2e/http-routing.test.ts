// What VirtualServices say of HTTP, seen in what a real Envoy does with requests.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { assertConfigurationAccepted, type Mode } from "../support/envoy.ts";
import { type Backend, startBackend } from "../support/http-backend.ts";
import { assertNothingRejected } from "../support/running-shop.ts";
import { object, route, service, startTrafficMesh, type TrafficMesh } from "../support/traffic-mesh.ts";
import { until } from "../support/until.ts";

const HOST = "app.example.com";
const TO_V1 = [{ destination: { host: "v1.example.com" } }];

for (const mode of ["sotw", "delta"] as const) test(`HTTP routing (${mode})`, (t) => httpRouting(t, mode));

async function httpRouting(t: TestContext, mode: Mode): Promise<void> {
  const mesh = await startTrafficMesh(t, mode);
  if (!mesh) return;
  const v1 = await startBackend(t, "v1");
  const v2 = await startBackend(t, "v2");
  const services = [service("v1", [v1]), service("v2", [v2])];

  /** Routes as given, and backends that answer well and have seen nothing. */
  const begin = async (http: readonly object[], ...more: readonly object[]): Promise<void> => {
    await mesh.apply(...services, route("app", [HOST], http), ...more);
    for (const backend of [v1, v2]) {
      backend.forget();
      backend.answer(() => ({}));
    }
  };

  await t.test("failed requests are tried again, as often as is allowed", async () => {
    await begin([{ route: TO_V1, retries: { attempts: 3, retryOn: "5xx" } }]);
    failFirst(v1, 2);
    assert.equal((await mesh.ask(HOST)).status, 200);
    assert.equal(v1.seen.length, 3);
    await begin([{ route: TO_V1, retries: { attempts: 1, retryOn: "5xx" } }]);
    failFirst(v1, 2);
    assert.equal((await mesh.ask(HOST)).status, 503);
    assert.equal(v1.seen.length, 2);
    await begin([{ route: TO_V1, retries: { attempts: 0 } }]);
    failFirst(v1, 1);
    assert.equal((await mesh.ask(HOST)).status, 503);
    assert.equal(v1.seen.length, 1);
  });

  await t.test("a request that takes too long ends with 504", async () => {
    await begin([{ route: TO_V1, timeout: "0.3s", retries: { attempts: 0 } }]);
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    v1.answer(() => ({ after: held }));
    const { status, elapsedMs } = await mesh.ask(HOST);
    release();
    assert.equal(status, 504);
    assert.ok(elapsedMs >= 290 && elapsedMs < 5_000, `it took ${elapsedMs} ms`);
  });

  await t.test("faults: requests are refused or delayed before they reach the service", async () => {
    await begin([
      {
        match: [{ headers: { "x-fault": { exact: "abort" } } }],
        fault: { abort: { httpStatus: 418, percentage: { value: 100 } } },
        route: TO_V1,
      },
      { fault: { delay: { fixedDelay: "0.3s", percentage: { value: 100 } } }, route: TO_V1 },
    ]);
    assert.equal((await mesh.ask(HOST, { headers: { "x-fault": "abort" } })).status, 418);
    assert.equal(v1.seen.length, 0);
    const delayed = await mesh.ask(HOST);
    assert.equal(delayed.status, 200);
    assert.ok(delayed.elapsedMs >= 290, `it took ${delayed.elapsedMs} ms`);
  });

  await t.test("mirrored requests reach both services, and one of them answers", async () => {
    await begin([{ route: TO_V1, mirror: { host: "v2.example.com" } }]);
    assert.equal((await mesh.ask(HOST, { path: "/mirrored" })).body, "v1");
    await until("the mirror has it", () => v2.seen.length === 1);
    assert.equal(v2.seen[0]!.path, "/mirrored");
    assert.equal(v2.seen[0]!.headers.host, HOST);
  });

  await t.test("weights share requests out", async () => {
    await begin([
      {
        route: [
          { destination: { host: "v1.example.com" }, weight: 75 },
          { destination: { host: "v2.example.com" }, weight: 25 },
        ],
      },
    ]);
    const { v1: first = 0, v2: second = 0, ...others } = await mesh.count(HOST, 400);
    assert.deepEqual(others, {});
    // Fewer than 255 or more than 341 of 400 draws at 75 % come in less than one of a million runs.
    assert.ok(first >= 255 && first <= 341, `v1 got ${first}, v2 ${second}`);
  });

  await t.test("headers are set, added and removed, for the route and for its destination", async () => {
    await begin([
      {
        headers: {
          request: { set: { "x-set": "route" }, remove: ["x-secret"] },
          response: { add: { "x-added": "route" }, remove: ["x-internal"] },
        },
        route: [
          {
            destination: { host: "v1.example.com" },
            headers: { request: { add: { "x-trail": "b" } }, response: { set: { "x-version": "one" } } },
          },
        ],
      },
    ]);
    v1.answer(() => ({ headers: { "x-internal": "1", "x-version": "zero" } }));
    const { headers } = await mesh.ask(HOST, { headers: { "x-set": "client", "x-secret": "s", "x-trail": "a" } });
    const seen = v1.seen[0]!.headers;
    assert.deepEqual([seen["x-set"], seen["x-secret"], seen["x-trail"]], ["route", undefined, "a, b"]);
    assert.deepEqual([headers["x-added"], headers["x-internal"], headers["x-version"]], ["route", undefined, "one"]);
  });

  await t.test("CORS: preflights of allowed origins are answered, and others go to the service", async () => {
    const corsPolicy = {
      allowOrigins: [{ exact: "https://shop.example.com" }],
      allowMethods: ["PUT"],
      allowHeaders: ["x-token"],
      maxAge: "60s",
      allowCredentials: true,
    };
    await begin([{ route: TO_V1, corsPolicy }]);
    const preflight = (origin: string) =>
      mesh.ask(HOST, { method: "OPTIONS", headers: { origin, "access-control-request-method": "PUT" } });
    const allowed = await preflight("https://shop.example.com");
    assert.equal(allowed.headers["access-control-allow-origin"], "https://shop.example.com");
    assert.equal(allowed.headers["access-control-allow-methods"], "PUT");
    assert.equal(allowed.headers["access-control-allow-headers"], "x-token");
    assert.equal(allowed.headers["access-control-max-age"], "60");
    assert.equal(allowed.headers["access-control-allow-credentials"], "true");
    assert.equal(v1.seen.length, 0);
    const other = await preflight("https://evil.example.com");
    assert.equal(other.headers["access-control-allow-origin"], undefined);
  });

  await t.test("paths and hosts are rewritten and redirected, and answers are given directly", async () => {
    await begin([
      {
        match: [{ uri: { regex: "/users/([0-9]+)/.*" } }],
        rewrite: { uriRegexRewrite: { match: "^/users/([0-9]+)/(.*)$", rewrite: "/\\2/\\1" }, authority: "inner" },
        route: TO_V1,
      },
      { match: [{ uri: { prefix: "/old/" } }], rewrite: { uri: "/new/" }, route: TO_V1 },
      { match: [{ uri: { exact: "/moved" } }], redirect: { uri: "/there", redirectCode: 308 } },
      { match: [{ uri: { exact: "/teapot" } }], directResponse: { status: 418, body: { string: "short" } } },
      { route: [{ destination: { host: "v2.example.com" } }] },
    ]);
    await mesh.ask(HOST, { path: "/users/42/orders" });
    assert.deepEqual([v1.seen[0]!.path, v1.seen[0]!.headers.host], ["/orders/42", "inner"]);
    await mesh.ask(HOST, { path: "/old/page" });
    assert.equal(v1.seen[1]!.path, "/new/page");
    const moved = await mesh.ask(HOST, { path: "/moved" });
    assert.equal(moved.status, 308);
    assert.match(String(moved.headers.location), /\/there$/);
    const teapot = await mesh.ask(HOST, { path: "/teapot" });
    assert.deepEqual([teapot.status, teapot.body], [418, "short"]);
    assert.equal((await mesh.ask(HOST, { path: "/users/x/orders" })).body, "v2");
  });

  await t.test("requests are told apart by method, header, query and what they lack", async () => {
    const to = (match: object) => ({ match: [match], route: TO_V1 });
    await begin([
      to({ method: { exact: "DELETE" } }),
      to({ queryParams: { v: { exact: "1" } } }),
      to({ headers: { cookie: { regex: "^(.*; )?beta=1(;.*)?$" } } }),
      to({ uri: { prefix: "/No/" }, ignoreUriCase: true, withoutHeaders: { "x-agent": {} } }),
      { route: [{ destination: { host: "v2.example.com" } }] },
    ]);
    const answers = [
      await mesh.ask(HOST, { method: "DELETE" }),
      await mesh.ask(HOST, { path: "/?v=1" }),
      await mesh.ask(HOST, { path: "/?v=2" }),
      await mesh.ask(HOST, { headers: { cookie: "a=b; beta=1" } }),
      await mesh.ask(HOST, { headers: { cookie: "beta=10" } }),
      await mesh.ask(HOST, { path: "/no/x" }),
      await mesh.ask(HOST, { path: "/no/x", headers: { "x-agent": "1" } }),
    ];
    assert.deepEqual(
      answers.map(({ body }) => body),
      ["v1", "v1", "v2", "v1", "v2", "v1", "v2"],
    );
  });

  await t.test("a VirtualService delegates to others", async () => {
    const delegate = (name: string, http: readonly object[]) => object("VirtualService", name, { http });
    await begin(
      [
        { match: [{ uri: { prefix: "/one" } }], delegate: { name: "one" } },
        { match: [{ uri: { prefix: "/two" } }], delegate: { name: "two" } },
      ],
      delegate("one", [{ match: [{ uri: { prefix: "/one/a" } }], route: TO_V1 }]),
      delegate("two", [{ route: [{ destination: { host: "v2.example.com" } }] }]),
    );
    assert.equal((await mesh.ask(HOST, { path: "/one/a/b" })).body, "v1");
    assert.equal((await mesh.ask(HOST, { path: "/one/c" })).status, 404);
    assert.equal((await mesh.ask(HOST, { path: "/two/x" })).body, "v2");
  });

  await t.test("accepted all of it, without a warning", () => accepted(mesh));
}

async function accepted(mesh: TrafficMesh): Promise<void> {
  await assertConfigurationAccepted(mesh.envoy);
  await assertNothingRejected(mesh.server);
}

/** 503 for so many requests, and 200 from then on. */
function failFirst(backend: Backend, times: number): void {
  let left = times;
  backend.answer(() => ({ status: left-- > 0 ? 503 : 200 }));
}
