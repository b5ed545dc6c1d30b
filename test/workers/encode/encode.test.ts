// Joining, keeping and converting of what is serialized.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { envoy } from "../../../src/shared/gen/envoy.js";
import { Fragments } from "../../../src/workers/encode/fragments.ts";
import { joinRepeated } from "../../../src/workers/encode/join.ts";
import { durationMs, durationToMs, parseDuration, struct, wrap } from "../../../src/workers/encode/values.ts";
import { decoded } from "../../support/worker-json.ts";

const { RouteConfiguration, VirtualHost } = envoy.config.route.v3;

test("a message joined of serialized elements decodes to the message", () => {
  const host = fc.record({ name: fc.string({ maxLength: 300 }), domains: fc.array(fc.string({ maxLength: 200 })) });
  fc.assert(
    fc.property(fc.string(), fc.array(host, { maxLength: 5 }), (name, virtualHosts) => {
      const elements = virtualHosts.map((vh) => VirtualHost.encode(vh).finish());
      const joined = joinRepeated(RouteConfiguration, { name, validateClusters: { value: false } }, 2, elements);
      const plain = RouteConfiguration.encode({ name, validateClusters: { value: false }, virtualHosts }).finish();
      assert.equal(joined.length, plain.length);
      assert.deepEqual(decoded("RDS", new Map([["r", joined]])), decoded("RDS", new Map([["r", plain]])));
    }),
  );
});

test("fields above 15 and elements above 16 KiB have longer tags and lengths", () => {
  const codec = envoy.config.route.v3.RouteConfiguration;
  const element = VirtualHost.encode({ name: "x".repeat(20_000) }).finish();
  const joined = joinRepeated(codec, {}, 300, [element]);
  // Field 300, length-delimited: the tag 2402, and the length in three bytes.
  assert.deepEqual([...joined.subarray(0, 2)], [0xe2, 0x12]);
  assert.equal(joined.length, 2 + 3 + element.length);
});

test("a fragment is good while its dependencies are the same objects", () => {
  const fragments = new Fragments<number>();
  const owner = {};
  const [a, b] = [{}, {}];
  let made = 0;
  const get = (key: string, dependencies: readonly unknown[]): number =>
    fragments.get(owner, key, dependencies, () => ++made);
  const table: readonly [key: string, dependencies: readonly unknown[], value: number][] = [
    ["k", [a, 1], 1],
    ["k", [a, 1], 1],
    ["l", [a, 1], 2],
    ["k", [b, 1], 3],
    ["k", [a, 1], 4],
    ["k", [a], 5],
    ["k", [{ ...a }], 6],
    ["l", [a, 1], 2],
  ];
  for (const [key, dependencies, value] of table) assert.equal(get(key, dependencies), value);
  assert.equal(
    fragments.get({}, "k", [a], () => 0),
    0,
  );
});

test("durations", () => {
  const table: readonly [text: string, seconds: number, nanos: number][] = [
    ["0s", 0, 0],
    ["1.5s", 1, 500_000_000],
    ["0.000000001s", 0, 1],
    ["-1.25s", -1, -250_000_000],
    ["86400s", 86_400, 0],
  ];
  for (const [text, seconds, nanos] of table) {
    const duration = parseDuration(text)!;
    assert.equal(duration.seconds, seconds, text);
    assert.equal(duration.nanos + 0, nanos, text);
    assert.equal(durationToMs(text), seconds * 1000 + nanos / 1e6, text);
  }
  assert.deepEqual(durationMs(1500), { seconds: 1, nanos: 500_000_000 });
  assert.deepEqual(durationMs(0.5), { seconds: 0, nanos: 500_000 });
  // A second is never told in nanos, of which protobuf takes fewer.
  assert.deepEqual(durationMs(1999.9999999), { seconds: 2, nanos: 0 });
  assert.deepEqual(durationMs(-1999.9999999), { seconds: -2, nanos: 0 });
  for (const text of [undefined, "", "1", "1m", "s", ".5s"]) assert.equal(parseDuration(text), undefined);
});

test("plain JSON as Struct, with its members in order", () => {
  const message = struct({ b: [1, "x", null], a: { c: true } });
  assert.deepEqual(Object.keys(message.fields!), ["a", "b"]);
  assert.deepEqual(message.fields!.b, {
    listValue: { values: [{ numberValue: 1 }, { stringValue: "x" }, { nullValue: 0 }] },
  });
  assert.deepEqual(message.fields!.a, { structValue: { fields: { c: { boolValue: true } } } });
  assert.deepEqual([wrap(0), wrap(undefined), wrap(null), wrap(false)], [{ value: 0 }, null, null, { value: false }]);
});
