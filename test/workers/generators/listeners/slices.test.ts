// Listeners that sidecars share come in slices of hosts: together they are the whole, and a rule has a say in one of them.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { WantPart } from "../../../../src/shared/model/resource.ts";
import { type HostSlice, sliceOf } from "../../../../src/shared/names/host-slice.ts";
import { envoyFilter, patch } from "../../../support/patches.ts";
import { kubeEndpoint, kubeService, kubeSlice } from "../../../support/registry.ts";
import { doc, HTTP_80, host, TCP_9000, to } from "../../../support/worker-behaviour.ts";
import { generateFor, objectsOf, type ProxySpec, WorkerMesh } from "../../../support/worker-mesh.ts";

const OF = 8;
const SLICES: readonly HostSlice[] = Array.from({ length: OF }, (_, index) => ({ index, of: OF }));

type Listeners = ReadonlyMap<string, string>;

/** Names with bytes. */
function generated(mesh: WorkerMesh, proxy: ProxySpec, part?: WantPart, slice?: HostSlice): Listeners {
  const { resources } = generateFor(mesh.context(), mesh.view(proxy), "LDS", null, part, slice);
  return new Map([...resources].map(([name, bytes]) => [name, Buffer.from(bytes).toString("hex")]));
}

function assertWhole(mesh: WorkerMesh, proxy: ProxySpec = {}): void {
  const parts = [
    ...SLICES.map((slice) => generated(mesh, proxy, "shared", slice)),
    generated(mesh, proxy, "own"),
  ].flatMap((listeners) => [...listeners]);
  assert.deepEqual(parts.sort(), [...generated(mesh, proxy)].sort());
}

const NAMES = ["a", "b", "c", "d", "e", "f", "g", "h"];

/** TCP at an address of each host's own. */
function apart(name: string, i: number): object {
  return host(name, { addresses: [`10.1.0.${i + 1}`], ports: [HTTP_80, TCP_9000] }, { age: i });
}

function virtualService(name: string, routes: object): object {
  return doc("VirtualService", name, { hosts: [`${name}.example.com`], ...routes });
}

const TLS_443 = { number: 443, name: "tls", protocol: "TLS" };

const MESHES: Readonly<Record<string, readonly object[]>> = {
  "services with addresses of their own": NAMES.map(apart),
  "services at one address": NAMES.map((name, i) =>
    host(name, { addresses: ["10.1.0.1"], ports: [TCP_9000] }, { age: 8 - i }),
  ),
  "services without an address": NAMES.map((name) => host(name, { ports: [TCP_9000, TLS_443] })),
  "TLS at addresses, of which two are shared": NAMES.map((name, i) =>
    host(name, { addresses: [`10.1.0.${i % 6}`, `10.2.${i}.0/24`], ports: [TLS_443] }),
  ),
  "TCP routes": [
    ...NAMES.map(apart),
    virtualService("a", { tcp: [to("b")] }),
    virtualService("c", { tcp: [{ match: [{ destinationSubnets: ["10.1.0.0/24"] }], ...to("d") }] }),
    virtualService("e", { tcp: [{ match: [{ port: 1 }], ...to("d") }] }),
    doc("VirtualService", "wild", { hosts: ["*.example.com"], tcp: [{ match: [{ port: 9000 }], ...to("h") }] }),
  ],
  "TLS routes": [
    ...NAMES.map((name, i) => host(name, { addresses: [`10.1.0.${i + 1}`], ports: [TLS_443] })),
    virtualService("a", { tls: [{ match: [{ sniHosts: ["a.example.com"] }], ...to("b") }] }),
    virtualService("c", { tls: [{ match: [{ sniHosts: ["c.example.com"], port: 1 }], ...to("b") }] }),
  ],
  "TCP and HTTP, and what may be either": [
    host("a", { ports: [TCP_9000] }),
    host("b", { ports: [{ ...HTTP_80, number: 9000 }] }),
    host("c", { addresses: ["10.1.0.1"], ports: [{ number: 9000, name: "x", protocol: "" }] }),
    host("d", { addresses: ["10.1.0.1"], ports: [TCP_9000] }),
  ],
  "a Sidecar with a port of its own": [
    ...NAMES.map(apart),
    doc("Sidecar", "s", {
      egress: [
        { port: { number: 9000, name: "tcp", protocol: "TCP" }, bind: "127.0.0.1", hosts: ["*/a.example.com"] },
        { hosts: ["*/*"] },
      ],
    }),
  ],
};

for (const [name, documents] of Object.entries(MESHES)) {
  test(`all slices together are the whole: ${name}`, () => assertWhole(new WorkerMesh(objectsOf(documents))));
}

test("all slices together are the whole: headless services, of which one changes", () => {
  const ports = [{ name: "tcp-db", protocol: "TCP" as const, port: 5432, targetPort: "5432", nodePort: 0 }];
  const slicePorts = [{ name: "tcp-db", port: 5432, protocol: "TCP" as const }];
  const endpoints = (name: string, addresses: readonly string[]): ReturnType<typeof kubeSlice> =>
    kubeSlice(
      name,
      name,
      addresses.map((address) => kubeEndpoint(address)),
      { ports: slicePorts },
    );
  const mesh = new WorkerMesh(
    ["a", "b"].flatMap((name) => [
      kubeService(name, { clusterIPs: ["None"], ports }),
      endpoints(name, ["10.0.0.1", "10.0.0.2"]),
    ]),
  );
  assertWhole(mesh, { ip: "10.0.0.2" });
  mesh.apply([endpoints("a", ["10.0.0.3"])]);
  assertWhole(mesh, { ip: "10.0.0.2" });
  assert.ok(generated(mesh, {}).has("10.0.0.3_5432"));
});

/** The slices that a rule about a host makes others of. */
function touched(documents: readonly object[], ruled: string): readonly number[] {
  const mesh = new WorkerMesh(objectsOf(documents));
  const before = SLICES.map((slice) => generated(mesh, {}, "shared", slice));
  const trafficPolicy = { connectionPool: { tcp: { idleTimeout: "7s" } } };
  mesh.apply(objectsOf([doc("DestinationRule", "r", { host: `${ruled}.example.com`, trafficPolicy })]));
  assertWhole(mesh);
  return SLICES.map((slice) => generated(mesh, {}, "shared", slice)).flatMap((after, index) => {
    assert.deepEqual([...after.keys()], [...before[index]!.keys()], "a rule moves no listener");
    return JSON.stringify([...after]) === JSON.stringify([...before[index]!]) ? [] : [index];
  });
}

test("a rule makes another slice of its host's alone, wherever routes to the host start", () => {
  const sliceNamed = (name: string): number => sliceOf(`${name}.example.com`, OF);
  assert.ok(new Set(NAMES.map(sliceNamed)).size > 4, "the hosts are spread over slices");
  const weighted = (name: string, weight: number): object => ({ ...to(name).route[0], weight });
  const routed = [
    virtualService("a", { tcp: [to("b")] }),
    virtualService("c", { tcp: [{ route: [weighted("d", 0), weighted("e", 50), weighted("f", 50)] }] }),
  ];
  for (const name of NAMES) {
    assert.deepEqual(touched(NAMES.map(apart), name), [sliceNamed(name)]);
    // Nothing leads to these any more.
    const left = name === "a" || name === "c";
    assert.deepEqual(touched([...NAMES.map(apart), ...routed], name), left ? [] : [sliceNamed(name)], name);
  }
});

test("of services at one address, the rule of the one that has it counts", () => {
  const shared = ["a", "b"].map((name, i) =>
    host(name, { addresses: ["10.1.0.1"], ports: [TCP_9000] }, { age: 2 - i }),
  );
  assert.deepEqual(touched(shared, "b"), [sliceOf("b.example.com", OF)]);
  assert.deepEqual(touched(shared, "a"), []);
});

test("what is a proxy's own gives way to shared listeners, though it is made without them", () => {
  const port = { number: 9000, name: "tcp", protocol: "TCP" };
  const ingress = [{ port, bind: "10.1.0.1", captureMode: "NONE", defaultEndpoint: "127.0.0.1:9000" }];
  const mesh = new WorkerMesh(objectsOf([...NAMES.map(apart), doc("Sidecar", "s", { ingress })]));
  assertWhole(mesh);
  assert.deepEqual(generateFor(mesh.context(), mesh.view({}), "LDS", null, "own").warnings, [
    "Sidecar/default/s: there is a listener 10.1.0.1_9000 already, so that there can't be another one",
  ]);
});

test("what EnvoyFilters add is there once, unless a shared listener that stays has the name", () => {
  const documents = NAMES.map(apart);
  const add = (name: string): object => patch("LISTENER", "ADD", { name });
  const remove = { listener: { name: "10.1.0.2_9000" } };
  const filter = envoyFilter("f", [
    add("new"),
    add("10.1.0.1_9000"),
    add("10.1.0.2_9000"),
    patch("LISTENER", "REMOVE", undefined, remove),
  ]);
  const mesh = new WorkerMesh(objectsOf([...documents, filter]));
  assertWhole(mesh);
  const plain = new WorkerMesh(objectsOf(documents));
  const [patched, before] = [mesh, plain].map((m) => generated(m, {}));
  assert.ok(patched!.has("new"));
  assert.equal(patched!.get("10.1.0.1_9000"), before!.get("10.1.0.1_9000"));
  assert.notEqual(patched!.get("10.1.0.2_9000"), before!.get("10.1.0.2_9000"));
  assert.equal(patched!.size, before!.size + 1);
});
