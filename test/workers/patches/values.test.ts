// From what users write to messages: what isn't known, what is wrong, and what is said about it.
import assert from "node:assert/strict";
import { test } from "node:test";
import protojson from "protobufjs/ext/protojson.js";
import { decode, encode, knownType } from "../../../src/workers/patches/message-types.ts";
import { type Patchable, patchValue, VALUE_TYPES } from "../../../src/workers/patches/patch-value.ts";

const EXTENSION = "type.googleapis.com/envoy.extensions.filters.http";
const LUA = `${EXTENSION}.lua.v3.Lua`;

interface Case {
  readonly name: string;
  readonly applyTo?: Patchable;
  readonly value: object;
  /** The message's JSON; undefined where there is none. */
  readonly is?: object;
  readonly problem?: string;
}

const CASES: readonly Case[] = [
  {
    name: "names in either case, durations, wrappers and enums",
    applyTo: "CLUSTER",
    value: { name: "c", connect_timeout: "0.250s", lbPolicy: "RANDOM", per_connection_buffer_limit_bytes: 7 },
    is: { name: "c", connectTimeout: "0.250s", lbPolicy: "RANDOM", perConnectionBufferLimitBytes: 7 },
  },
  {
    name: "fields that are newer than the package of the API's files",
    applyTo: "HTTP_ROUTE",
    value: {
      match: { prefix: "/", cookies: [{ name: "a", string_match: { exact: "x" } }] },
      request_body_buffer_limit: "7",
    },
    is: { match: { prefix: "/", cookies: [{ name: "a", stringMatch: { exact: "x" } }] }, requestBodyBufferLimit: "7" },
  },
  {
    name: "an extension that nobody has told us of",
    value: { name: "f", typed_config: { "@type": `${EXTENSION}.from_tomorrow.v3.Tomorrow`, some: { field: [1] } } },
    is: {
      name: "f",
      typedConfig: {
        "@type": "type.googleapis.com/udpa.type.v1.TypedStruct",
        typeUrl: `${EXTENSION}.from_tomorrow.v3.Tomorrow`,
        value: { some: { field: [1] } },
      },
    },
  },
  {
    name: "a TypedStruct, whatever is in it",
    value: {
      name: "f",
      typed_config: {
        "@type": "type.googleapis.com/xds.type.v3.TypedStruct",
        type_url: `${EXTENSION}.wasm.v3.Wasm`,
        value: { configuration: { "@type": "type.googleapis.com/envoy.nobody.Knows" } },
      },
    },
    is: {
      name: "f",
      typedConfig: {
        "@type": "type.googleapis.com/xds.type.v3.TypedStruct",
        typeUrl: `${EXTENSION}.wasm.v3.Wasm`,
        value: { configuration: { "@type": "type.googleapis.com/envoy.nobody.Knows" } },
      },
    },
  },
  {
    name: "a field that isn't known is left out",
    value: { name: "f", typed_config: { "@type": LUA, inline_code: "x", from_tomorrow: 1 } },
    is: { name: "f", typedConfig: { "@type": LUA, inlineCode: "x" } },
    problem: '.typed_config.from_tomorrow: unknown field: "from_tomorrow"; it is left out',
  },
  {
    name: "a value of another type",
    applyTo: "CLUSTER",
    value: { circuit_breakers: { thresholds: [{}, { max_requests: "many" }] } },
    problem: '.circuit_breakers.thresholds[1].max_requests: invalid integer: "many"',
  },
  {
    name: "a duration without its unit",
    applyTo: "HTTP_ROUTE",
    value: { route: { timeout: "5" } },
    problem: '.route.timeout: invalid duration: "5"',
  },
  {
    name: "an entry of a map",
    applyTo: "VIRTUAL_HOST",
    value: { typed_per_filter_config: { good: { "@type": LUA }, bad: { "@type": LUA, inline_code: 1 } } },
    problem: '.typed_per_filter_config["bad"].inline_code: expected string: 1',
  },
  {
    name: "a type of somebody else's",
    value: { name: "f", typed_config: { "@type": "type.googleapis.com/example.Nothing" } },
    problem: ".typed_config.@type: no such type: example.Nothing",
  },
  {
    name: "two of a oneof",
    applyTo: "HTTP_ROUTE",
    value: { route: { cluster: "c" }, redirect: { path_redirect: "/" } },
    problem: ": multiple values for oneof action",
  },
];

for (const { name, applyTo = "HTTP_FILTER", value, is, problem = "" } of CASES) {
  test(name, () => {
    const made = patchValue(applyTo, value as never);
    const type = knownType(VALUE_TYPES[applyTo]);
    const json = made.message && protojson.toJson(type, decode(type, encode(type, made.message)));
    assert.deepEqual(json, is);
    assert.equal(made.problem, problem);
  });
}
