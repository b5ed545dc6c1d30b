// Names by which gRPC's clients and servers ask for listeners.
import assert from "node:assert/strict";
import { test } from "node:test";
import { candidateHosts, parseHostPort, serverListener } from "../../../src/shared/names/grpc-listener.ts";

const DOMAIN = "shop.svc.cluster.local";

const CANDIDATES: readonly (readonly [says: string, domain: string, hosts: readonly string[]])[] = [
  ["echo", DOMAIN, ["echo", "echo.shop.svc.cluster.local"]],
  ["echo.other", DOMAIN, ["echo.other", "echo.other.svc.cluster.local"]],
  ["echo.other.svc", DOMAIN, ["echo.other.svc", "echo.other.svc.cluster.local"]],
  ["echo.other.svc.cluster.local", DOMAIN, ["echo.other.svc.cluster.local"]],
  ["echo.other.svc.cluster.local.", DOMAIN, ["echo.other.svc.cluster.local"]],
  ["api.example.com", DOMAIN, ["api.example.com"]],
  ["echo", "example.com", ["echo", "echo.example.com"]],
  ["echo.other", "example.com", ["echo.other"]],
];

test("a short name may mean a service of the mesh", () => {
  for (const [says, domain, hosts] of CANDIDATES) assert.deepEqual(candidateHosts(says, domain), hosts, says);
});

const HOST_PORTS: readonly (readonly [text: string, expected: ReturnType<typeof parseHostPort>])[] = [
  ["echo:7070", { host: "echo", port: 7070 }],
  ["[::1]:80", { host: "::1", port: 80 }],
  ["10.0.0.1:65535", { host: "10.0.0.1", port: 65_535 }],
  ["echo", undefined],
  ["echo:", undefined],
  ["echo:0", undefined],
  ["echo:65536", undefined],
  ["echo:http", undefined],
  ["::1:80", undefined],
  ["xdstp://authority/envoy.config.listener.v3.Listener/echo:80", undefined],
];

test("a listener's name is a host and a port", () => {
  for (const [text, expected] of HOST_PORTS) assert.deepEqual(parseHostPort(text), expected, text);
});

test("a server's listener is known by its prefix", () => {
  assert.deepEqual(serverListener("xds.istio.io/grpc/lds/inbound/0.0.0.0:5050"), { host: "0.0.0.0", port: 5050 });
  assert.deepEqual(serverListener("xds.istio.io/grpc/lds/inbound/[::]:5050"), { host: "::", port: 5050 });
  assert.equal(serverListener("echo:5050"), undefined);
  assert.equal(serverListener("xds.istio.io/grpc/lds/inbound/nothing"), undefined);
});
