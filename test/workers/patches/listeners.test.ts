// What patches do to listeners, and to the chains and filters in them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { envoyFilter, filterMatch, patch } from "../../support/patches.ts";
import { assertLike, doc, HTTP_80, host, meshOf, show, TCP_9000 } from "../../support/worker-behaviour.ts";
import type { Json } from "../../support/worker-json.ts";
import { generateFor, type ProxySpec } from "../../support/worker-mesh.ts";

const MANAGER = "envoy.filters.network.http_connection_manager";
const TCP_PROXY = "envoy.filters.network.tcp_proxy";
const ROUTER = "envoy.filters.http.router";
const LUA = { "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua" };
const ECHO = { "@type": "type.googleapis.com/envoy.extensions.filters.network.echo.v3.Echo" };

/** HTTP and TCP to elsewhere, and both at the application. */
const SERVED = [
  host("a", { ports: [HTTP_80, TCP_9000] }),
  doc("ServiceEntry", "own", {
    hosts: ["own.example.com"],
    location: "MESH_INTERNAL",
    resolution: "STATIC",
    ports: [
      { number: 8080, name: "http", protocol: "HTTP" },
      { number: 9090, name: "tcp", protocol: "TCP" },
    ],
    workloadSelector: { labels: { app: "own" } },
  }),
  doc("WorkloadEntry", "w", { address: "10.0.0.1", labels: { app: "own" } }),
];
const OUT_HTTP = "0.0.0.0_80";
const OUT_TCP = "0.0.0.0_9000";

function listeners(patches: readonly object[], proxy: ProxySpec = {}): Record<string, Json> {
  return show(meshOf([...SERVED, envoyFilter("f", patches)]), "LDS", proxy);
}

interface Chain extends Json {
  readonly name?: string;
  readonly filterChainMatch?: { readonly destinationPort?: number };
  readonly filters: readonly (Json & { readonly typedConfig?: Json })[];
}

function chainsOf(listener: Json | undefined): readonly Chain[] {
  assert.ok(listener, "there is no such listener");
  const all = [...((listener.filterChains ?? []) as Chain[]), listener.defaultFilterChain as Chain | undefined];
  return all.filter((chain) => chain !== undefined);
}

function names(list: unknown): readonly unknown[] {
  return ((list ?? []) as readonly Json[]).map(({ name }) => name);
}

interface ListCase {
  readonly name: string;
  readonly operation: string;
  /** The filter that the patch names; none where absent. */
  readonly at?: string;
  readonly is: readonly string[];
}

/** Of `istio.stats`-less chains: the only filter of a TCP chain. */
const NETWORK: readonly ListCase[] = [
  { name: "ADD", operation: "ADD", is: [TCP_PROXY, "new"] },
  { name: "INSERT_FIRST", operation: "INSERT_FIRST", at: TCP_PROXY, is: ["new", TCP_PROXY] },
  { name: "INSERT_BEFORE a filter", operation: "INSERT_BEFORE", at: TCP_PROXY, is: ["new", TCP_PROXY] },
  { name: "INSERT_BEFORE nothing", operation: "INSERT_BEFORE", is: ["new", TCP_PROXY] },
  { name: "INSERT_AFTER a filter", operation: "INSERT_AFTER", at: TCP_PROXY, is: [TCP_PROXY, "new"] },
  { name: "INSERT_AFTER nothing", operation: "INSERT_AFTER", is: [TCP_PROXY, "new"] },
  { name: "INSERT_AFTER a filter that isn't there", operation: "INSERT_AFTER", at: "none", is: [TCP_PROXY] },
  { name: "INSERT_BEFORE a filter that isn't there", operation: "INSERT_BEFORE", at: "none", is: [TCP_PROXY] },
  { name: "REPLACE", operation: "REPLACE", at: TCP_PROXY, is: ["new"] },
  { name: "REPLACE of nothing", operation: "REPLACE", is: [TCP_PROXY] },
  { name: "REMOVE of nothing", operation: "REMOVE", is: [TCP_PROXY] },
  {
    name: "an operation that only merges messages",
    operation: "MERGE_AND_REPLACE_LIST",
    at: TCP_PROXY,
    is: [TCP_PROXY],
  },
];

for (const { name, operation, at, is } of NETWORK) {
  test(`network filters: ${name}`, () => {
    const match = { listener: { portNumber: 9000, ...(at ? { filterChain: { filter: { name: at } } } : {}) } };
    const value = operation === "REMOVE" ? undefined : { name: "new", typed_config: ECHO };
    const all = listeners([patch("NETWORK_FILTER", operation, value, match)]);
    const [chain] = chainsOf(all[OUT_TCP]);
    assert.deepEqual(names(chain?.filters), is);
    const [http] = chainsOf(all[OUT_HTTP]);
    assert.deepEqual(names(http?.filters), [MANAGER], "another listener");
  });
}

function httpFilters(listener: Json | undefined, port?: number): readonly Json[] {
  const chain = chainsOf(listener).find((c) => {
    return c.filters.some((f) => f.name === MANAGER) && (!port || c.filterChainMatch?.destinationPort === port);
  });
  return (chain?.filters.find((f) => f.name === MANAGER)?.typedConfig?.httpFilters ?? []) as readonly Json[];
}

test("HTTP filters of what goes out and of what comes in are told apart", () => {
  const insert = (context: string): object =>
    patch(
      "HTTP_FILTER",
      "INSERT_BEFORE",
      { name: context, typed_config: LUA },
      { context, ...filterMatch(MANAGER, ROUTER) },
    );
  const all = listeners([insert("SIDECAR_INBOUND"), insert("SIDECAR_OUTBOUND"), insert("GATEWAY")]);
  const inserted = (listener: string, port?: number): unknown => names(httpFilters(all[listener], port)).at(-2);
  assert.equal(inserted(OUT_HTTP), "SIDECAR_OUTBOUND");
  assert.equal(inserted("virtualInbound", 8080), "SIDECAR_INBOUND");
});

test("an HTTP filter that a patch adds is merged with another one's", () => {
  const all = listeners([
    patch("HTTP_FILTER", "INSERT_FIRST", { name: "one", typed_config: { ...LUA, inline_code: "1" } }),
    patch(
      "HTTP_FILTER",
      "MERGE",
      { name: "two", typed_config: { ...LUA, stat_prefix: "s" } },
      filterMatch(MANAGER, "one"),
    ),
  ]);
  assertLike(httpFilters(all[OUT_HTTP])[0], { name: "two", typedConfig: { inlineCode: "1", statPrefix: "s" } });
});

test("a configuration of another type isn't merged", () => {
  const all = listeners([
    patch("HTTP_FILTER", "MERGE", { name: ROUTER, typed_config: LUA }, filterMatch(MANAGER, ROUTER)),
  ]);
  const filters = httpFilters(all[OUT_HTTP]);
  assertLike(filters.at(-1), {
    typedConfig: { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
  });
});

test("a connection manager that a patch brings is patched, too", () => {
  const manager = {
    "@type": `type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: "new",
  };
  const all = listeners([
    patch(
      "NETWORK_FILTER",
      "INSERT_FIRST",
      { name: MANAGER, typed_config: manager },
      { listener: { portNumber: 9000 } },
    ),
    patch("HTTP_FILTER", "ADD", { name: "lua", typed_config: LUA }),
  ]);
  assert.deepEqual(names(httpFilters(all[OUT_TCP])), ["lua"]);
});

const PORT_OF_CHAIN = { context: "SIDECAR_INBOUND", listener: { portNumber: 9090 } };

test("in the virtual listener, a port is a chain's; a listener's own is for LISTENER", () => {
  const all = listeners([
    patch("FILTER_CHAIN", "MERGE", { transport_socket_connect_timeout: "7s" }, PORT_OF_CHAIN),
    patch("LISTENER", "MERGE", { tcp_backlog_size: 7 }, PORT_OF_CHAIN),
    patch(
      "LISTENER",
      "MERGE",
      { tcp_fast_open_queue_length: 7 },
      { context: "SIDECAR_INBOUND", listener: { portNumber: 15006 } },
    ),
  ]);
  const patched = chainsOf(all.virtualInbound).filter((c) => c.transportSocketConnectTimeout === "7s");
  assert.ok(patched.length > 0);
  for (const { filterChainMatch } of patched) assert.equal(filterChainMatch?.destinationPort, 9090);
  assertLike(all.virtualInbound, { tcpBacklogSize: undefined, tcpFastOpenQueueLength: 7 });
});

test("a chain that is removed is gone, be it the default one", () => {
  const all = listeners([
    patch("FILTER_CHAIN", "REMOVE", undefined, { listener: { filterChain: { name: "PassthroughFilterChain" } } }),
  ]);
  for (const listener of Object.values(all)) assert.ok(!names(chainsOf(listener)).includes("PassthroughFilterChain"));
});

test("listeners are removed, and others come in their place", () => {
  const value = (name: string, port: number): object => ({
    name,
    address: { socket_address: { address: "127.0.0.9", port_value: port } },
    filter_chains: [{ filters: [{ name: "echo", typed_config: ECHO }] }],
  });
  const all = listeners([
    patch("LISTENER", "REMOVE", undefined, { context: "SIDECAR_OUTBOUND", listener: { portNumber: 9000 } }),
    patch("LISTENER", "ADD", value(OUT_TCP, 9999)),
    patch("LISTENER", "ADD", value("inbound-new", 9998), { context: "SIDECAR_INBOUND" }),
    patch("LISTENER", "ADD", value("gateway", 9997), { context: "GATEWAY" }),
  ]);
  assertLike(all[OUT_TCP], { address: { socketAddress: { portValue: 9999 } } });
  assert.ok(all["inbound-new"]);
  assert.equal(all.gateway, undefined);
});

test("a listener whose name is taken isn't added, and that is said", () => {
  const added = patch("LISTENER", "ADD", { name: OUT_HTTP });
  const mesh = meshOf([...SERVED, envoyFilter("f", [added])]);
  const { resources, warnings } = generateFor(mesh.context(), mesh.view({}), "LDS", null);
  assert.equal([...resources.keys()].filter((name) => name === OUT_HTTP).length, 1);
  assert.deepEqual(warnings, [
    `EnvoyFilter/default/f: there is a listener ${OUT_HTTP} already, so that it can't be added`,
  ]);
});

test("routes to the application are patched where they stand", () => {
  const match = {
    context: "SIDECAR_INBOUND",
    routeConfiguration: { portNumber: 8080, vhost: { name: "inbound|http|8080" } },
  };
  const all = listeners([
    patch("VIRTUAL_HOST", "MERGE", { request_headers_to_remove: ["x"] }, match),
    patch(
      "HTTP_ROUTE",
      "INSERT_FIRST",
      { name: "new", match: { prefix: "/new" }, direct_response: { status: 201 } },
      match,
    ),
    patch("ROUTE_CONFIGURATION", "MERGE", { response_headers_to_remove: ["y"] }, { context: "SIDECAR_INBOUND" }),
  ]);
  const managers = chainsOf(all.virtualInbound).flatMap((c) => c.filters.filter((f) => f.name === MANAGER));
  const configs = managers.map((m) => m.typedConfig?.routeConfig as Json);
  assert.ok(configs.every((c) => (c.responseHeadersToRemove as string[])[0] === "y"));
  const own = configs.filter((c) => c.name === "inbound|8080||");
  assert.ok(own.length > 0);
  for (const config of own) {
    const [vh] = config.virtualHosts as readonly Json[];
    assert.deepEqual(vh?.requestHeadersToRemove, ["x"]);
    assert.deepEqual(names(vh?.routes), ["new", "default"]);
  }
});

test("listener filters are merged, and put in their place", () => {
  const named = (listenerFilter: string): object => ({
    context: "SIDECAR_INBOUND",
    listener: { name: "virtualInbound", listenerFilter },
  });
  const TLS = "envoy.filters.listener.tls_inspector";
  const type = "type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector";
  const all = listeners([
    patch("LISTENER_FILTER", "MERGE", { typed_config: { "@type": type, enable_ja3_fingerprinting: true } }, named(TLS)),
    patch("LISTENER_FILTER", "INSERT_BEFORE", { name: "before" }, named(TLS)),
    patch("LISTENER_FILTER", "INSERT_AFTER", { name: "nowhere" }, named("none")),
  ]);
  const filters = all.virtualInbound?.listenerFilters as readonly Json[];
  assert.deepEqual(names(filters).slice(0, 3), ["envoy.filters.listener.original_dst", "before", TLS]);
  assertLike(filters[2], { typedConfig: { enableJa3Fingerprinting: true } });
  assert.ok(!names(filters).includes("nowhere"));
});
