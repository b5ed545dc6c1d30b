// A program that calls a service by an xds: target, as a proxyless gRPC client does, and prints how it ended as JSON.
//   node grpc-xds-client.js SERVICE:PORT      with GRPC_XDS_BOOTSTRAP_CONFIG in the environment
import grpc from "@grpc/grpc-js";
import { register } from "@grpc/grpc-js-xds";

const DEADLINE_MS = 1500;

register();
const target = process.argv[2]!;
const client = new grpc.Client(`xds:///${target}`, grpc.credentials.createInsecure());
const asIs = (bytes: Buffer): Buffer => bytes;
const deadline = Date.now() + DEADLINE_MS;
client.makeUnaryRequest("/test.Echo/Call", asIs, asIs, Buffer.alloc(0), { deadline }, (error) => {
  // Exits here: the channel keeps its stream to the control plane open.
  process.stdout.write(`${JSON.stringify({ code: error?.code ?? 0, details: error?.details ?? "" })}\n`, () =>
    process.exit(0),
  );
});
