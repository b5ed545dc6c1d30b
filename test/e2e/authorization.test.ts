// Who may come in, seen at a real Envoy in front of the shop: by path, header, address and token, and by asking a provider.
import assert from "node:assert/strict";
import { createSign, generateKeyPairSync, type KeyObject } from "node:crypto";
import fs from "node:fs";
import http from "node:http";
import net from "node:net";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { stringify } from "yaml";
import { assertConfigurationAccepted } from "../support/envoy.ts";
import { freePort } from "../support/ports.ts";
import { assertNothingRejected, type RunningShop, startShop } from "../support/running-shop.ts";
import { askShop, type ShopAnswer } from "../support/shop-client.ts";
import { until } from "../support/until.ts";

const PAGE = "/productpage";
/** The gateway's namespace. */
const NAMESPACE = "istio-system";

interface Call {
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The caller's address. */
  readonly from?: string;
}

function ask({ sample }: RunningShop, { path: asked = PAGE, headers, from }: Call = {}): Promise<ShopAnswer> {
  return askShop(sample, asked, { headers: headers ?? {}, from });
}

async function statusOf(shop: RunningShop, call: Call): Promise<number> {
  return (await ask(shop, call)).status;
}

/** Replaces all objects that the test has added. */
function apply(shop: RunningShop, ...objects: readonly object[]): void {
  const file = path.join(shop.sample.configDir, "security.yaml");
  fs.writeFileSync(`${file}.new`, objects.map((object) => stringify(object)).join("---\n"));
  fs.renameSync(`${file}.new`, file);
}

function policy(name: string, spec: object): object {
  return {
    apiVersion: "security.istio.io/v1",
    kind: "AuthorizationPolicy",
    metadata: { name, namespace: NAMESPACE },
    spec,
  };
}

function object(kind: string, name: string, spec: object): object {
  return { apiVersion: "networking.istio.io/v1", kind, metadata: { name, namespace: "default" }, spec };
}

const ISSUER = "https://login.example.com";

function base64(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

/** A token of the issuer's; `seconds` are until it expires. */
function token(key: KeyObject, claims: object = {}, seconds = 600): string {
  const exp = Math.floor(Date.now() / 1000) + seconds;
  const content = `${base64({ alg: "RS256", kid: "k" })}.${base64({ iss: ISSUER, sub: "alice", exp, ...claims })}`;
  return `${content}.${createSign("RSA-SHA256").update(content).sign(key, "base64url")}`;
}

/** Listens on a free port until the test ends, and then ends what Envoy keeps open. */
async function listen(t: TestContext, server: net.Server): Promise<number> {
  const open = new Set<net.Socket>();
  server.on("connection", (socket) => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as net.AddressInfo;
  t.after(async () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of open) socket.destroy();
    await closed;
  });
  return port;
}

function external(name: string, protocol: string, port: number): object {
  return object("ServiceEntry", name, {
    hosts: [`${name}.example.com`],
    location: "MESH_EXTERNAL",
    resolution: "STATIC",
    ports: [{ number: port, name: protocol.toLowerCase(), protocol }],
    endpoints: [{ address: "127.0.0.1" }],
  });
}

test("authorization at a gateway", async (t) => {
  const shop = await startShop(t, "sotw");
  if (!shop) return;
  const is = (expected: number, call: Call): Promise<boolean> =>
    until(
      `${JSON.stringify(call)} is answered with ${expected}`,
      async () => (await statusOf(shop, call)) === expected,
    );

  await t.test("DENY takes a path, and leaves others", async () => {
    apply(shop, policy("deny", { action: "DENY", rules: [{ to: [{ operation: { paths: [PAGE] } }] }] }));
    await is(403, {});
    assert.match((await ask(shop)).body, /RBAC: access denied/);
    assert.equal(await statusOf(shop, { path: "/" }), 301);
  });

  await t.test("DENY takes a header's value", async () => {
    const when = [{ key: "request.headers[x-role]", values: ["guest*"] }];
    apply(shop, policy("deny", { action: "DENY", rules: [{ when }] }));
    await is(200, {});
    assert.equal(await statusOf(shop, { headers: { "x-role": "guest-1" } }), 403);
    assert.equal(await statusOf(shop, { headers: { "x-role": "owner" } }), 200);
  });

  await t.test("DENY takes a caller's address", async () => {
    const source = { ipBlocks: ["127.0.0.64/26"], notIpBlocks: ["127.0.0.66"] };
    apply(shop, policy("deny", { action: "DENY", rules: [{ from: [{ source }] }] }));
    await is(403, { from: "127.0.0.65" });
    assert.equal(await statusOf(shop, { from: "127.0.0.66" }), 200);
    assert.equal(await statusOf(shop, { from: "127.0.0.1" }), 200);
  });

  await t.test("ALLOW lets through what it names, and nothing else", async () => {
    apply(
      shop,
      policy("allow", { rules: [{ to: [{ operation: { methods: ["GET"], paths: ["/product{*}", PAGE] } }] }] }),
    );
    await until("the invalid template is refused", () => shop.log.some((line) => line.includes("product{*}")));
    assert.equal(await statusOf(shop, {}), 200);
    apply(shop, policy("allow", { rules: [{ to: [{ operation: { methods: ["GET"], paths: ["/{*}"] } }] }] }));
    await is(403, { path: "/" });
    assert.equal(await statusOf(shop, {}), 200);
    assert.equal(await statusOf(shop, { path: "/a/b" }), 403);
  });

  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const jwks = JSON.stringify({ keys: [{ ...publicKey.export({ format: "jwk" }), kid: "k", alg: "RS256" }] });
  const authentication = {
    apiVersion: "security.istio.io/v1",
    kind: "RequestAuthentication",
    metadata: { name: "login", namespace: NAMESPACE },
    spec: { jwtRules: [{ issuer: ISSUER, jwks }] },
  };
  const bearer = (text: string): Call => ({ headers: { authorization: `Bearer ${text}` } });

  await t.test("a token that comes must be valid, and none has to come", async () => {
    apply(shop, authentication);
    await is(401, bearer("x.y.z"));
    assert.equal(await statusOf(shop, {}), 200);
    assert.equal(await statusOf(shop, bearer(token(privateKey))), 200);
    assert.equal(await statusOf(shop, bearer(token(privateKey, {}, -600))), 401, "an expired token");
    const { privateKey: other } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    assert.equal(await statusOf(shop, bearer(token(other))), 401, "a token that somebody else has signed");
    assert.equal(await statusOf(shop, bearer(token(privateKey, { iss: "https://other.com" }))), 401, "another issuer");
  });

  await t.test("a policy wants a token, and asks what it says", async () => {
    const source = { requestPrincipals: [`${ISSUER}/*`] };
    const when = [{ key: "request.auth.claims[groups]", values: ["staff"] }];
    apply(shop, authentication, policy("staff", { rules: [{ from: [{ source }], when }] }));
    await is(403, {});
    assert.equal(await statusOf(shop, bearer(token(privateKey))), 403);
    assert.equal(await statusOf(shop, bearer(token(privateKey, { groups: ["guests", "staff"] }))), 200);
    assert.equal(await statusOf(shop, bearer(token(privateKey, { groups: "staff" }))), 200);
  });

  await t.test("keys that nobody has fetched make no token valid", async () => {
    const jwtRules = [{ issuer: ISSUER, jwksUri: "http://127.0.0.1:1/jwks" }];
    apply(shop, { ...authentication, spec: { jwtRules } });
    await is(401, bearer(token(privateKey)));
    assert.equal(await statusOf(shop, {}), 200);
  });

  await t.test("a provider is asked about what a CUSTOM policy means", async (inner) => {
    const asked: string[] = [];
    const authorizer = http.createServer((request, response) => {
      asked.push(`${request.url} ${request.headers["x-user"] ?? ""}`);
      response.writeHead(request.headers["x-user"] === "alice" ? 200 : 401, { "x-why": "users" }).end("who are you?");
    });
    const port = await listen(inner, authorizer);
    const custom = {
      action: "CUSTOM",
      provider: { name: "users" },
      rules: [{ to: [{ operation: { paths: [PAGE] } }] }],
    };
    // Nobody knows the provider yet.
    apply(shop, external("users", "HTTP", port), policy("ask", custom));
    await is(403, {});
    const envoyExtAuthzHttp = {
      service: "users.example.com",
      port,
      pathPrefix: "/check",
      includeRequestHeadersInCheck: ["x-user"],
    };
    const provider = stringify({ extensionProviders: [{ name: "users", envoyExtAuthzHttp }] });
    fs.appendFileSync(shop.sample.meshConfig, `\n${provider}`);
    await is(401, {});
    assert.equal((await ask(shop)).body, "who are you?");
    assert.equal(await statusOf(shop, { headers: { "x-user": "alice" } }), 200);
    assert.ok(asked.includes(`/check${PAGE} alice`), asked.join());
    const before = asked.length;
    assert.equal(await statusOf(shop, { path: "/" }), 301);
    assert.equal(asked.length, before, "a request that the policy doesn't mean");
  });

  await t.test("connections are let in by what they can tell", async (inner) => {
    const upstream = await listen(inner, greeter());
    const port = await freePort();
    const bind = shop.sample.gateway.address;
    const server = { port: { number: port, name: "tcp", protocol: "TCP" }, hosts: ["*"], bind };
    const route = [{ destination: { host: "plain.example.com", port: { number: upstream } } }];
    const ways = [
      external("plain", "TCP", upstream),
      object("Gateway", "plain", { selector: { istio: "ingressgateway" }, servers: [server] }),
      object("VirtualService", "plain", { hosts: ["*"], gateways: ["plain"], tcp: [{ match: [{ port }], route }] }),
    ];
    const said = (from: string): Promise<string> => readAll(bind, port, from);
    apply(shop, ...ways);
    await until("the connection is led on", async () => (await said("127.0.0.1")) === "hello");
    const source = { ipBlocks: ["127.0.0.65"] };
    apply(shop, ...ways, policy("deny", { action: "DENY", rules: [{ from: [{ source }] }] }));
    await until("the connection is refused", async () => (await said("127.0.0.65")) === "");
    assert.equal(await said("127.0.0.1"), "hello");
    // Paths aren't known of connections: nothing is allowed.
    apply(shop, ...ways, policy("allow", { rules: [{ to: [{ operation: { paths: ["/*"] } }] }] }));
    await until("no connection is allowed", async () => (await said("127.0.0.1")) === "");
    assert.equal(await statusOf(shop, {}), 200);
  });

  await t.test("accepted all of it, without a warning", async () => {
    // Istio's proxies know claims by it.
    await assertConfigurationAccepted(shop.envoy, /Deprecated field: .*Principal\.metadata/);
    await assertNothingRejected(shop.server);
  });
});

/** Greets who has said something. Envoy may reset a connection that the other side has left. */
function greeter(): net.Server {
  return net.createServer((socket) => {
    socket.on("error", () => socket.destroy());
    socket.once("data", () => socket.end("hello"));
  });
}

/** What comes over a connection before it ends; RBAC decides at the first byte. */
function readAll(host: string, port: number, localAddress: string): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    const socket = net.connect({ host, port, localAddress }, () => socket.write("x"));
    socket.setTimeout(5000, () => socket.destroy());
    socket.setEncoding("utf8");
    socket.on("data", (chunk: string) => {
      text += chunk;
    });
    // A refused connection may end with a reset: what came before counts.
    socket.on("error", () => socket.destroy());
    socket.on("close", () => resolve(text));
  });
}
