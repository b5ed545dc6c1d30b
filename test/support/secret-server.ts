// Certificates from files, over SDS, as Istio's agent gives them to the Envoy beside it: `file-cert:CERTIFICATE~KEY`, `file-root:CA`.
import fs from "node:fs";
import type { TestContext } from "node:test";
import * as grpc from "@grpc/grpc-js";
import { envoy as discovery } from "../../src/shared/gen/discovery.js";
import { envoy } from "../../src/shared/gen/envoy.js";

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

/** Serves until the test ends; gives its port on 127.0.0.1. */
export async function startSecretServer(t: TestContext): Promise<number> {
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
          call.write(respond(request.resourceNames, String(answered)));
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
  t.after(() => server.forceShutdown());
  return port;
}

function respond(names: readonly string[], version: string): Buffer {
  const resources = names.map((name) => ({
    type_url: TYPE_URL,
    value: Secret.encode({ name, ...secret(name) }).finish(),
  }));
  const response = { versionInfo: version, nonce: version, typeUrl: TYPE_URL, resources };
  return Buffer.from(DiscoveryResponse.encode(response).finish());
}

function secret(name: string): object {
  const inline = (file: string): object => ({ inlineBytes: fs.readFileSync(file) });
  const [kind, rest = ""] = [name.slice(0, name.indexOf(":")), name.slice(name.indexOf(":") + 1)];
  if (kind === "file-root") return { validationContext: { trustedCa: inline(rest) } };
  const [certificate = "", key = ""] = rest.split("~");
  return { tlsCertificate: { certificateChain: inline(certificate), privateKey: inline(key) } };
}
