// Listeners that a Sidecar asks for, at a real Envoy that captures nothing: bound addresses and Unix sockets, both ways.
import assert from "node:assert/strict";
import fs from "node:fs";
import http from "node:http";
import net, { type AddressInfo } from "node:net";
import os from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { stringify } from "yaml";
import { startTestControlPlane } from "../support/control-plane.ts";
import { assertConfigurationAccepted, type Mode, startTestEnvoy, testEnvoyBinary, testNode } from "../support/envoy.ts";
import { until } from "../support/until.ts";

/** Where the sidecar listens, for its application and for clients; where another workload is. */
const INBOUND = "127.85.0.1";
const OUTBOUND = "127.85.0.2";
const ELSEWHERE = "127.85.0.20";

const HTTP = { name: "http", protocol: "HTTP" };

function object(kind: string, name: string, spec: object): object {
  const group = kind === "PeerAuthentication" ? "security.istio.io/v1" : "networking.istio.io/v1";
  return { apiVersion: group, kind, metadata: { name, namespace: "shop" }, spec };
}

interface Servers {
  readonly folder: string;
  /** The application's port on 127.0.0.1; it answers at `app.sock` too. */
  readonly app: number;
  /** Ports of the other workload. */
  readonly other: { readonly http: number; readonly tcp: number };
}

function meshOf({ folder, app, other }: Servers, ingressPort: number): string {
  const objects = [
    object("PeerAuthentication", "off", { mtls: { mode: "DISABLE" } }),
    object("ServiceEntry", "other", {
      hosts: ["other.example.com"],
      location: "MESH_INTERNAL",
      resolution: "STATIC",
      ports: [
        { ...HTTP, number: 8090 },
        { name: "tcp", number: 9000, protocol: "TCP" },
      ],
      endpoints: [{ address: ELSEWHERE, ports: other }],
    }),
    object("ServiceEntry", "plain", {
      hosts: ["plain.example.com"],
      location: "MESH_INTERNAL",
      resolution: "STATIC",
      ports: [{ name: "tcp", number: 9001, protocol: "TCP" }],
      endpoints: [{ address: ELSEWHERE, ports: { tcp: other.tcp } }],
    }),
    object("Sidecar", "web", {
      workloadSelector: { labels: { app: "web" } },
      ingress: [
        { port: { ...HTTP, number: ingressPort }, bind: INBOUND, defaultEndpoint: `unix://${folder}/app.sock` },
        { port: { ...HTTP, name: "http-2", number: 8089 }, bind: INBOUND, defaultEndpoint: `127.0.0.1:${app}` },
      ],
      egress: [
        { port: { ...HTTP, number: 8090 }, bind: OUTBOUND, captureMode: "NONE", hosts: ["*/other.example.com"] },
        { port: { name: "tcp", number: 9000, protocol: "TCP" }, bind: OUTBOUND, hosts: ["*/other.example.com"] },
        {
          port: { name: "socket", number: 0, protocol: "TCP" },
          bind: `unix://${folder}/out.sock`,
          hosts: ["*/plain.example.com"],
        },
      ],
    }),
  ];
  return objects.map((o) => stringify(o)).join("---\n");
}

/** Body of the answer of a server that says its name, path and the host that it was asked as. */
function ask(where: { readonly host: string; readonly port: number }, host: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = http.get({ ...where, path: "/x", headers: { host }, agent: false, timeout: 5000 }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        body += chunk;
      });
      response.on("error", reject);
      response.on("end", () => (response.statusCode === 200 ? resolve(body) : reject(new Error(body))));
    });
    request.on("timeout", () => request.destroy(new Error("no answer")));
    request.on("error", reject);
  });
}

/** What a TCP server says to who connects. */
function greeting(where: net.NetConnectOpts): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(where);
    socket.setTimeout(5000, () => socket.destroy(new Error("no greeting")));
    socket.once("data", (data) => {
      resolve(String(data));
      socket.destroy();
    });
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("closed")));
  });
}

async function serve(t: TestContext, server: net.Server, options: net.ListenOptions): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options, resolve);
  });
  t.after(() => new Promise<void>((resolve) => server.close(() => resolve())));
  const address = server.address();
  return typeof address === "string" ? 0 : (address as AddressInfo).port;
}

function named(name: string): http.Server {
  return http.createServer((request, response) => response.end(`${name} ${request.url} ${request.headers.host}`));
}

async function startServers(t: TestContext): Promise<Servers> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "mizzen-ports-"));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  await serve(t, named("app-socket"), { path: path.join(folder, "app.sock") });
  return {
    folder,
    app: await serve(t, named("app"), { host: "127.0.0.1", port: 0 }),
    other: {
      http: await serve(t, named("other"), { host: ELSEWHERE, port: 0 }),
      tcp: await serve(
        t,
        net.createServer((socket) => socket.end("ahoy")),
        { host: ELSEWHERE, port: 0 },
      ),
    },
  };
}

for (const mode of ["sotw", "delta"] as const) test(`listeners of a Sidecar (${mode})`, (t) => listeners(t, mode));

async function listeners(t: TestContext, mode: Mode): Promise<void> {
  const binary = await testEnvoyBinary();
  if (!binary.found) return t.skip(binary.reason);
  const servers = await startServers(t);
  const configDir = path.join(servers.folder, "config");
  fs.mkdirSync(configDir);
  const write = (ingressPort: number): void => {
    const file = path.join(configDir, "mesh.yaml");
    fs.writeFileSync(`${file}.new`, meshOf(servers, ingressPort));
    fs.renameSync(`${file}.new`, file);
  };
  write(8080);
  const server = await startTestControlPlane({ configDir });
  t.after(server.close);
  const node = testNode("sidecar", "127.85.0.9", "web-v1", "shop", { app: "web" });
  const [address = "", port] = server.grpc.split(":");
  const envoy = await startTestEnvoy({
    binary: binary.path,
    mode,
    node: { ...node, metadata: { ...node.metadata, INTERCEPTION_MODE: "NONE" } },
    xds: { address, port: Number(port) },
  });
  t.after(envoy.stop);

  await t.test("what comes to a bound address goes to the application's Unix socket, or to its port", async () => {
    const answer = await until("the sidecar listens", () => ask({ host: INBOUND, port: 8080 }, "web.example.com"));
    assert.equal(answer, "app-socket /x web.example.com");
    assert.equal(await ask({ host: INBOUND, port: 8089 }, "web.example.com"), "app /x web.example.com");
  });

  await t.test("what the application sends to bound addresses and sockets goes to the service", async () => {
    assert.equal(await ask({ host: OUTBOUND, port: 8090 }, "other.example.com"), "other /x other.example.com");
    assert.equal(await greeting({ host: OUTBOUND, port: 9000 }), "ahoy");
    assert.equal(await greeting({ path: path.join(servers.folder, "out.sock") }), "ahoy");
  });

  await t.test("a listener moves with its Sidecar", async () => {
    write(8082);
    const answer = await until("the sidecar listens there", () =>
      ask({ host: INBOUND, port: 8082 }, "web.example.com"),
    );
    assert.equal(answer, "app-socket /x web.example.com");
    await until("and nowhere else", () =>
      ask({ host: INBOUND, port: 8080 }, "web.example.com").then(
        () => false,
        () => true,
      ),
    );
  });

  await t.test("accepted all of it, without a warning", () => assertConfigurationAccepted(envoy));
}
