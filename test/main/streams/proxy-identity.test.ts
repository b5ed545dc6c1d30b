// Whom a node names.
import assert from "node:assert/strict";
import { test } from "node:test";
import { identityOf, MAX_NODE_BYTES, readIdentity } from "../../../src/main/streams/proxy-identity.ts";
import { MizzenError } from "../../../src/shared/errors.ts";
import { envoy } from "../../../src/shared/gen/discovery.js";
import type { NodeInfo } from "../../../src/shared/model/proxy.ts";

function node(id: string, metadata: Record<string, unknown> = {}): NodeInfo {
  return {
    id,
    metadata,
    cluster: "",
    locality: { region: "", zone: "", subZone: "" },
    extensions: null,
    userAgentName: "",
  };
}

test("the parts of a node id", () => {
  const proxy = identityOf(node("router~10.0.0.1~gw-1.istio-system~istio-system.svc.cluster.local"));
  assert.equal(proxy.type, "router");
  assert.equal(proxy.id, "gw-1.istio-system");
  assert.equal(proxy.namespace, "istio-system");
  assert.equal(proxy.dnsDomain, "istio-system.svc.cluster.local");
  assert.deepEqual(proxy.ipAddresses, ["10.0.0.1"]);
  assert.equal(proxy.generator, "envoy");
});

test("metadata names the namespace, more addresses and the generator", () => {
  const proxy = identityOf(
    node("sidecar~10.0.0.1~a.b~b.svc.cluster.local", {
      NAMESPACE: "real",
      INSTANCE_IPS: "10.0.0.1,fd00::1,nonsense",
      GENERATOR: "grpc",
    }),
  );
  assert.equal(proxy.namespace, "real");
  assert.deepEqual(proxy.ipAddresses, ["10.0.0.1", "fd00::1"]);
  assert.equal(proxy.generator, "grpc");
  assert.deepEqual(identityOf(node("sidecar~~a.b~b", { INSTANCE_IPS: ["10.1.1.1"] })).ipAddresses, ["10.1.1.1"]);
});

const BAD: readonly (readonly [string, RegExp])[] = [
  ["", /is not type~ip~name/],
  ["sidecar~10.0.0.1~a.b", /is not type~ip~name/],
  ["sidecar~10.0.0.1~a.b~c~d", /is not type~ip~name/],
  ["sidecar~10.0.0.1~~c", /is not type~ip~name/],
  ["car~10.0.0.1~a.b~c", /"car" is not one of sidecar, router, waypoint, ztunnel/],
  ["sidecar~10.0.0~a.b~c", /IP address/],
  ["sidecar~~a.b~c", /IP address/],
  ["x".repeat(10_000), /…/],
];

test("node ids that can't be understood say why", () => {
  for (const [id, message] of BAD) {
    assert.throws(
      () => identityOf(node(id)),
      (error) => error instanceof MizzenError && error.code === "MIZZEN_ERR_NODE" && message.test(error.message),
      id.slice(0, 50),
    );
  }
});

test("a serialized node with nested metadata, locality and extensions", () => {
  const bytes = envoy.config.core.v3.Node.encode({
    id: "sidecar~10.0.0.1~a.b~b.svc.cluster.local",
    cluster: "a",
    locality: { region: "r", zone: "z", subZone: "s" },
    extensions: [{ name: "envoy.filters.http.router" }],
    userAgentName: "envoy",
    metadata: {
      fields: {
        LABELS: { structValue: { fields: { app: { stringValue: "a" } } } },
        N: { numberValue: 0 },
        B: { boolValue: false },
        L: { listValue: { values: [{ stringValue: "x" }, { nullValue: 0 }] } },
      },
    },
  }).finish();
  const { node: decoded } = readIdentity(bytes);
  assert.deepEqual(decoded.metadata, { LABELS: { app: "a" }, N: 0, B: false, L: ["x", null] });
  assert.deepEqual(decoded.locality, { region: "r", zone: "z", subZone: "s" });
  assert.deepEqual([...decoded.extensions!], ["envoy.filters.http.router"]);
});

test("nodes that are too large or no nodes are refused", () => {
  for (const bytes of [new Uint8Array(MAX_NODE_BYTES + 1), new Uint8Array([0x0a, 0xff])]) {
    assert.throws(
      () => readIdentity(bytes),
      (error) => error instanceof MizzenError && error.code === "MIZZEN_ERR_NODE",
    );
  }
});
