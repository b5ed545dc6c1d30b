// Where TrafficExtensions stand among other HTTP filters, whom they are for, and what ECDS says of them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { assertLike, doc, HTTP_80, host, meshOf, show } from "../../support/worker-behaviour.ts";
import type { Json } from "../../support/worker-json.ts";
import type { ProxySpec } from "../../support/worker-mesh.ts";

const MANAGER = "envoy.filters.network.http_connection_manager";
const LUA = { lua: { inlineCode: "-- x" } };
const OUTBOUND = "0.0.0.0_80";

function extension(name: string, spec: object = LUA, namespace = "default"): object {
  return doc("TrafficExtension", name, spec, { namespace });
}

/** HTTP to elsewhere at port 80, and at the application at 8080, where a policy and tokens are checked. */
const SERVED = [
  host("a", { ports: [HTTP_80] }),
  doc("ServiceEntry", "own", {
    hosts: ["own.example.com"],
    location: "MESH_INTERNAL",
    resolution: "STATIC",
    ports: [{ number: 8080, name: "http", protocol: "HTTP" }],
    workloadSelector: { labels: { app: "own" } },
  }),
  doc("WorkloadEntry", "w", { address: "10.0.0.1", labels: { app: "own" } }),
  doc("AuthorizationPolicy", "p", { action: "DENY", rules: [{ to: [{ operation: { paths: ["/x"] } }] }] }),
  doc("RequestAuthentication", "r", { jwtRules: [{ issuer: "i", jwks: '{"keys":[]}' }] }),
];

interface Chain {
  readonly filterChainMatch?: { readonly destinationPort?: number };
  readonly filters: readonly { readonly name: string; readonly typedConfig: Json }[];
}

function filters(extensions: readonly object[], listener: string, proxy: ProxySpec = {}): readonly Json[] {
  const found = show(meshOf([...SERVED, ...extensions]), "LDS", proxy)[listener];
  assert.ok(found, `no listener ${listener}`);
  const chains = found.filterChains as readonly Chain[];
  const http = chains.filter((c) => c.filters.some((f) => f.name === MANAGER));
  const chain = http.find((c) => c.filterChainMatch?.destinationPort === 8080) ?? http[0];
  return chain?.filters.find((f) => f.name === MANAGER)?.typedConfig.httpFilters as readonly Json[];
}

/** Names without what says that they are extensions, up to Istio's own statistics of gRPC. */
function names(of: readonly Json[]): readonly string[] {
  const all = of.map(({ name }) => String(name).replace("extensions.istio.io/trafficextension/", ""));
  return all.slice(0, all.indexOf("envoy.filters.http.grpc_stats"));
}

test("each phase has its place, and of each the highest priority comes first", () => {
  const all = (["AUTHN", "AUTHZ", "STATS", undefined] as const).flatMap((phase) =>
    [undefined, 1, 5].map((priority) => {
      return extension(`${phase?.toLowerCase() ?? "none"}-${priority ?? "least"}`, { ...LUA, phase, priority });
    }),
  );
  const plain = JSON.parse(JSON.stringify(all)) as object[];
  const phase = (name: string): string[] => [`default.${name}-5`, `default.${name}-1`, `default.${name}-least`];
  assert.deepEqual(names(filters(plain, "virtualInbound")), [
    "istio.metadata_exchange",
    ...phase("authn"),
    "envoy.filters.http.jwt_authn",
    ...phase("authz"),
    "envoy.filters.http.rbac",
    ...phase("stats"),
    ...phase("none"),
  ]);
  assert.deepEqual(names(filters(plain, OUTBOUND)), [
    "istio.metadata_exchange",
    ...["authn", "authz", "stats", "none"].flatMap(phase),
  ]);
});

interface Case {
  readonly name: string;
  readonly spec: object;
  readonly proxy?: ProxySpec;
  readonly inbound: boolean;
  readonly outbound: boolean;
}

const CASES: readonly Case[] = [
  { name: "all of its traffic", spec: LUA, inbound: true, outbound: true },
  { name: "a server's", spec: { ...LUA, match: [{ mode: "SERVER" }] }, inbound: true, outbound: false },
  { name: "a client's", spec: { ...LUA, match: [{ mode: "CLIENT" }] }, inbound: false, outbound: true },
  { name: "a port", spec: { ...LUA, match: [{ ports: [{ number: 8080 }] }] }, inbound: true, outbound: false },
  {
    name: "one of two",
    spec: { ...LUA, match: [{ ports: [{ number: 1 }] }, { mode: "CLIENT", ports: [{ number: 80 }] }] },
    inbound: false,
    outbound: true,
  },
  { name: "others", spec: { ...LUA, selector: { matchLabels: { app: "other" } } }, inbound: false, outbound: false },
  {
    name: "connections",
    spec: { wasm: { url: "https://a/b.wasm", type: "NETWORK" } },
    inbound: false,
    outbound: false,
  },
  {
    name: "an upstream Envoy, which has nobody to fetch modules",
    spec: { wasm: { url: "https://a/b.wasm" } },
    proxy: { istio: false },
    inbound: false,
    outbound: false,
  },
  {
    name: "an upstream Envoy that has the module",
    spec: { wasm: { url: "file:///b.wasm" } },
    proxy: { istio: false },
    inbound: true,
    outbound: true,
  },
];

for (const { name, spec, proxy = {}, inbound, outbound } of CASES) {
  test(`an extension for ${name}`, () => {
    const has = (listener: string): boolean =>
      names(filters([extension("x", spec)], listener, proxy)).includes("default.x");
    assert.deepEqual({ inbound: has("virtualInbound"), outbound: has(OUTBOUND) }, { inbound, outbound });
  });
}

test("network extensions stand before what ends a chain, those of their port only", () => {
  const wasm = { url: "https://a/b.wasm", type: "NETWORK" };
  const tcp = host("t", { ports: [{ number: 9000, name: "tcp", protocol: "TCP" }] });
  const objects = [
    extension("all", { wasm, phase: "STATS" }),
    extension("authn", { wasm, phase: "AUTHN", match: [{ mode: "SERVER" }] }),
    extension("port", { wasm, match: [{ mode: "CLIENT", ports: [{ number: 9000 }] }] }),
    doc("AuthorizationPolicy", "tcp", { action: "DENY", rules: [{ to: [{ operation: { ports: ["8080"] } }] }] }),
  ];
  const listeners = show(meshOf([...SERVED, tcp, ...objects]), "LDS");
  const chain = (listener: string, port?: number): unknown => {
    const chains = listeners[listener]?.filterChains as readonly Chain[];
    const found = chains.find((c) => !port || c.filterChainMatch?.destinationPort === port);
    return found?.filters.map(({ name }) => name.replace("extensions.istio.io/trafficextension/", ""));
  };
  const TCP_PROXY = "envoy.filters.network.tcp_proxy";
  assert.deepEqual(chain("0.0.0.0_9000"), ["default.all", "default.port", TCP_PROXY]);
  assert.deepEqual(chain(OUTBOUND), ["default.all", MANAGER]);
  assert.deepEqual(chain("virtualInbound", 8080), ["istio.metadata_exchange", "default.authn", "default.all", MANAGER]);
  const blackHole = chain("virtualInbound", 15006);
  assert.deepEqual(blackHole, ["istio.metadata_exchange", TCP_PROXY]);
});

test("Wasm is told by ECDS, Lua in place", () => {
  const wasm = {
    url: "registry.example.com/a:v1",
    imagePullPolicy: "Always",
    failStrategy: "FAIL_OPEN",
    pluginConfig: { b: [1, null], a: "x" },
    vmConfig: {
      env: [
        { name: "A", value: "1" },
        { name: "HOSTS", valueFrom: "HOST" },
      ],
    },
  };
  const objects = [extension("lua"), extension("wasm", { wasm }), extension("away", { wasm }, "other")];
  const name = (of: string): string => `extensions.istio.io/trafficextension/${of}`;
  const all = filters(objects, OUTBOUND);
  assertLike(
    all.find((f) => f.name === name("default.lua")),
    {
      typedConfig: { defaultSourceCode: { inlineString: "-- x" } },
    },
  );
  assertLike(
    all.find((f) => f.name === name("default.wasm")),
    {
      typedConfig: undefined,
      configDiscovery: { configSource: { ads: {}, initialFetchTimeout: "0s" } },
    },
  );
  const wanted = [name("default.wasm"), name("default.lua"), name("other.away")];
  const found = show(meshOf(objects), "ECDS", {}, wanted);
  assert.deepEqual(Object.keys(found), [name("default.wasm")]);
  assertLike(found[name("default.wasm")], {
    typedConfig: {
      config: {
        name: "default.wasm",
        failurePolicy: "FAIL_OPEN",
        configuration: { value: '{"a":"x","b":[1,null]}' },
        vmConfig: {
          code: { remote: { httpUri: { uri: "oci://registry.example.com/a:v1" } } },
          environmentVariables: {
            hostEnvKeys: ["HOSTS"],
            keyValues: {
              A: "1",
              ISTIO_META_WASM_IMAGE_PULL_POLICY: "Always",
              ISTIO_META_WASM_PLUGIN_RESOURCE_VERSION: "",
            },
          },
        },
      },
    },
  });
});
