// Random patches of EnvoyFilters, over the names and ports of random-documents.ts.
import fc from "fast-check";

/** As a document has it. */
export type RawPatch = Readonly<Record<string, unknown>>;

const LUA = { "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua" };
const MANAGER = "envoy.filters.network.http_connection_manager";

const side = fc.constantFrom("ANY", "SIDECAR_INBOUND", "SIDECAR_OUTBOUND", "GATEWAY");
const proxy = fc.constantFrom(
  {},
  {},
  { proxy: { proxyVersion: "^1\\.32.*" } },
  { proxy: { proxyVersion: "^1\\.2" } },
  { proxy: { metadata: { OWNER: "o" } } },
);

interface Change {
  readonly applyTo: string;
  readonly match?: object;
  readonly patch: object;
}

/** Changes that leave what Envoy takes: each name, address and domain stays one of a kind. `id` is one of a kind, too. */
function changes(id: string, value: number): readonly Change[] {
  const merge = (fields: object): object => ({ operation: "MERGE", value: fields });
  const added = (name: string): Change => ({
    applyTo: "CLUSTER",
    patch: { operation: "ADD", value: { name, type: "STATIC", connect_timeout: `${value}s` } },
  });
  const httpFilter = (operation: string, name: string, subFilter?: string): Change => ({
    applyTo: "HTTP_FILTER",
    match: {
      listener: {
        filterChain: { filter: { name: MANAGER, ...(subFilter ? { subFilter: { name: subFilter } } : {}) } },
      },
    },
    patch: { operation, value: { name, typed_config: { ...LUA, inline_code: `-- ${value}` } } },
  });
  const listener = (name: string, port: number): Change => ({
    applyTo: "LISTENER",
    patch: {
      operation: "ADD",
      value: {
        name,
        address: { socket_address: { address: "0.0.0.0", port_value: port } },
        filter_chains: [{ filters: [{ name: "echo" }] }],
        listener_filters_timeout: `${value}s`,
      },
    },
  });
  const route = { match: { prefix: `/${id}` }, direct_response: { status: 200 + value } };
  return [
    { applyTo: "CLUSTER", patch: merge({ alt_stat_name: `stat-${value}` }) },
    {
      applyTo: "CLUSTER",
      match: { cluster: { service: "a.example.com" } },
      patch: merge({ connect_timeout: `${value}s` }),
    },
    { applyTo: "CLUSTER", match: { cluster: { portNumber: 80, subset: "v1" } }, patch: { operation: "REMOVE" } },
    added("added"),
    added("BlackHoleCluster"),
    added("outbound|80||a.example.com"),
    added("inbound|80||"),
    { applyTo: "LISTENER", patch: merge({ per_connection_buffer_limit_bytes: value }) },
    { applyTo: "LISTENER", match: { listener: { portNumber: 9000 } }, patch: { operation: "REMOVE" } },
    listener("extra", 19_999),
    listener("0.0.0.0_9000", 9000),
    httpFilter("INSERT_BEFORE", `lua-${value}`, "envoy.filters.http.router"),
    httpFilter("INSERT_FIRST", "first"),
    {
      applyTo: "NETWORK_FILTER",
      match: { listener: { portNumber: 9000 } },
      patch: { operation: "INSERT_FIRST", value: { name: `network-${value}` } },
    },
    { applyTo: "FILTER_CHAIN", patch: merge({ transport_socket_connect_timeout: `${value}s` }) },
    { applyTo: "LISTENER_FILTER", patch: { operation: "ADD", value: { name: `listener-filter-${value}` } } },
    { applyTo: "ROUTE_CONFIGURATION", patch: merge({ request_headers_to_remove: [`x-${value}`] }) },
    {
      applyTo: "VIRTUAL_HOST",
      match: { routeConfiguration: { vhost: { name: "a.example.com:80" } } },
      patch: merge({ request_headers_to_add: [{ header: { key: "x", value: `${value}` } }] }),
    },
    {
      applyTo: "VIRTUAL_HOST",
      patch: { operation: "ADD", value: { name: id, domains: [`${id}.example.org`], routes: [route] } },
    },
    {
      applyTo: "HTTP_ROUTE",
      match: { routeConfiguration: { portNumber: 80 } },
      patch: { operation: "INSERT_FIRST", value: route },
    },
    { applyTo: "HTTP_ROUTE", patch: merge({ response_headers_to_remove: [`y-${value}`] }) },
    { applyTo: "EXTENSION_CONFIG", patch: { operation: "ADD", value: { name: EXTENSION, typed_config: LUA } } },
  ];
}

/** The name of the configuration that some patches add. */
export const EXTENSION = "extension";

/** Some patches, none of them twice. `id`: of the object that they are in. */
export function patches(id: string): fc.Arbitrary<readonly RawPatch[]> {
  const indices = [...changes(id, 1).keys()];
  return fc
    .record({
      chosen: fc.subarray(indices, { minLength: 1, maxLength: 3 }),
      value: fc.constantFrom(1, 2),
      sides: fc.tuple(side, side, side),
      proxies: fc.tuple(proxy, proxy, proxy),
    })
    .map(({ chosen, value, sides, proxies }) =>
      chosen.map((index, i) => {
        const { match, ...change } = changes(id, value)[index]!;
        return { ...change, match: { context: sides[i], ...proxies[i], ...match } };
      }),
    );
}
