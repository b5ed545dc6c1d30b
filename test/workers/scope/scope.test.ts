// Which rules, policies and services a proxy is subject to.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Networking_HTTPRoute } from "../../../src/shared/gen/istio.js";
import { mergeDelegate } from "../../../src/workers/scope/delegates.ts";
import { destinationRuleFor } from "../../../src/workers/scope/destination-rules.ts";
import { mergedGateway } from "../../../src/workers/scope/gateways.ts";
import { workloadMtls } from "../../../src/workers/scope/peer-authentication.ts";
import { proxyScope } from "../../../src/workers/scope/proxy-scope.ts";
import { policyFor, subsetOf } from "../../../src/workers/scope/traffic-policy.ts";
import { config, serviceEntry } from "../../support/registry.ts";
import { type ProxySpec, WorkerMesh } from "../../support/worker-mesh.ts";

const HOST = "a.example.com";

function rule(name: string, namespace: string, more: object = {}, creationTimestamp = 0): ReturnType<typeof config> {
  return config("DestinationRule", name, { host: HOST, ...more }, { namespace, creationTimestamp });
}

/** The rule for a service of `server` at a client, by name. */
function ruleAt(rules: readonly ReturnType<typeof config>[], client: string, labels = {}, server = "server"): string {
  const ctx = new WorkerMesh(rules).context();
  const found = destinationRuleFor(ctx, { namespace: client, labels }, { hostname: HOST, namespace: server });
  return found?.name ?? "";
}

test("a client's own rule comes before the service's, and that before the root namespace's", () => {
  const all = [rule("client", "client"), rule("server", "server"), rule("root", "istio-system")];
  assert.equal(ruleAt(all, "client"), "client");
  assert.equal(ruleAt(all, "elsewhere"), "server");
  assert.equal(ruleAt(all.slice(2), "elsewhere"), "root");
  assert.equal(ruleAt([rule("elsewhere", "elsewhere")], "client"), "");
});

test("a rule is in force only where it is exported to", () => {
  const hidden = rule("server", "server", { exportTo: ["."] });
  assert.equal(ruleAt([hidden], "client"), "");
  assert.equal(ruleAt([hidden, rule("root", "istio-system")], "client"), "root");
  assert.equal(ruleAt([hidden], "server"), "server");
  assert.equal(ruleAt([rule("server", "server", { exportTo: ["client"] })], "client"), "server");
});

test("the most specific host counts, and a rule for chosen workloads before one for all", () => {
  const wide = rule("wide", "client", { host: "*.example.com" });
  const wider = rule("wider", "client", { host: "*.com" });
  assert.equal(ruleAt([wider, wide], "client"), "wide");
  assert.equal(ruleAt([wider, wide, rule("exact", "client")], "client"), "exact");
  const chosen = rule("chosen", "client", { workloadSelector: { matchLabels: { app: "a" } } });
  assert.equal(ruleAt([rule("all", "client"), chosen], "client", { app: "a" }), "chosen");
  assert.equal(ruleAt([rule("all", "client"), chosen], "client", { app: "b" }), "all");
  assert.equal(ruleAt([chosen], "client", { app: "b" }), "");
});

test("several rules for a host add up: all subsets, the oldest one's policy", () => {
  const subset = (name: string, version: string): object => ({ name, labels: { version } });
  const lb = (simple: string): object => ({ trafficPolicy: { loadBalancer: { simple } } });
  const young = rule("young", "client", { ...lb("RANDOM"), subsets: [subset("v1", "young"), subset("v2", "2")] }, 2);
  const old = rule("old", "client", { ...lb("ROUND_ROBIN"), subsets: [subset("v1", "old")] }, 1);
  const ctx = new WorkerMesh([young, old]).context();
  const merged = destinationRuleFor(ctx, { namespace: "client", labels: {} }, { hostname: HOST, namespace: "x" })!;
  assert.deepEqual(
    merged.spec.subsets!.map((s) => s.labels!.version),
    ["old", "2"],
  );
  assert.equal(merged.spec.trafficPolicy!.loadBalancer!.simple, "ROUND_ROBIN");
});

test("a port's settings replace the destination's, a subset's replace them one by one", () => {
  const trafficPolicy = {
    loadBalancer: { simple: "RANDOM" },
    connectionPool: { tcp: { maxConnections: 1 } },
    portLevelSettings: [{ port: { number: 80 }, loadBalancer: { simple: "ROUND_ROBIN" } }],
  };
  const subsets = [{ name: "v1", trafficPolicy: { connectionPool: { tcp: { maxConnections: 2 } } } }];
  const ctx = new WorkerMesh([rule("r", "client", { trafficPolicy, subsets })]).context();
  const found = destinationRuleFor(ctx, { namespace: "client", labels: {} }, { hostname: HOST, namespace: "x" });
  const at = (port: number, subset: string): [string | undefined, number | undefined] => {
    const policy = policyFor(found, subsetOf(found, subset), port);
    return [policy.loadBalancer?.simple, policy.connectionPool?.tcp?.maxConnections];
  };
  assert.deepEqual(at(80, ""), ["ROUND_ROBIN", undefined]);
  assert.deepEqual(at(81, ""), ["RANDOM", 1]);
  assert.deepEqual(at(80, "v1"), ["ROUND_ROBIN", 2]);
  assert.deepEqual(at(81, "v1"), ["RANDOM", 2]);
  assert.deepEqual(at(81, "unknown"), ["RANDOM", 1]);
});

test("mTLS: the workload's policy, then its namespace's, then the mesh's; ports only with a selector", () => {
  const policy = (name: string, namespace: string, spec: object, creationTimestamp = 0): ReturnType<typeof config> =>
    config("PeerAuthentication", name, spec, { namespace, creationTimestamp });
  const selector = { matchLabels: { app: "a" } };
  const mesh = policy("mesh", "istio-system", { mtls: { mode: "STRICT" } });
  const own = policy("own", "ns", { mtls: { mode: "DISABLE" } });
  const unset = policy("unset", "ns", { mtls: { mode: "UNSET" } });
  const chosen = policy("chosen", "ns", {
    selector,
    mtls: { mode: "PERMISSIVE" },
    portLevelMtls: { 80: { mode: "DISABLE" }, 81: { mode: "UNSET" } },
  });
  const older = policy("z-older", "ns", { selector, mtls: { mode: "STRICT" } });
  const table: readonly [policies: readonly ReturnType<typeof config>[], app: string, expected: readonly string[]][] = [
    [[], "a", ["PERMISSIVE"]],
    [[mesh], "a", ["STRICT"]],
    [[mesh, own], "a", ["DISABLE"]],
    [[mesh, unset], "a", ["STRICT"]],
    [[mesh, own, chosen], "a", ["PERMISSIVE", "80=DISABLE", "81=PERMISSIVE"]],
    [[mesh, own, chosen], "b", ["DISABLE"]],
    [[mesh, { ...chosen, meta: { ...chosen.meta, creationTimestamp: 5 } }, older], "a", ["STRICT"]],
  ];
  for (const [policies, app, expected] of table) {
    const { mode, ports } = workloadMtls(new WorkerMesh(policies).context(), "ns", { app });
    assert.deepEqual([mode, ...[...ports].map(([port, m]) => `${port}=${m}`)], expected);
  }
});

test("a Sidecar's hosts narrow the services that a proxy sees", () => {
  const services = ["a", "b"].flatMap((name) =>
    ["default", "other"].map((namespace) => {
      const entry = serviceEntry(`${name}.${namespace}`, ["10.0.0.1"]);
      return { ...entry, meta: { ...entry.meta, namespace } };
    }),
  );
  const table: readonly [hosts: readonly string[], seen: readonly string[]][] = [
    [["*/*"], ["a.default", "b.default", "a.other", "b.other"]],
    [["./*"], ["a.default", "b.default"]],
    [["other/a.other.example.com"], ["a.other"]],
    [["*/*.other.example.com"], ["a.other", "b.other"]],
    [["~/*"], []],
    [
      ["./a.default.example.com", "other/*"],
      ["a.default", "a.other", "b.other"],
    ],
  ];
  for (const [hosts, seen] of table) {
    const mesh = new WorkerMesh([...services, config("Sidecar", "s", { egress: [{ hosts }] })]);
    const names = proxyScope(mesh.context(), mesh.view({}).view).services.map((s) => s.hostname);
    assert.deepEqual(names.sort(), seen.map((n) => `${n}.example.com`).sort(), hosts.join());
  }
});

test("a delegate's routes are narrowed to what its root lets through", () => {
  const root: Networking_HTTPRoute = {
    match: [{ uri: { prefix: "/a" }, headers: { h: { exact: "1" } } }],
    timeout: "1s",
  };
  const table: readonly [delegate: Networking_HTTPRoute, match: object | undefined][] = [
    [{}, root.match![0]!],
    [{ match: [{ uri: { prefix: "/a/b" } }] }, { uri: { prefix: "/a/b" }, headers: { h: { exact: "1" } } }],
    [{ match: [{ uri: { exact: "/a/b" } }] }, { uri: { exact: "/a/b" }, headers: { h: { exact: "1" } } }],
    [{ match: [{ uri: { prefix: "/b" } }] }, undefined],
    [{ match: [{ uri: { regex: "/a.*" } }] }, undefined],
    [{ match: [{ headers: { h: { exact: "2" } } }] }, undefined],
    [{ match: [{ headers: { h: { exact: "1" } } }] }, { uri: { prefix: "/a" }, headers: { h: { exact: "1" } } }],
    [{ match: [{ port: 80 }] }, { ...root.match![0]!, port: 80 }],
  ];
  for (const [delegate, match] of table) {
    const merged = mergeDelegate(root, [delegate]);
    assert.deepEqual(
      merged.map((r) => r.match),
      match ? [[match]] : [],
      JSON.stringify(delegate),
    );
    for (const route of merged) assert.equal(route.timeout, "1s");
  }
  assert.equal(mergeDelegate(root, [{ timeout: "2s" }])[0]!.timeout, "2s");
});

test("Gateways share a port only with their like, and TLS names belong to the oldest", () => {
  const server = (number: number, protocol: string, hosts: readonly string[], tls?: object): object => ({
    port: { number, name: `${protocol}-${number}`.toLowerCase(), protocol },
    hosts,
    ...(tls ? { tls } : {}),
  });
  const gateway = (name: string, age: number, servers: readonly object[]): ReturnType<typeof config> =>
    config("Gateway", name, { selector: { istio: "gateway" }, servers }, { creationTimestamp: age });
  const simple = { mode: "SIMPLE", credentialName: "c" };
  const router: ProxySpec = { type: "router", labels: { istio: "gateway" } };
  const mesh = new WorkerMesh([
    gateway("young", 3, [
      server(80, "HTTP", ["b"]),
      server(443, "HTTPS", ["x", "y"], simple),
      server(90, "TCP", ["*"]),
    ]),
    gateway("old", 1, [server(80, "HTTP", ["ns/a"]), server(443, "HTTPS", ["x"], simple), server(90, "HTTP", ["*"])]),
    gateway("middle", 2, [server(443, "TLS", ["z"], { mode: "PASSTHROUGH" })]),
    config("Gateway", "else", { selector: { istio: "other" }, servers: [server(80, "HTTP", ["*"])] }),
  ]);
  const view = mesh.view(router);
  const merged = mergedGateway(mesh.context(), view.view, view.id);
  assert.deepEqual([...merged.gateways], ["default/old", "default/middle", "default/young"]);
  assert.deepEqual(
    merged.listeners.map((l) => [l.port, ...l.servers.map((s) => s.gateway.slice("default/".length))]),
    [
      [80, "old", "young"],
      [443, "old", "middle"],
      [90, "old"],
    ],
  );
  assert.deepEqual([...merged.byRouteName.keys()], ["http.80", "https.443.https-443.old.default", "http.90"]);
  assert.deepEqual(merged.listeners[0]!.servers[0]!.hosts, [{ namespace: "ns", host: "a" }]);
});
