// What a proxy's metadata, and its addresses, ask of its listeners.
import assert from "node:assert/strict";
import { test } from "node:test";
import { served, WORKLOAD } from "../../../support/inbound-filters.ts";
import { doc, host, show, TCP_9000 } from "../../../support/worker-behaviour.ts";
import type { Json } from "../../../support/worker-json.ts";
import { meshSettings } from "../../../support/worker-mesh.ts";

const OUTBOUND = [
  host("b", { addresses: ["10.1.0.1"], ports: [TCP_9000] }),
  host("c", { addresses: ["10.1.0.2"], ports: [TCP_9000] }),
  doc("DestinationRule", "c", {
    host: "c.example.com",
    trafficPolicy: { connectionPool: { tcp: { idleTimeout: "7s" } } },
  }),
];

function listeners(metadata: object, config = ""): Record<string, Json> {
  return show(served(OUTBOUND, meshSettings(config)), "LDS", { ...WORKLOAD, metadata: { ...metadata } });
}

/** Names of the listeners for which something holds. */
function where(all: Record<string, Json>, holds: (listener: Json) => boolean): string[] {
  return Object.keys(all)
    .filter((name) => holds(all[name]!))
    .sort();
}

test("exact balance is for the listener that takes inbound connections, and for the outbound ones but the virtual one", () => {
  const balanced = (metadata: object): string[] =>
    where(listeners(metadata), (l) => JSON.stringify(l.connectionBalanceConfig) === '{"exactBalance":{}}');
  assert.deepEqual(balanced({}), []);
  assert.deepEqual(balanced({ INBOUND_LISTENER_EXACT_BALANCE: "true" }), ["virtualInbound"]);
  assert.deepEqual(balanced({ OUTBOUND_LISTENER_EXACT_BALANCE: "true" }), [
    "0.0.0.0_80",
    "0.0.0.0_9000",
    "10.1.0.1_9000",
    "10.1.0.2_9000",
  ]);
});

interface ChainJson {
  readonly name?: string;
  readonly filters: readonly { readonly typedConfig: Json }[];
}

/** Idle timeouts of what ends the chains of a listener. */
function idleTimes(listener: Json | undefined): string[] {
  const chains = listener!.filterChains as readonly ChainJson[];
  return chains.map(({ name, filters }) => {
    const { idleTimeout, commonHttpProtocolOptions } = filters.at(-1)!.typedConfig as {
      idleTimeout?: string;
      commonHttpProtocolOptions?: { idleTimeout?: string };
    };
    return `${name ?? ""} ${idleTimeout ?? commonHttpProtocolOptions?.idleTimeout ?? "none"}`;
  });
}

const IDLE: readonly (readonly [given: string, expected: string])[] = [
  ["90s", "90s"],
  ["1m30s", "90s"],
  ["1500ms", "1.500s"],
  ["soon", "none"],
  ["-1s", "none"],
];

for (const [given, expected] of IDLE) {
  test(`IDLE_TIMEOUT ${given} makes idle connections of TCP and HTTP last ${expected}`, () => {
    const all = listeners({ IDLE_TIMEOUT: given });
    assert.deepEqual(idleTimes(all["10.1.0.1_9000"]), [` ${expected}`]);
    for (const line of idleTimes(all.virtualInbound).filter((l) => !l.includes("blackhole"))) {
      assert.match(line, new RegExp(` ${expected.replace(".", "\\.")}$`));
    }
  });
}

test("what a rule says of idle connections counts more than the metadata", () => {
  assert.deepEqual(idleTimes(listeners({ IDLE_TIMEOUT: "90s" })["10.1.0.2_9000"]), [" 7s"]);
});

test("TPROXY makes the virtual listeners transparent, and inbound connections keep their source", () => {
  const all = listeners({ INTERCEPTION_MODE: "TPROXY" });
  assert.deepEqual(
    where(all, (l) => l.transparent === true),
    ["virtualInbound", "virtualOutbound"],
  );
  const filters = all.virtualInbound!.listenerFilters as readonly { name: string; typedConfig: Json }[];
  assert.deepEqual(
    filters.slice(0, 2).map((f) => f.name),
    ["envoy.filters.listener.original_dst", "envoy.filters.listener.original_src"],
  );
  assert.equal(filters[1]!.typedConfig.mark, 1337);
});

test("a proxy with addresses of both families listens outbound on both, and elsewhere where the mesh has dual stack", () => {
  const both = { INSTANCE_IPS: "10.0.0.1,2001:db8::1" };
  const wide = (l: Json): boolean => l.additionalAddresses !== undefined;
  assert.deepEqual(where(listeners(both), wide), ["0.0.0.0_80", "0.0.0.0_9000"]);
  assert.deepEqual(where(listeners({}), wide), []);
  const mesh = served(OUTBOUND, meshSettings("", { ISTIO_DUAL_STACK: "true" }));
  assert.deepEqual(where(show(mesh, "LDS", { ...WORKLOAD, metadata: both }), wide), [
    "0.0.0.0_80",
    "0.0.0.0_9000",
    "virtualInbound",
    "virtualOutbound",
  ]);
});

test("HTTP/1.0 is told from TCP where the mesh lets it in", () => {
  const mesh = served(OUTBOUND, meshSettings("", { PILOT_HTTP10: "true" }));
  const { "0.0.0.0_80": outbound, virtualInbound } = show(mesh, "LDS", WORKLOAD);
  const protocols = (listener: Json): unknown[] =>
    (listener.filterChains as { filterChainMatch?: { applicationProtocols?: readonly string[] } }[])
      .map((chain) => chain.filterChainMatch?.applicationProtocols)
      .filter((list) => list?.includes("h2c"));
  assert.deepEqual(protocols(outbound!), [["http/1.0", "http/1.1", "h2c"]]);
  assert.deepEqual(protocols(virtualInbound!), [["http/1.0", "http/1.1", "h2c"]]);
});
