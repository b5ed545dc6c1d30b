// A gateway Envoy with services of a test's own behind it, whose routing the test writes: what configuration says is seen in answers.
import fs from "node:fs";
import http from "node:http";
import os from "node:os";
import path from "node:path";
import type { TestContext } from "node:test";
import { stringify } from "yaml";
import { closeWith } from "./closers.ts";
import { type RunningControlPlane, startTestControlPlane } from "./control-plane.ts";
import { type Mode, startTestEnvoy, type TestEnvoy, testEnvoyBinary, testNode } from "./envoy.ts";
import type { Backend } from "./http-backend.ts";
import { freePort } from "./ports.ts";
import { until } from "./until.ts";

export interface TrafficAnswer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
  readonly elapsedMs: number;
}

export interface Ask {
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Keeps connections; a new one for each request when absent. */
  readonly agent?: http.Agent;
}

export interface TrafficMesh {
  readonly folder: string;
  /** The gateway's port for HTTP. */
  readonly port: number;
  readonly envoy: TestEnvoy;
  readonly server: RunningControlPlane;
  /** Replaces all objects of the test; resolves when the gateway routes by them. */
  apply(...objects: readonly object[]): Promise<void>;
  ask(host: string, ask?: Ask): Promise<TrafficAnswer>;
  /** How many of so many requests each backend answered, by name. */
  count(host: string, times: number, ask?: Ask): Promise<Readonly<Record<string, number>>>;
}

export interface TrafficMeshOptions {
  readonly locality?: { readonly region: string; readonly zone: string };
  /** The port of what gives the gateway its certificates. */
  readonly secrets?: number;
}

export const GATEWAY = "istio-system/edge";
const REVISION_HOST = "revision.example.com";

/** Undefined when there is no Envoy, after the test was marked as skipped. Everything ends with the test. */
export async function startTrafficMesh(
  t: TestContext,
  mode: Mode,
  { locality, secrets }: TrafficMeshOptions = {},
): Promise<TrafficMesh | undefined> {
  const binary = await testEnvoyBinary();
  if (!binary.found) {
    t.skip(binary.reason);
    return undefined;
  }
  const onEnd = closeWith(t);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "mizzen-traffic-"));
  onEnd(() => fs.rmSync(folder, { recursive: true, force: true }));
  const configDir = path.join(folder, "config");
  fs.mkdirSync(configDir);
  const write = (objects: readonly object[]): void => {
    const file = path.join(configDir, "test.yaml");
    fs.writeFileSync(`${file}.new`, objects.map((object) => stringify(object)).join("---\n"));
    fs.renameSync(`${file}.new`, file);
  };
  const port = await freePort();
  fs.writeFileSync(path.join(configDir, "gateway.yaml"), stringify(gateway(port)));
  const server = await startTestControlPlane({ configDir });
  onEnd(server.close);
  // Not the address of the services: what is known there would be taken for the gateway's.
  const node = testNode("router", "127.0.0.9", "edge-1", "istio-system", { app: "edge" });
  const envoy = await startTestEnvoy({
    binary: binary.path,
    mode,
    node: { ...node, ...(locality ? { locality } : {}) },
    xds: { address: "127.0.0.1", port: Number(server.grpc.split(":")[1]) },
    ...(secrets ? { clusters: [{ name: "sds-grpc", address: "127.0.0.1", port: secrets }] } : {}),
  });
  onEnd(envoy.stop);

  const ask = (host: string, asked: Ask = {}): Promise<TrafficAnswer> => send(port, host, asked);
  let revision = 0;
  return {
    folder,
    port,
    envoy,
    server,
    ask,
    async apply(...objects) {
      revision++;
      const body = String(revision);
      // It is in the same route configuration, so that what routes by it routes by the others too.
      write([
        ...objects,
        route("revision", [REVISION_HOST], [{ directResponse: { status: 200, body: { string: body } } }]),
      ]);
      await until("the gateway has the configuration", async () => (await ask(REVISION_HOST)).body === body);
    },
    async count(host, times, asked) {
      const counts: Record<string, number> = {};
      for (let i = 0; i < times; i++) {
        const { status, body } = await ask(host, asked);
        const name = status === 200 ? body : String(status);
        counts[name] = (counts[name] ?? 0) + 1;
      }
      return counts;
    },
  };
}

function gateway(port: number): object {
  return object("Gateway", "edge", {
    selector: { app: "edge" },
    servers: [{ port: { number: port, name: "http", protocol: "HTTP" }, hosts: ["*"] }],
  });
}

/** An object of networking.istio.io in the gateway's namespace. */
export function object(kind: string, name: string, spec: object): object {
  return { apiVersion: "networking.istio.io/v1", kind, metadata: { name, namespace: "istio-system" }, spec };
}

/** A VirtualService of the gateway, with HTTP routes. */
export function route(name: string, hosts: readonly string[], http: readonly object[]): object {
  return object("VirtualService", name, { hosts, gateways: [GATEWAY], http });
}

export interface Place {
  readonly labels?: Readonly<Record<string, string>>;
  /** region/zone */
  readonly locality?: string;
}

/** `NAME.example.com`, port 80, with the backends as its endpoints. */
export function service(
  name: string,
  backends: readonly (Backend | (Place & { readonly backend: Backend }))[],
): object {
  return object("ServiceEntry", name, {
    hosts: [`${name}.example.com`],
    location: "MESH_EXTERNAL",
    resolution: "STATIC",
    ports: [{ number: 80, name: "http", protocol: "HTTP" }],
    endpoints: backends.map((one) => {
      const { backend, ...place } = "backend" in one ? one : { backend: one };
      return { address: "127.0.0.1", ports: { http: backend.port }, ...place };
    }),
  });
}

function send(
  port: number,
  host: string,
  { path: asked = "/", method = "GET", headers = {}, agent }: Ask,
): Promise<TrafficAnswer> {
  const began = performance.now();
  return new Promise((resolve, reject) => {
    const request = http.request(
      {
        host: "127.0.0.1",
        port,
        path: asked,
        method,
        headers: { ...headers, host },
        agent: agent ?? false,
        timeout: 10_000,
      },
      (response) => {
        let body = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => {
          body += chunk;
        });
        response.on("error", reject);
        response.on("end", () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body,
            elapsedMs: performance.now() - began,
          }),
        );
      },
    );
    request.on("timeout", () => request.destroy(new Error("no answer in time")));
    request.on("error", reject);
    request.end();
  });
}
