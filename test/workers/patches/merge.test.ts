// How values are merged into messages: field by field, with lists, maps, oneofs and well-known types.
import assert from "node:assert/strict";
import { test } from "node:test";
import protojson from "protobufjs/ext/protojson.js";
import { merge, mergedAny } from "../../../src/workers/patches/merge.ts";
import { type AnyValue, decode, encode, knownType, messageOfJson } from "../../../src/workers/patches/message-types.ts";

interface Case {
  readonly name: string;
  readonly type: string;
  readonly into: object;
  readonly from: object;
  readonly lists?: "append" | "replace";
  readonly is: object;
}

const CLUSTER = "envoy.config.cluster.v3.Cluster";
const ROUTE = "envoy.config.route.v3.Route";
const LUA = "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua";

const CASES: readonly Case[] = [
  {
    name: "scalars are replaced, what isn't given stays",
    type: CLUSTER,
    into: { name: "a", alt_stat_name: "x" },
    from: { alt_stat_name: "y" },
    is: { name: "a", altStatName: "y" },
  },
  {
    name: "messages are merged",
    type: CLUSTER,
    into: { common_lb_config: { healthy_panic_threshold: { value: 5 } } },
    from: { commonLbConfig: { close_connections_on_host_set_change: true } },
    is: { commonLbConfig: { healthyPanicThreshold: { value: 5 }, closeConnectionsOnHostSetChange: true } },
  },
  {
    name: "durations are one value",
    type: CLUSTER,
    into: { connect_timeout: "1.5s" },
    from: { connect_timeout: "3s" },
    is: { connectTimeout: "3s" },
  },
  {
    name: "a wrapper's default changes nothing that is there",
    type: "envoy.config.route.v3.RouteConfiguration",
    into: { validate_clusters: true },
    from: { validate_clusters: false },
    is: { validateClusters: true },
  },
  {
    name: "a wrapper's default comes where nothing is",
    type: "envoy.config.route.v3.RouteConfiguration",
    into: {},
    from: { validate_clusters: false },
    is: { validateClusters: false },
  },
  {
    name: "lists get longer",
    type: ROUTE,
    into: { request_headers_to_remove: ["a"] },
    from: { request_headers_to_remove: ["b"] },
    is: { requestHeadersToRemove: ["a", "b"] },
  },
  {
    name: "lists are replaced, at any depth, where the operation says so",
    type: ROUTE,
    into: {
      request_headers_to_remove: ["a"],
      route: { cluster: "c", retry_policy: { retriable_status_codes: [503] } },
    },
    from: { route: { retry_policy: { retriable_status_codes: [508] } } },
    lists: "replace",
    is: {
      requestHeadersToRemove: ["a"],
      route: { cluster: "c", retryPolicy: { retriableStatusCodes: [508] } },
    },
  },
  {
    name: "an empty list replaces nothing",
    type: ROUTE,
    into: { request_headers_to_remove: ["a"] },
    from: { request_headers_to_remove: [] },
    lists: "replace",
    is: { requestHeadersToRemove: ["a"] },
  },
  {
    name: "entries of maps are replaced",
    type: ROUTE,
    into: { typed_per_filter_config: { a: { "@type": LUA, inline_code: "1" }, b: { "@type": LUA } } },
    from: { typed_per_filter_config: { a: { "@type": LUA, default_source_code: { inline_string: "2" } } } },
    is: {
      typedPerFilterConfig: { a: { "@type": LUA, defaultSourceCode: { inlineString: "2" } }, b: { "@type": LUA } },
    },
  },
  {
    name: "of a oneof there is one",
    type: ROUTE,
    into: { route: { cluster: "c" } },
    from: { redirect: { path_redirect: "/x" } },
    is: { redirect: { pathRedirect: "/x" } },
  },
  {
    name: "metadata is merged by filter",
    type: ROUTE,
    into: { metadata: { filter_metadata: { istio: { config: "x" }, other: { a: 1 } } } },
    from: { metadata: { filter_metadata: { other: { b: 2 } } } },
    is: { metadata: { filterMetadata: { istio: { config: "x" }, other: { b: 2 } } } },
  },
];

for (const { name, type: fullName, into, from, lists = "append", is } of CASES) {
  test(name, () => {
    const type = knownType(fullName);
    // From bytes, as generated messages come.
    const message = decode(type, encode(type, messageOfJson(type, into, false)));
    const value = messageOfJson(type, from, false);
    merge(type, message, value, lists);
    merge(type, messageOfJson(type, into, false), value, lists);
    assert.deepEqual(protojson.toJson(type, decode(type, encode(type, message))), is);
    assert.deepEqual(value, messageOfJson(type, from, false), "the value stays as it is");
  });
}

function any(json: object): AnyValue {
  return messageOfJson(knownType("google.protobuf.Any"), json, false) as unknown as AnyValue;
}

test("two Anys of one type are merged inside, others aren't merged", () => {
  const lua = any({ "@type": LUA, inline_code: "1", stat_prefix: "s" });
  const merged = mergedAny(lua, any({ "@type": LUA, inline_code: "2" }));
  assert.deepEqual(protojson.toJson(knownType("google.protobuf.Any"), merged!), {
    "@type": LUA,
    inlineCode: "2",
    statPrefix: "s",
  });
  const buffer = { "@type": "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer" };
  assert.equal(mergedAny(lua, any(buffer)), undefined);
  assert.equal(mergedAny(lua, { type_url: "type.googleapis.com/nobody.Knows", value: new Uint8Array() }), undefined);
});
