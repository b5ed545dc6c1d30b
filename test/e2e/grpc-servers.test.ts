// gRPC servers in Python that ask the control plane who may call them, and clients that they know by their certificates.
import assert from "node:assert/strict";
import { test } from "node:test";
import { certificateAuthority, opensslMissing } from "../support/certificates.ts";
import { echoService, shopObject, startGrpcMesh } from "../support/grpc-mesh.ts";
import {
  type Caller,
  findGrpcPython,
  type PeerIdentity,
  startCaller,
  startPythonServer,
} from "../support/grpc-peers.ts";
import { freePort } from "../support/ports.ts";
import { until } from "../support/until.ts";

const TARGET = "xds:///echo.shop.svc.cluster.local:7070";
const SERVER = "127.0.0.32";
const OK = 0;
const PERMISSION_DENIED = 7;
const UNAVAILABLE = 14;

/** Waits until a call of a method ends with a code. */
async function ends(caller: Caller, what: string, method: string, code: number): Promise<void> {
  await until(what, async () => {
    const [answer] = await caller.ask({ target: TARGET, path: `/shop.Echo/${method}`, count: 1 });
    if (answer?.code !== code) throw new Error(`the last call ended with ${answer?.code}: ${answer?.details}`);
    return true;
  });
}

const to = (method: string, port?: number): object => ({
  to: [{ operation: { paths: [`/shop.Echo/${method}`], ...(port ? { ports: [String(port)] } : {}) } }],
});
const policy = (name: string, action: string, ...rules: readonly object[]): object =>
  shopObject("AuthorizationPolicy", name, { selector: { matchLabels: { app: "echo" } }, action, rules });

test("a server without TLS", async (t) => {
  const python = await findGrpcPython();
  if (!python.found) {
    t.skip(python.reason);
    return;
  }
  const log: string[] = [];
  const mesh = await startGrpcMesh(t, log);
  const port = await freePort(SERVER);
  const service = echoService("echo", [{ address: SERVER, port, version: "v1" }]);
  mesh.apply(service);
  const server = { server: mesh.server.grpc, address: SERVER, namespace: "shop" };
  await startPythonServer(t, server, port, python.path);
  const caller = startCaller(t, { ...server, address: "127.0.0.31" }, python.path);

  await t.test("answers once it is told that it may", () => ends(caller, "it answers", "Call", OK));

  await t.test("denies what a policy denies, and follows when that changes", async () => {
    mesh.apply(service, policy("deny", "DENY", to("Other", port)));
    await ends(caller, "the method is denied", "Other", PERMISSION_DENIED);
    await ends(caller, "others are not", "Call", OK);
    mesh.apply(service, policy("deny", "DENY", to("Call", port)));
    await ends(caller, "the other method is denied", "Call", PERMISSION_DENIED);
    await ends(caller, "the first is not any more", "Other", OK);
  });

  await t.test("allows only what a policy allows, and nothing where it has no rules", async () => {
    mesh.apply(service, policy("allow", "ALLOW", to("Call")));
    await ends(caller, "the rest is denied", "Other", PERMISSION_DENIED);
    await ends(caller, "the method is allowed", "Call", OK);
    mesh.apply(service, policy("nothing", "ALLOW"));
    await ends(caller, "nothing is allowed", "Call", PERMISSION_DENIED);
    mesh.apply(service);
    await ends(caller, "all is allowed again", "Call", OK);
  });

  await t.test("without complaints", () => assert.deepEqual(log, []));
});

test("a server with mTLS", async (t) => {
  const python = await findGrpcPython();
  const missing = python.found ? opensslMissing() : python.reason;
  if (!python.found || missing !== undefined) {
    t.skip(missing);
    return;
  }
  const log: string[] = [];
  const mesh = await startGrpcMesh(t, log);
  const authority = certificateAuthority(mesh.folder);
  const certificates = (account: string): NonNullable<PeerIdentity["certificates"]> => ({
    ...authority.sign(account, `URI:spiffe://cluster.local/ns/shop/sa/${account}`),
    roots: authority.cert,
  });
  const web = certificates("web");
  const port = await freePort(SERVER);
  const serviceOf = (serviceAccount: string): object =>
    echoService("echo", [{ address: SERVER, port, version: "v1", serviceAccount }]);
  const strict = shopObject("PeerAuthentication", "default", { mtls: { mode: "STRICT" } });
  const rule = shopObject("DestinationRule", "echo", {
    host: "echo.shop.svc.cluster.local",
    trafficPolicy: { tls: { mode: "ISTIO_MUTUAL" } },
  });
  const onlyWeb = policy("web", "ALLOW", {
    ...to("Call"),
    from: [{ source: { principals: ["cluster.local/ns/shop/sa/web"] } }],
  });
  mesh.apply(serviceOf("echo"), strict, rule, onlyWeb);
  const base = { server: mesh.server.grpc, address: "127.0.0.31", namespace: "shop" };
  await startPythonServer(t, { ...base, address: SERVER, certificates: certificates("echo") }, port, python.path);
  const known = startCaller(t, { ...base, certificates: web }, python.path);
  const other = startCaller(t, { ...base, certificates: certificates("job") }, python.path);
  const plain = startCaller(t, { ...base, certificates: web, plainText: true }, python.path);

  await t.test("knows its callers by their certificates", async () => {
    await ends(known, "the one that may is answered", "Call", OK);
    await ends(known, "not for all that it asks", "Other", PERMISSION_DENIED);
    await ends(other, "another one is denied", "Call", PERMISSION_DENIED);
    await ends(plain, "one without TLS isn't heard", "Call", UNAVAILABLE);
  });

  await t.test("is not called when it has another identity than its service", async () => {
    mesh.apply(serviceOf("impostor"), strict, rule, onlyWeb);
    await ends(known, "the client doesn't take it", "Call", UNAVAILABLE);
    mesh.apply(serviceOf("echo"), strict, rule, onlyWeb);
    await ends(known, "the client takes it again", "Call", OK);
  });

  await t.test("without complaints", () => assert.deepEqual(log, []));
});
