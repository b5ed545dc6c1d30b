// A mesh of gRPC servers without proxies, on free ports of loopback, whose configuration the test writes.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import type { TestContext } from "node:test";
import grpc from "@grpc/grpc-js";
import { stringify } from "yaml";
import { type RunningControlPlane, startTestControlPlane } from "./control-plane.ts";

/** What a server does with a call, instead of answering with its name. */
export type Behaviour = (metadata: grpc.Metadata) => Promise<Partial<grpc.StatusObject> | undefined>;

export interface EchoServer {
  readonly name: string;
  readonly port: number;
  /** How calls go from now on. */
  behave(how: Behaviour | undefined): void;
}

const PATHS = ["/shop.Echo/Call", "/shop.Echo/Other"];
const asIs = (bytes: Buffer): Buffer => bytes;

/** Answers calls of shop.Echo with its name, until the test ends. */
export async function startEchoServer(t: TestContext, name: string): Promise<EchoServer> {
  const server = new grpc.Server();
  let behaviour: Behaviour | undefined;
  const methods = PATHS.map((method) => ({
    path: method,
    requestStream: false,
    responseStream: false,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  }));
  const handler: grpc.handleUnaryCall<Buffer, Buffer> = (call, callback) => {
    const done = behaviour?.(call.metadata) ?? Promise.resolve(undefined);
    void done.then((failure) => (failure ? callback(failure) : callback(null, Buffer.from(name))));
  };
  server.addService(
    Object.fromEntries(methods.map((method) => [method.path, method])),
    Object.fromEntries(methods.map((method) => [method.path, handler])),
  );
  const port = await new Promise<number>((resolve, reject) => {
    const credentials = grpc.ServerCredentials.createInsecure();
    server.bindAsync("127.0.0.1:0", credentials, (error, bound) => (error ? reject(error) : resolve(bound)));
  });
  t.after(() => server.forceShutdown());
  return {
    name,
    port,
    behave: (how) => {
      behaviour = how;
    },
  };
}

export interface GrpcMesh {
  readonly server: RunningControlPlane;
  /** A folder for the test's files. */
  readonly folder: string;
  /** Replaces all objects of the test. */
  apply(...objects: readonly object[]): void;
}

/** A control plane for a folder that the test fills. Lines of its log that warn or worse go to `log`. */
export async function startGrpcMesh(t: TestContext, log: string[]): Promise<GrpcMesh> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "mizzen-grpc-"));
  const configDir = path.join(folder, "config");
  fs.mkdirSync(configDir);
  const server = await startTestControlPlane({ configDir, log: (line) => void log.push(line), logLevel: "warn" });
  t.after(async () => {
    await server.close();
    fs.rmSync(folder, { recursive: true, force: true });
  });
  const file = path.join(configDir, "test.yaml");
  return {
    server,
    folder,
    apply(...objects) {
      fs.writeFileSync(`${file}.new`, objects.map((object) => stringify(object)).join("---\n"));
      fs.renameSync(`${file}.new`, file);
    },
  };
}

/** One of Istio's objects in namespace `shop`. */
export function shopObject(kind: string, name: string, spec: object): object {
  const group = /Policy|Authentication/.test(kind) ? "security" : "networking";
  return { apiVersion: `${group}.istio.io/v1`, kind, metadata: { name, namespace: "shop" }, spec };
}

export interface EchoEndpoint {
  readonly address: string;
  readonly port: number;
  readonly version: string;
  /** A SPIFFE identity's last part. */
  readonly serviceAccount?: string;
}

/** `NAME.shop.svc.cluster.local:7070` with endpoints. */
export function echoService(name: string, endpoints: readonly EchoEndpoint[]): object {
  return shopObject("ServiceEntry", name, {
    hosts: [`${name}.shop.svc.cluster.local`],
    location: "MESH_INTERNAL",
    resolution: "STATIC",
    ports: [{ number: 7070, name: "grpc", protocol: "GRPC" }],
    endpoints: endpoints.map(({ address, port, version, serviceAccount }) => ({
      address,
      ports: { grpc: port },
      labels: { app: name, version },
      ...(serviceAccount ? { serviceAccount } : {}),
    })),
  });
}
