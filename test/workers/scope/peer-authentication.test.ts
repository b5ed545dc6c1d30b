// Which mTLS mode a workload's port has, told by the chains of its virtual inbound listener.
// https://istio.io/latest/docs/reference/config/security/peer_authentication/
import assert from "node:assert/strict";
import { test } from "node:test";
import { doc, HTTP_80, host, meshOf, show } from "../../support/worker-behaviour.ts";
import type { ProxySpec } from "../../support/worker-mesh.ts";

interface ChainJson {
  readonly filterChainMatch?: { readonly destinationPort?: number };
  readonly transportSocket?: unknown;
}

const IP = "10.0.0.1";
const WORKLOAD: ProxySpec = { ip: IP, labels: { app: "x" } };
const PORTS = [HTTP_80, { number: 8080, name: "http-2", protocol: "HTTP" }];

interface Meta {
  readonly namespace?: string;
  readonly age?: number;
}

function policy(mode: string | undefined, more: object = {}, meta: Meta = {}): object {
  const name = `p-${meta.age ?? 0}-${"selector" in more ? "some" : "all"}`;
  return doc("PeerAuthentication", name, { ...(mode ? { mtls: { mode } } : {}), ...more }, meta);
}

const SELECTED = { selector: { matchLabels: { app: "x" } } };
const ROOT = { namespace: "istio-system" };

/** The mode by what the port's chains take: mesh TLS, plain text, or both. */
function modeAt(port: number, policies: readonly object[], proxy: ProxySpec = WORKLOAD): string {
  const { namespace = "default" } = proxy;
  const service = host("a", { ports: PORTS, endpoints: [{ address: IP, labels: proxy.labels ?? {} }] }, { namespace });
  const { filterChains } = show(meshOf([service, ...policies]), "LDS", proxy).virtualInbound!;
  const own = (filterChains as ChainJson[]).filter((c) => c.filterChainMatch?.destinationPort === port);
  assert.ok(own.length > 0, `port ${port} has no chains`);
  const ends = own.map((c) => c.transportSocket !== undefined);
  return ends.every(Boolean) ? "STRICT" : ends.some(Boolean) ? "PERMISSIVE" : "DISABLE";
}

const LEVELS: readonly (readonly [says: string, policies: readonly object[], expected: string])[] = [
  ["nobody says anything", [], "PERMISSIVE"],
  ["the mesh is strict", [policy("STRICT", {}, ROOT)], "STRICT"],
  ["the namespace differs from the mesh", [policy("STRICT", {}, ROOT), policy("DISABLE")], "DISABLE"],
  ["the workload differs from its namespace", [policy("STRICT"), policy("DISABLE", SELECTED)], "DISABLE"],
  ["the policy selects other workloads", [policy("STRICT", { selector: { matchLabels: { app: "y" } } })], "PERMISSIVE"],
  ["the policy is another namespace's", [policy("STRICT", {}, { namespace: "other" })], "PERMISSIVE"],
  ["the namespace's policy says nothing of the mode", [policy("STRICT", {}, ROOT), policy(undefined)], "STRICT"],
  ["the namespace leaves it unset", [policy("STRICT", {}, ROOT), policy("UNSET")], "STRICT"],
  ["the workload leaves it unset", [policy("DISABLE"), policy("UNSET", SELECTED)], "DISABLE"],
  [
    "of two for the namespace the older counts",
    [policy("DISABLE", {}, { age: 2 }), policy("STRICT", {}, { age: 1 })],
    "STRICT",
  ],
  [
    "of two for the workload the older counts",
    [policy("STRICT", SELECTED, { age: 1 }), policy("DISABLE", SELECTED, { age: 2 })],
    "STRICT",
  ],
];

for (const [says, policies, expected] of LEVELS) {
  test(`${expected} where ${says}`, () => assert.equal(modeAt(80, policies), expected));
}

function atPort(mode: string, port = 8080): object {
  return { ...SELECTED, portLevelMtls: { [port]: { mode } } };
}

test("a port has its own mode, other ports have the workload's", () => {
  const policies = [policy("STRICT", atPort("DISABLE"))];
  assert.equal(modeAt(8080, policies), "DISABLE");
  assert.equal(modeAt(80, policies), "STRICT");
});

test("ports of a workload that says nothing else have the namespace's mode", () => {
  const policies = [policy("STRICT"), policy(undefined, atPort("PERMISSIVE"))];
  assert.equal(modeAt(8080, policies), "PERMISSIVE");
  assert.equal(modeAt(80, policies), "STRICT");
});

test("an unset port has the workload's mode", () => {
  assert.equal(modeAt(8080, [policy("STRICT", atPort("UNSET"))]), "STRICT");
});

test("a port of its own mode that no service has is passed on in that mode", () => {
  const policies = [policy("STRICT", atPort("DISABLE", 7777))];
  assert.equal(modeAt(7777, policies), "DISABLE");
});

test("the root namespace's policy is the mesh's for its own workloads, too", () => {
  const proxy = { ...WORKLOAD, namespace: "istio-system" };
  assert.equal(modeAt(80, [policy("STRICT", {}, ROOT)], proxy), "STRICT");
});
