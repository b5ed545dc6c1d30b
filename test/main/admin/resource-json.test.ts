// Generated resources as JSON.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ResourceJson } from "../../../src/main/admin/resource-json.ts";
import { envoy } from "../../../src/shared/gen/envoy.js";

test("every Any is expanded, and one of an unknown type is kept", () => {
  const router = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";
  const bytes = envoy.config.cluster.v3.Cluster.encode({
    name: "c",
    connectTimeout: { seconds: 1, nanos: 500_000_000 },
    typedExtensionProtocolOptions: {
      known: { type_url: router, value: Buffer.alloc(0) },
      unknown: { type_url: "type.googleapis.com/some.Type", value: Buffer.from([1, 2]) },
    },
  }).finish();
  assert.deepEqual(new ResourceJson().show("CDS", { name: "c", hash: "", bytes }), {
    "@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster",
    name: "c",
    connectTimeout: "1.500s",
    typedExtensionProtocolOptions: {
      known: { "@type": router },
      unknown: {
        "@type": "type.googleapis.com/google.protobuf.Struct",
        value: { unknownType: "type.googleapis.com/some.Type", value: "AQI=" },
      },
    },
  });
});
