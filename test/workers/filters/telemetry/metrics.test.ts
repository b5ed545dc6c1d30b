// Istio's metrics filters under Telemetry.
// https://istio.io/latest/docs/reference/config/telemetry/#Metrics
import assert from "node:assert/strict";
import { test } from "node:test";
import { WORKLOAD } from "../../../support/inbound-filters.ts";
import {
  type Levels,
  leftOut,
  levels,
  observed,
  observedAt,
  type Place,
  ROOT,
  telemetry,
} from "../../../support/telemetry.ts";

const PROMETHEUS = { providers: [{ name: "prometheus" }] };
const OFF = { overrides: [{ match: { metric: "ALL_METRICS" }, disabled: true }] };
const COUNT = { metric: "REQUEST_COUNT" };
const tag = (name: string, value: string): object => ({ tagOverrides: { [name]: { value } } });

interface Case extends Levels {
  readonly name: string;
  readonly config?: object;
  /** The settings of the filter, at the server's side and at the client's; null for none. */
  readonly server: object | null;
  readonly client: object | null;
}

const DEFAULT = { defaultProviders: { metrics: ["prometheus"] } };

const both = (settings: object | null): Pick<Case, "server" | "client"> => ({ server: settings, client: settings });

const ALL = [
  "request_messages_total",
  "response_messages_total",
  "requests_total",
  "request_duration_milliseconds",
  "request_bytes",
  "response_bytes",
  "tcp_connections_closed_total",
  "tcp_connections_opened_total",
  "tcp_received_bytes_total",
  "tcp_sent_bytes_total",
];

const CASES: readonly Case[] = [
  { name: "nobody says anything", ...both(null) },
  { name: "the mesh has a default", config: DEFAULT, ...both({}) },
  { name: "a provider is named", root: [PROMETHEUS], ...both({}) },
  { name: "all metrics are off", root: [{ ...PROMETHEUS, ...OFF }], ...both(null) },
  {
    name: "all are off where no metric is named",
    root: [{ ...PROMETHEUS, overrides: [{ disabled: true }] }],
    ...both(null),
  },
  { name: "the default is switched off", config: DEFAULT, own: [OFF], ...both(null) },
  {
    name: "the server's half is off",
    own: [{ ...PROMETHEUS, overrides: [{ match: { mode: "SERVER" }, disabled: true }] }],
    server: null,
    client: {},
  },
  {
    name: "one metric is off",
    own: [{ ...PROMETHEUS, overrides: [{ match: COUNT, disabled: true }] }],
    ...both({ metrics: [{ name: "requests_total", drop: true }] }),
  },
  {
    name: "a metric of the operator's own is off",
    own: [{ ...PROMETHEUS, overrides: [{ match: { customMetric: "mine" }, disabled: true }] }],
    ...both({ metrics: [{ name: "mine", drop: true }] }),
  },
  {
    name: "tags are added and removed",
    own: [
      {
        ...PROMETHEUS,
        overrides: [
          {
            match: COUNT,
            tagOverrides: { b: { value: "'1'" }, z: { operation: "REMOVE" }, a: { operation: "REMOVE" } },
          },
        ],
      },
    ],
    ...both({ metrics: [{ name: "requests_total", dimensions: { b: "'1'" }, tagsToRemove: ["a", "z"] }] }),
  },
  {
    name: "levels add tags, and closer ones replace them",
    root: [{ ...PROMETHEUS, overrides: [{ match: COUNT, ...tag("a", "'root'") }] }],
    own: [{ overrides: [{ match: COUNT, ...tag("b", "'own'") }] }],
    chosen: [{ overrides: [{ match: COUNT, ...tag("a", "'chosen'") }] }],
    ...both({ metrics: [{ name: "requests_total", dimensions: { a: "'chosen'", b: "'own'" } }] }),
  },
  {
    name: "a tag is for one mode",
    own: [{ ...PROMETHEUS, overrides: [{ match: { ...COUNT, mode: "CLIENT" }, ...tag("a", "'1'") }] }],
    server: {},
    client: { metrics: [{ name: "requests_total", dimensions: { a: "'1'" } }] },
  },
  {
    name: "a tag is for all metrics, in the order of their names in Telemetry",
    own: [{ ...PROMETHEUS, overrides: [tag("a", "'1'")] }],
    ...both({ metrics: ALL.map((name) => ({ name, dimensions: { a: "'1'" } })) }),
  },
  {
    name: "a closer level switches metrics on again",
    root: [{ ...PROMETHEUS, ...OFF }],
    own: [{ overrides: [{ match: COUNT, disabled: false }] }],
    ...both({ metrics: [{ name: "requests_total" }] }),
  },
  {
    name: "an interval, and a closer one",
    root: [{ ...PROMETHEUS, reportingInterval: "15s" }],
    own: [{ reportingInterval: "2.5s" }],
    ...both({ tcpReportingDuration: "2.500s" }),
  },
  {
    name: "a closer level takes the provider away",
    root: [PROMETHEUS],
    own: [{ providers: [{ name: "stackdriver" }] }],
    ...both(null),
  },
];

for (const { name, config = {}, server, client, ...stated } of CASES) {
  test(name, () => {
    const documents = levels("metrics", stated);
    const mesh = observed(documents, config);
    for (const place of ["http in", "tcp in", "http out", "tcp out"] satisfies Place[]) {
      const inbound = place.endsWith(" in");
      const settings = inbound ? server : client;
      const expected = settings ? [{ ...settings, ...(inbound ? { disableHostHeaderFallback: true } : {}) }] : [];
      assert.deepEqual(observedAt(mesh, place).stats, expected, place);
    }
  });
}

test("an Envoy without Istio's filters has no metrics, and nothing is said of them", () => {
  const mesh = observed([telemetry("t", { metrics: [{ providers: [{ name: "stackdriver" }] }, PROMETHEUS] }, ROOT)]);
  const upstream = { ...WORKLOAD, istio: false };
  assert.deepEqual(observedAt(mesh, "http out", upstream).stats, []);
  assert.deepEqual(leftOut(mesh, upstream), []);
});

test("a provider that takes no metrics is named with who asked for it", () => {
  const mesh = observed([telemetry("t", { metrics: [{ providers: [{ name: "envoy" }] }] })]);
  assert.deepEqual(leftOut(mesh), [
    "Telemetry/default/t: metrics: provider envoy: a provider of this kind takes no metrics",
  ]);
});
