// Certificates over SDS, as Istio's agent gives them to the Envoy beside it.
import fs from "node:fs";
import * as grpc from "@grpc/grpc-js";
import { envoy as discovery } from "../../src/shared/gen/discovery.js";
import { envoy } from "../../src/shared/gen/envoy.js";
import type { Certificate } from "./certificates.ts";

const { Secret } = envoy.extensions.transport_sockets.tls.v3;
const { DiscoveryRequest, DiscoveryResponse } = discovery.service.discovery.v3;
const TYPE_URL = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";

const StreamSecrets: grpc.MethodDefinition<Uint8Array, Buffer> = {
  path: "/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets",
  requestStream: true,
  responseStream: true,
  requestSerialize: (bytes) => Buffer.from(bytes),
  requestDeserialize: (bytes) => bytes,
  responseSerialize: (bytes) => bytes,
  responseDeserialize: (bytes) => bytes,
};

/** Serves on a free port of 127.0.0.1; `secretOf` gives the fields of the secret with a name. */
export async function startSecretServer(secretOf: (name: string) => object): Promise<{ port: number; close(): void }> {
  const server = new grpc.Server();
  server.addService(
    { StreamSecrets },
    {
      StreamSecrets: (call: grpc.ServerDuplexStream<Uint8Array, Buffer>) => {
        let answered = 0;
        call.on("data", (bytes: Uint8Array) => {
          const request = DiscoveryRequest.decode(bytes);
          // What has a nonce acknowledges.
          if (request.responseNonce !== "") return;
          answered++;
          call.write(respond(request.resourceNames, String(answered), secretOf));
        });
        call.on("end", () => call.end());
        call.on("error", () => undefined);
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  return { port, close: () => server.forceShutdown() };
}

function respond(names: readonly string[], version: string, secretOf: (name: string) => object): Buffer {
  const resources = names.map((name) => ({
    type_url: TYPE_URL,
    value: Secret.encode({ name, ...secretOf(name) }).finish(),
  }));
  const response = { versionInfo: version, nonce: version, typeUrl: TYPE_URL, resources };
  return Buffer.from(DiscoveryResponse.encode(response).finish());
}

/** `file-cert:CERTIFICATE~KEY` and `file-root:CA`, as gateways name what is in files. */
export function fileSecret(name: string): object {
  const [kind, rest = ""] = [name.slice(0, name.indexOf(":")), name.slice(name.indexOf(":") + 1)];
  if (kind === "file-root") return rootSecret(rest);
  const [cert = "", key = ""] = rest.split("~");
  return certificateSecret({ cert, key });
}

export function certificateSecret({ cert, key }: Certificate): object {
  return { tlsCertificate: { certificateChain: inline(cert), privateKey: inline(key) } };
}

export function rootSecret(file: string): object {
  return { validationContext: { trustedCa: inline(file) } };
}

function inline(file: string): object {
  return { inlineBytes: fs.readFileSync(file) };
}
