// Decoding against descriptors: each row is what a user writes, and what it becomes or why it is refused.
import assert from "node:assert/strict";
import { it } from "node:test";
import { type DecodeResult, decodeMessage } from "../../../../src/main/validation/structural/decode.ts";
import { loadDescriptors } from "../../../../src/main/validation/structural/descriptors.ts";

const descriptors = loadDescriptors();

function decode(message: string, value: unknown): { value: unknown; errors: string[]; deferred: string[] } {
  const result: DecodeResult = { errors: [], deferred: [] };
  const decoded = decodeMessage(descriptors.message(message), value, "spec", result);
  const lines = (list: DecodeResult["errors"]): string[] => list.map((e) => `${e.field}: ${e.reason}`);
  return { value: decoded, errors: lines(result.errors), deferred: lines(result.deferred) };
}

const VS = "istio.networking.v1alpha3.VirtualService";
const DR = "istio.networking.v1alpha3.DestinationRule";
const EF = "istio.networking.v1alpha3.EnvoyFilter";
const PA = "istio.security.v1beta1.PeerAuthentication";

it("gives the normal form", () => {
  for (const [message, value, expected] of [
    [
      VS,
      { export_to: ["*"], http: [{ timeout: "1m0.5s", match: [{ ignore_uri_case: true }] }] },
      { exportTo: ["*"], http: [{ timeout: "60.5s", match: [{ ignoreUriCase: true }] }] },
    ],
    [
      DR,
      { trafficPolicy: { outlierDetection: { consecutive5xxErrors: 5 } } },
      { trafficPolicy: { outlierDetection: { consecutive5xxErrors: 5 } } },
    ],
    [
      DR,
      { trafficPolicy: { outlierDetection: { consecutive_5xx_errors: 5 } } },
      { trafficPolicy: { outlierDetection: { consecutive5xxErrors: 5 } } },
    ],
    [
      DR,
      { trafficPolicy: { loadBalancer: { simple: 4 } } },
      { trafficPolicy: { loadBalancer: { simple: "ROUND_ROBIN" } } },
    ],
    [DR, { host: null, subsets: [null] }, { subsets: [{}] }],
    [
      DR,
      { trafficPolicy: { connectionPool: { tcp: { maxConnections: "7" } } } },
      { trafficPolicy: { connectionPool: { tcp: { maxConnections: 7 } } } },
    ],
    [
      EF,
      { configPatches: [{ patch: { value: { a: [null, { b_c: 1 }] } } }] },
      { configPatches: [{ patch: { value: { a: [null, { b_c: 1 }] } } }] },
    ],
    [PA, { portLevelMtls: { 80: { mode: "STRICT" } } }, { portLevelMtls: { 80: { mode: "STRICT" } } }],
  ] as const) {
    const decoded = decode(message, value);
    assert.deepEqual(decoded.errors, []);
    assert.deepEqual(decoded.value, expected);
  }
});

it("names the field and the reason", () => {
  for (const [message, value, expected] of [
    [
      VS,
      { http: [{ route: [{}, { weigth: 1 }] }] },
      "spec.http[0].route[1].weigth: unknown field; did you mean weight?",
    ],
    [VS, { hosts: "a" }, "spec.hosts: must be a list, not a string"],
    [VS, { hosts: [1] }, "spec.hosts[0]: must be a string, not a number"],
    [VS, { http: [{ timeout: 5 }] }, 'spec.http[0].timeout: must be a duration such as "1.5s", not a number'],
    [VS, { http: [{ timeout: "5" }] }, 'spec.http[0].timeout: "5" is not a duration such as "1.5s" or "1h30m"'],
    [
      VS,
      { http: [{ match: [{ uri: { exact: "a", prefix: "b" } }] }] },
      "spec.http[0].match[0].uri.prefix: cannot be set together with exact",
    ],
    [
      VS,
      { http: [{ match: [{ headers: { "x.y": 1 } }] }] },
      'spec.http[0].match[0].headers["x.y"]: must be an object, not a number',
    ],
    [VS, { exportTo: [], export_to: [] }, "spec.export_to: is the same field as exportTo, and given twice"],
    [
      DR,
      { trafficPolicy: { connectionPool: { tcp: { maxConnections: 1.5 } } } },
      "spec.trafficPolicy.connectionPool.tcp.maxConnections: must be an integer, not 1.5",
    ],
    [
      DR,
      { trafficPolicy: { connectionPool: { tcp: { maxConnections: 2 ** 31 } } } },
      "spec.trafficPolicy.connectionPool.tcp.maxConnections: must be between -2147483648 and 2147483647, not 2147483648",
    ],
    [PA, { mtls: { mode: "BLAH" } }, 'spec.mtls.mode: "BLAH" is not one of UNSET, DISABLE, PERMISSIVE, STRICT'],
    [PA, [], "spec: must be an object, not a list"],
  ] as const) {
    assert.deepEqual(decode(message, value).errors, [expected]);
  }
  assert.deepEqual(decode(PA, { mtls: { mode: 9 } }).deferred, [
    "spec.mtls.mode: 9 is not one of UNSET, DISABLE, PERMISSIVE, STRICT",
  ]);
});

it("takes a map's key that has a meaning in JavaScript", () => {
  const labels = JSON.parse('{"__proto__": "x", "constructor": "y"}') as object;
  const { value } = decode("istio.networking.v1alpha3.WorkloadSelector", { labels });
  assert.deepEqual(Object.entries((value as { labels: object }).labels), [
    ["__proto__", "x"],
    ["constructor", "y"],
  ]);
});
