// Which proxies a change is planned for, object by object.
import assert from "node:assert/strict";
import { test } from "node:test";
import { MeshPlanner } from "../../../src/main/push/planner.ts";
import type { ViewFacet } from "../../../src/main/push/questions.ts";
import type { Registry } from "../../../src/main/registry/registry.ts";
import { identityOf } from "../../../src/main/streams/proxy-identity.ts";
import type { ConfigObject } from "../../../src/shared/model/config.ts";
import type { ProxyIdentity } from "../../../src/shared/model/proxy.ts";
import type { RegistryChange } from "../../../src/shared/model/push-request.ts";
import { sliceOf } from "../../../src/shared/names/host-slice.ts";
import { routeSliceOf } from "../../../src/shared/names/route-slice.ts";
import type { XdsType } from "../../../src/shared/xds-types.ts";
import { envoyNode } from "../../support/envoy-node.ts";
import { config, meta, serviceEntry, testRegistry } from "../../support/registry.ts";

function proxy(name: string, type: "sidecar" | "router", namespace: string, labels: object): ProxyIdentity {
  const id = `${type}~10.1.0.${Object.keys(labels).length}~${name}.${namespace}~${namespace}.svc.cluster.local`;
  return identityOf(envoyNode(id, name, { LABELS: labels, ISTIO_VERSION: "1.32.0", NAMESPACE: namespace }));
}

const PROXIES: Readonly<Record<string, ProxyIdentity>> = {
  a: proxy("a", "sidecar", "default", { app: "a" }),
  b: proxy("b", "sidecar", "default", { app: "b", tier: "web" }),
  other: proxy("other", "sidecar", "other", { app: "a" }),
  gateway: proxy("gateway", "router", "default", { istio: "ingress" }),
  named: proxy("named", "router", "default", { "gateway.networking.k8s.io/gateway-name": "named" }),
};

const BASE = [
  serviceEntry("one", ["10.0.0.1"]),
  config("Gateway", "gw", { selector: { istio: "ingress" }, servers: [] }),
  config("Gateway", "nobody", { selector: { istio: "egress" }, servers: [] }),
];

function filter(configPatches: readonly object[], labels?: object, more: object = {}): ConfigObject {
  return config("EnvoyFilter", "f", { ...(labels ? { workloadSelector: { labels } } : {}), configPatches, ...more });
}

function patch(applyTo: string, context = "ANY", value = 1): object {
  return { applyTo, match: { context }, patch: { operation: "MERGE", value: { value } } };
}

interface Planned {
  readonly registry: Registry;
  readonly planner: MeshPlanner;
  version: number;
}

function started(more: readonly ConfigObject[] = [], slices?: (hosts: number) => number): Planned {
  const registry = testRegistry();
  registry.apply({ upserts: [...BASE, ...more], deletes: [] });
  const planner = new MeshPlanner(registry, (text) => text, slices);
  planner.advance(1, undefined);
  return { registry, planner, version: 1 };
}

/** The types planned for each proxy that is touched. */
function plan(on: Planned, change: RegistryChange): Record<string, string> {
  on.planner.advance(++on.version, change);
  const request = { change, firstChangeMs: 0, lastChangeMs: 0, merged: 1 };
  const out: Record<string, string> = {};
  for (const [name, identity] of Object.entries(PROXIES)) {
    const planned = on.planner.plan(on.planner.viewOf(identity), request);
    if (planned.size > 0) out[name] = [...planned.keys()].sort().join();
  }
  return out;
}

function edit(before: readonly ConfigObject[], after: readonly ConfigObject[]): Record<string, string> {
  const on = started(before);
  const gone = before.filter((b) => !after.some((a) => a.kind === b.kind && a.meta.name === b.meta.name));
  const deletes = gone.map((o) => ({ kind: o.kind, namespace: o.meta.namespace, name: o.meta.name }));
  return plan(on, on.registry.apply({ upserts: after, deletes }));
}

const policy = (labels: object | undefined, more: object = {}, namespace = "default"): ConfigObject =>
  config(
    "AuthorizationPolicy",
    "p",
    { ...(labels ? { selector: { matchLabels: labels } } : {}), ...more },
    { namespace },
  );

const cases: { name: string; before?: ConfigObject[]; after?: ConfigObject[]; planned: Record<string, string> }[] = [
  { name: "a policy for one workload", after: [policy({ app: "a" })], planned: { a: "LDS" } },
  { name: "its removal", before: [policy({ app: "a" })], planned: { a: "LDS" } },
  {
    name: "a policy that moves to another workload touches both",
    before: [policy({ app: "a" })],
    after: [policy({ app: "b" })],
    planned: { a: "LDS", b: "LDS" },
  },
  { name: "a policy that asks for a label that nobody has", after: [policy({ app: "c" })], planned: {} },
  {
    name: "a policy without a selector is for its namespace",
    after: [policy(undefined)],
    planned: { a: "LDS", b: "LDS", gateway: "LDS", named: "LDS" },
  },
  {
    name: "a policy of the root namespace chooses in all namespaces",
    after: [policy({ app: "a" }, {}, "istio-system")],
    planned: { a: "LDS", other: "LDS" },
  },
  {
    name: "a policy for a Gateway of the Gateway API",
    after: [
      policy(undefined, { targetRefs: [{ group: "gateway.networking.k8s.io", kind: "Gateway", name: "named" }] }),
    ],
    planned: { named: "LDS" },
  },
  {
    name: "an edit of a policy that chooses the same",
    before: [policy({ app: "a" })],
    after: [policy({ app: "a" }, { action: "DENY" })],
    planned: { a: "LDS" },
  },
  {
    name: "an EnvoyFilter for one workload",
    after: [filter([patch("CLUSTER"), patch("HTTP_FILTER"), patch("EXTENSION_CONFIG")], { tier: "web" })],
    planned: { b: "CDS,ECDS,LDS" },
  },
  {
    name: "a patch of clusters of sidecars",
    after: [filter([patch("CLUSTER", "SIDECAR_OUTBOUND")])],
    planned: { a: "CDS", b: "CDS" },
  },
  {
    name: "a patch of listeners of gateways",
    after: [filter([patch("NETWORK_FILTER", "GATEWAY")])],
    planned: { gateway: "LDS", named: "LDS" },
  },
  {
    name: "a patch of routes, of which a sidecar has some in listeners",
    after: [filter([patch("VIRTUAL_HOST")], { app: "a" })],
    planned: { a: "LDS,RDS" },
  },
  {
    name: "a patch of routes to applications",
    after: [filter([patch("HTTP_ROUTE", "SIDECAR_INBOUND")], { app: "a" })],
    planned: { a: "LDS" },
  },
  {
    name: "an edit of one patch of several",
    before: [filter([patch("CLUSTER"), patch("HTTP_FILTER"), patch("EXTENSION_CONFIG")], { app: "a" })],
    after: [filter([patch("CLUSTER"), patch("HTTP_FILTER", "ANY", 2), patch("EXTENSION_CONFIG")], { app: "a" })],
    planned: { a: "LDS" },
  },
  {
    name: "a patch that comes before others, with another priority",
    before: [filter([patch("CLUSTER"), patch("HTTP_FILTER")], { app: "a" })],
    after: [filter([patch("CLUSTER"), patch("HTTP_FILTER")], { app: "a" }, { priority: 5 })],
    planned: { a: "CDS,LDS" },
  },
  {
    name: "a patch that is for others now",
    before: [filter([patch("CLUSTER")], { app: "a" })],
    after: [filter([patch("CLUSTER")], { app: "b" })],
    planned: { a: "CDS", b: "CDS" },
  },
  {
    name: "an annotation of an EnvoyFilter",
    before: [filter([patch("CLUSTER")])],
    after: [{ ...filter([patch("CLUSTER")]), meta: meta("f", { annotations: { note: "x" } }) }],
    planned: {},
  },
  {
    name: "Telemetry for one workload",
    after: [config("Telemetry", "t", { selector: { matchLabels: { app: "b" } } })],
    planned: { b: "LDS" },
  },
  {
    name: "a WasmPlugin for one workload",
    after: [config("WasmPlugin", "w", { selector: { matchLabels: { app: "b" } } })],
    planned: { b: "ECDS,LDS" },
  },
  {
    name: "a RequestAuthentication for one workload",
    after: [config("RequestAuthentication", "r", { selector: { matchLabels: { app: "b" } } })],
    planned: { b: "CDS,LDS" },
  },
  {
    name: "a Gateway touches the routers that it chooses",
    after: [config("Gateway", "gw", { selector: { istio: "ingress" }, servers: [{ hosts: ["a"] }] })],
    planned: { gateway: "CDS,LDS,RDS" },
  },
  {
    name: "a VirtualService of a gateway touches the routers that serve it, and no sidecar",
    after: [config("VirtualService", "v", { hosts: ["one.example.com"], gateways: ["gw"] })],
    planned: { gateway: "CDS,LDS,RDS" },
  },
  {
    name: "a VirtualService of a gateway that nobody serves",
    after: [config("VirtualService", "v", { hosts: ["one.example.com"], gateways: ["default/nobody", "missing"] })],
    planned: {},
  },
  {
    name: "a VirtualService of the mesh touches sidecars, and no router",
    after: [config("VirtualService", "v", { hosts: ["one.example.com"] })],
    planned: { a: "LDS,RDS", b: "LDS,RDS", other: "LDS,RDS" },
  },
  {
    name: "a VirtualService that leaves a gateway for the mesh touches both",
    before: [config("VirtualService", "v", { hosts: ["one.example.com"], gateways: ["gw"] })],
    after: [config("VirtualService", "v", { hosts: ["one.example.com"], gateways: ["mesh"] })],
    planned: { a: "LDS,RDS", b: "LDS,RDS", other: "LDS,RDS", gateway: "CDS,LDS,RDS" },
  },
  {
    name: "a delegate may be bound to anything",
    after: [config("VirtualService", "v", { http: [] })],
    planned: { a: "LDS,RDS", b: "LDS,RDS", other: "LDS,RDS", gateway: "CDS,LDS,RDS", named: "CDS,LDS,RDS" },
  },
  {
    name: "an edit of metadata that nothing reads",
    before: [policy({ app: "a" })],
    after: [{ ...policy({ app: "a" }), meta: { ...policy({ app: "a" }).meta, annotations: { "example.com/x": "1" } } }],
    planned: {},
  },
  {
    name: "an edit of a ServiceEntry's endpoints touches endpoints only",
    after: [serviceEntry("one", ["10.0.0.2"])],
    planned: { a: "EDS", b: "EDS", other: "EDS", gateway: "EDS", named: "EDS" },
  },
];

for (const { name, before = [], after = [], planned } of cases) {
  test(name, () => assert.deepEqual(edit(before, after), planned));
}

test("the clusters whose endpoints changed", () => {
  const rule = (name: string, host: string, subset: string): ConfigObject =>
    config("DestinationRule", name, { host, subsets: [{ name: subset }] });
  const on = started([rule("x", "one.example.com", "v1"), rule("y", "*.example.com", "v2"), rule("z", "*.org", "v3")]);
  const step = (upserts: readonly ConfigObject[]): string[] => {
    const change = on.registry.apply({ upserts, deletes: [] });
    on.planner.advance(++on.version, change);
    const request = { change, firstChangeMs: 0, lastChangeMs: 0, merged: 1 };
    const names = on.planner.plan(on.planner.viewOf(PROXIES.a!), request).get("EDS");
    return names === undefined || names === "all" ? [String(names)] : [...names].sort();
  };
  assert.deepEqual(step([serviceEntry("one", ["10.0.0.7"])]), [
    "outbound|80|v1|one.example.com",
    "outbound|80|v2|one.example.com",
    "outbound|80||one.example.com",
  ]);
  step([rule("x", "two.example.com", "v1")]);
  assert.deepEqual(step([serviceEntry("one", ["10.0.0.8"])]), [
    "outbound|80|v2|one.example.com",
    "outbound|80||one.example.com",
  ]);
});

test("of sliced parts, a rule regenerates its hosts' slices, and a service all of the listeners", () => {
  const rule = (host: string, idleTimeout: string): ConfigObject =>
    config("DestinationRule", "r", { host, trafficPolicy: { connectionPool: { tcp: { idleTimeout } } } });
  const tcp = [{ route: [{ destination: { host: "two.example.com" } }] }];
  const of = 4;
  const one = String(sliceOf("one.example.com", of));
  const two = String(sliceOf("two.example.com", of));
  assert.notEqual(one, two);
  const all = "0,1,2,3";
  const expected: readonly (readonly [change: ConfigObject, clusters: string, listeners: string])[] = [
    [rule("one.example.com", "1s"), one, one],
    [rule("one.example.com", "2s"), one, one],
    [policy(undefined), "", ""],
    [serviceEntry("two", ["10.0.1.1"]), two, all],
    [config("VirtualService", "v", { hosts: ["one.example.com"], tcp }), "", all],
    [rule("*.example.com", "3s"), all, all],
  ];
  const registry = testRegistry();
  registry.apply({ upserts: BASE, deletes: [] });
  const planner = new MeshPlanner(
    registry,
    (text) => text,
    () => of,
  );
  planner.advance(1, undefined);
  const view = planner.viewOf(PROXIES.a!);
  const slices = (type: XdsType, since: number): string => {
    const facets = planner.facetsOf(view, type);
    return facets.flatMap(({ slice, affected }) => (slice && affected > since ? [slice.index] : [])).join();
  };
  assert.deepEqual([slices("CDS", 0), slices("LDS", 0)], [all, all]);
  expected.forEach(([change, clusters, listeners], i) => {
    planner.advance(i + 2, registry.apply({ upserts: [change], deletes: [] }));
    assert.deepEqual([slices("CDS", i + 1), slices("LDS", i + 1)], [clusters, listeners], change.meta.name);
  });
});

test("what was dropped since there are too many facets is not taken for fresh", () => {
  const registry = testRegistry();
  registry.apply({ upserts: BASE, deletes: [] });
  const planner = new MeshPlanner(
    registry,
    (text) => text,
    () => 15_000,
  );
  planner.advance(1, undefined);
  const view = planner.viewOf(PROXIES.a!);
  for (const type of ["LDS", "CDS"] as const) planner.facetsOf(view, type);
  planner.advance(2, registry.apply({ upserts: [serviceEntry("two", ["10.0.0.2"])], deletes: [] }));
  assert.ok(planner.facetsOf(view, "LDS").every(({ affected }) => affected === 2));
});

test("what a policy for one workload regenerates is that workload's listeners", () => {
  const on = started([]);
  const [a, b] = [PROXIES.a!, PROXIES.b!].map((identity) => on.planner.viewOf(identity));
  const affected = (): number[][] =>
    [a!, b!].map((view) => on.planner.facetsOf(view, "LDS").map((facet) => facet.affected));
  const [[sharedBefore, ownBefore], [, otherBefore]] = affected() as [[number, number], [number, number]];
  plan(on, on.registry.apply({ upserts: [policy({ app: "a" })], deletes: [] }));
  assert.deepEqual(affected(), [
    [sharedBefore, on.version],
    [sharedBefore, otherBefore],
  ]);
  assert.equal(ownBefore < on.version, true);
});

test("an edit of routes regenerates the slices of its hosts; namespaces share all slices but their own", () => {
  const host = "one.default.svc.cluster.local";
  const routes = (value: string, more: object = {}): ConfigObject =>
    config("VirtualService", "v", {
      hosts: [host],
      http: [{ headers: { request: { set: { value } } }, route: [{ destination: { host } }], ...more }],
    });
  const on = started([routes("1")], () => 16);
  const slicesOf = (name: string): readonly ViewFacet[] =>
    on.planner.slicesOf(on.planner.viewOf(PROXIES[name]!), "RDS", "80")!;
  const step = (object: ConfigObject): number[] => {
    on.planner.advance(++on.version, on.registry.apply({ upserts: [object], deletes: [] }));
    return slicesOf("a").flatMap(({ affected, slice }) => (affected === on.version ? [slice!.index] : []));
  };
  const inDefault = routeSliceOf(host, ".svc.cluster.local", 16);
  const inOther = routeSliceOf("x.other.svc.cluster.local", ".svc.cluster.local", 16);

  const ids = (name: string): string[] => slicesOf(name).map(({ ref }) => ref.id);
  const differing = ids("a").flatMap((id, index) => (id === ids("other")[index] ? [] : [index]));
  assert.deepEqual(differing.sort(), [inDefault, inOther].sort(), "a slice of its own for each namespace");
  assert.deepEqual(ids("b"), ids("a"));

  assert.deepEqual(step(routes("2")), [inDefault]);
  assert.equal(
    step(routes("3", { match: [{ sourceLabels: { app: "a" } }] })).length,
    16,
    "the host may be another one's now",
  );
  assert.equal(step(config("DestinationRule", "r", { host })).length, 16, "any route may lead there");
  assert.equal(step(serviceEntry("one", ["10.0.0.3"])).length, 0);
  assert.equal(step(serviceEntry("two", ["10.0.0.4"])).length, 16, "it may have a name that others had");
});

test("route configurations of gateways, gRPC's clients, few services and those behind a Sidecar aren't cut", () => {
  const slices = (on: Planned, identity: ProxyIdentity, name: string): number | undefined =>
    on.planner.slicesOf(on.planner.viewOf(identity), "RDS", name)?.length;
  const on = started([], (hosts) => (hosts > 0 ? 4 : 1));
  const sidecar = PROXIES.a!;
  const grpc = { ...sidecar, generator: "grpc" } as ProxyIdentity;
  assert.deepEqual(
    ["80", "81", "one.example.com:80", "http_proxy", "unix:///socket"].map((name) => slices(on, sidecar, name)),
    [4, undefined, undefined, 4, 4],
  );
  assert.equal(slices(on, PROXIES.gateway!, "80"), undefined);
  assert.equal(slices(on, grpc, "80"), undefined);
  assert.equal(on.planner.slicesOf(on.planner.viewOf(sidecar), "EDS", "80"), undefined);
  const limited = started([config("Sidecar", "s", { egress: [{ hosts: ["./*"] }] })], () => 4);
  assert.deepEqual([slices(limited, sidecar, "80"), slices(limited, PROXIES.other!, "80")], [undefined, 4]);
  const patched = started([filter([patch("VIRTUAL_HOST")])], () => 4);
  assert.deepEqual([slices(patched, sidecar, "80"), slices(patched, PROXIES.other!, "80")], [undefined, 4]);
});

test("routes of a gateway with many hosts are cut, and an edit of routes regenerates the slices of its hosts", () => {
  const routes = (name: string, host: string, value: string): ConfigObject =>
    config("VirtualService", name, {
      hosts: [host],
      gateways: ["gw"],
      http: [{ headers: { request: { set: { value } } }, route: [{ destination: { host: "one.example.com" } }] }],
    });
  const hosts = ["a", "b", "c", "d"].map((name) => `${name}.example.com`);
  const on = started(
    hosts.map((host) => routes(host[0]!, host, "1")),
    (count) => (count >= 4 ? 8 : 1),
  );
  const slicesOf = (name: string, route = "http.8080"): readonly ViewFacet[] | undefined =>
    on.planner.slicesOf(on.planner.viewOf(PROXIES[name]!), "RDS", route);
  assert.equal(slicesOf("gateway")?.length, 8);
  assert.equal(slicesOf("gateway", "https.443.https.gw.default")?.length, 8);
  assert.equal(slicesOf("gateway", "https.443.https.gw.other"), undefined);
  assert.equal(slicesOf("named"), undefined, "it has none of the hosts");
  on.planner.advance(++on.version, on.registry.apply({ upserts: [routes("a", hosts[0]!, "2")], deletes: [] }));
  const affected = slicesOf("gateway")!.flatMap((facet) => (facet.affected === on.version ? [facet.slice!.index] : []));
  assert.deepEqual(affected, [sliceOf(hosts[0]!, 8)]);
  on.planner.advance(
    ++on.version,
    on.registry.apply({ upserts: [], deletes: [{ kind: "VirtualService", namespace: "default", name: "a" }] }),
  );
  assert.equal(slicesOf("gateway"), undefined, "few hosts are left");
});
