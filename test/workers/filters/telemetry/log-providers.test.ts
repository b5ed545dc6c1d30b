// What each kind of provider is sent of access logs.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig-ExtensionProvider
import assert from "node:assert/strict";
import { test } from "node:test";
import { JSON_FIELDS, TEXT_FORMAT } from "../../../../src/workers/filters/telemetry/log-format.ts";
import { COLLECTOR, type LogJson, observed, observedAt, ROOT, telemetry, untyped } from "../../../support/telemetry.ts";

function logOf(provider: object, config: object = {}, name = "p"): LogJson {
  const root = telemetry("t", { accessLogging: [{ providers: [{ name }] }] }, ROOT);
  const mesh = observed([root], { extensionProviders: [{ name, ...provider }], ...config });
  const [log, ...others] = observedAt(mesh, "http in").logs;
  assert.deepEqual(others, []);
  assert.ok(log, "no log");
  assert.deepEqual(observedAt(mesh, "tcp out").logs, [log], "connections are logged otherwise than requests");
  return log;
}

const FORMATTERS = [
  {
    name: "envoy.formatter.req_without_query",
    typedConfig: { "@type": "type.googleapis.com/envoy.extensions.formatter.req_without_query.v3.ReqWithoutQuery" },
  },
];

const FILES: readonly (readonly [name: string, file: object, path: string, logFormat: object])[] = [
  ["nothing", {}, "/dev/stdout", { textFormatSource: { inlineString: TEXT_FORMAT } }],
  ["a path", { path: "/log" }, "/log", { textFormatSource: { inlineString: TEXT_FORMAT } }],
  [
    "text",
    { logFormat: { text: "%PROTOCOL%" } },
    "/dev/stdout",
    { textFormatSource: { inlineString: "%PROTOCOL%\n" } },
  ],
  [
    "text with a command of its own",
    { logFormat: { text: "%REQ_WITHOUT_QUERY(:PATH)%\n" } },
    "/dev/stdout",
    { textFormatSource: { inlineString: "%REQ_WITHOUT_QUERY(:PATH)%\n" }, formatters: FORMATTERS },
  ],
  [
    "labels",
    { logFormat: { labels: { a: "%PROTOCOL%", b: { c: 1 } } }, omitEmptyValues: true },
    "/dev/stdout",
    { jsonFormat: { a: "%PROTOCOL%", b: { c: 1 } }, jsonFormatOptions: {}, omitEmptyValues: true },
  ],
  ["no labels", { logFormat: { labels: {} } }, "/dev/stdout", { jsonFormat: JSON_FIELDS, jsonFormatOptions: {} }],
];

for (const [name, envoyFileAccessLog, path, logFormat] of FILES) {
  test(`a file with ${name}`, () => {
    const log = logOf({ envoyFileAccessLog });
    assert.equal(log.name, "envoy.access_loggers.file");
    assert.deepEqual(untyped(log.typedConfig), { path, logFormat });
  });
}

test("the built-in provider goes by the mesh's format, unless it has one", () => {
  const config = { accessLogFormat: "%PROTOCOL%" };
  const format = (file: object, name?: string): unknown =>
    logOf({ envoyFileAccessLog: file }, config, name).typedConfig.logFormat;
  const meshs = { textFormatSource: { inlineString: "%PROTOCOL%\n" } };
  const istios = { textFormatSource: { inlineString: TEXT_FORMAT } };
  assert.deepEqual(format({}, "envoy"), meshs);
  assert.deepEqual(format({}, "other"), istios);
  assert.deepEqual(format({ omitEmptyValues: true }, "envoy"), { ...istios, omitEmptyValues: true });
});

const SERVICE = { service: COLLECTOR, port: 80 };
const GRPC = { envoyGrpc: { clusterName: `outbound|80||${COLLECTOR}`, authority: COLLECTOR } };
const PEERS = ["upstream_peer", "downstream_peer"];
const ALL_PEERS = [
  ...PEERS,
  ...["upstream_peer", "upstream_peer_id", "downstream_peer", "downstream_peer_id"].map((peer) => `wasm.${peer}`),
];

function common(logName: string, filterStateObjectsToLog: readonly string[] = PEERS): object {
  return { logName, grpcService: GRPC, transportApiVersion: "V3", filterStateObjectsToLog };
}

const SERVICES: readonly (readonly [provider: object, name: string, config: object])[] = [
  [{ envoyHttpAls: SERVICE }, "envoy.access_loggers.http_grpc", { commonConfig: common("http_envoy_accesslog") }],
  [
    {
      envoyHttpAls: {
        ...SERVICE,
        logName: "n",
        filterStateObjectsToLog: ["s"],
        additionalRequestHeadersToLog: ["a"],
        additionalResponseHeadersToLog: ["b"],
        additionalResponseTrailersToLog: ["c"],
      },
    },
    "envoy.access_loggers.http_grpc",
    {
      commonConfig: common("n", ["s"]),
      additionalRequestHeadersToLog: ["a"],
      additionalResponseHeadersToLog: ["b"],
      additionalResponseTrailersToLog: ["c"],
    },
  ],
  [{ envoyTcpAls: SERVICE }, "envoy.tcp_grpc_access_log", { commonConfig: common("tcp_envoy_accesslog") }],
  [
    { envoyTcpAls: { ...SERVICE, logName: "n", filterStateObjectsToLog: ["s"] } },
    "envoy.tcp_grpc_access_log",
    { commonConfig: common("n", ["s"]) },
  ],
  [
    { envoyOtelAls: SERVICE },
    "envoy.access_loggers.open_telemetry",
    {
      commonConfig: common("otel_envoy_accesslog", ALL_PEERS),
      disableBuiltinLabels: true,
      body: { stringValue: TEXT_FORMAT },
    },
  ],
  [
    {
      envoyOtelAls: {
        ...SERVICE,
        logName: "n",
        logFormat: { text: "t", labels: { b: "%REQ_WITHOUT_QUERY(X)%", a: "1" } },
      },
    },
    "envoy.access_loggers.open_telemetry",
    {
      commonConfig: common("n", ALL_PEERS),
      disableBuiltinLabels: true,
      body: { stringValue: "t" },
      attributes: {
        values: [
          { key: "a", value: { stringValue: "1" } },
          { key: "b", value: { stringValue: "%REQ_WITHOUT_QUERY(X)%" } },
        ],
      },
      formatters: FORMATTERS,
    },
  ],
];

for (const [provider, name, config] of SERVICES) {
  test(`a service: ${JSON.stringify(provider)}`, () => {
    const log = logOf(provider);
    assert.equal(log.name, name);
    assert.deepEqual(untyped(log.typedConfig), config);
  });
}

test("logs come and go with the provider's service", () => {
  const root = telemetry("t", { accessLogging: [{ providers: [{ name: "p" }] }] }, ROOT);
  const provider = { name: "p", envoyTcpAls: { service: "late.example.com", port: 80 } };
  const mesh = observed([root], { extensionProviders: [provider] });
  const late = observed([]).registry;
  assert.deepEqual(observedAt(mesh, "tcp out").logs, []);
  const service = [...late.objects.all("ServiceEntry")].find(({ meta }) => meta.name === "collector")!;
  const moved = { ...service, spec: { ...(service as unknown as { spec: object }).spec, hosts: ["late.example.com"] } };
  mesh.apply([moved]);
  assert.equal(observedAt(mesh, "tcp out").logs.length, 1);
  mesh.apply([], [moved]);
  assert.deepEqual(observedAt(mesh, "tcp out").logs, []);
});
