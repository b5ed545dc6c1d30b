// Which logs a mesh's settings give which parts of listeners.
// https://istio.io/latest/docs/tasks/observability/logs/access-log/
import assert from "node:assert/strict";
import { test } from "node:test";
import { JSON_FIELDS } from "../../../../src/workers/filters/telemetry/log-format.ts";
import { served, WORKLOAD } from "../../../support/inbound-filters.ts";
import { host, show, TCP_9000 } from "../../../support/worker-behaviour.ts";
import type { Json } from "../../../support/worker-json.ts";
import { meshSettings, type ProxySpec } from "../../../support/worker-mesh.ts";

interface Log {
  readonly name: string;
  readonly filter?: Json;
  readonly typedConfig: Json;
}

interface Chain {
  readonly name?: string;
  readonly filters: readonly { readonly name: string; readonly typedConfig: { readonly accessLog?: readonly Log[] } }[];
}

interface ListenerJson {
  readonly accessLog?: readonly Log[];
  readonly filterChains: readonly Chain[];
  readonly defaultFilterChain?: Chain;
}

const OUTBOUND = host("b", { addresses: ["10.1.0.1"], ports: [TCP_9000] });

function listeners(config: string, proxy: ProxySpec = WORKLOAD): Record<string, ListenerJson> {
  return show(served([OUTBOUND], meshSettings(config)), "LDS", proxy) as unknown as Record<string, ListenerJson>;
}

function chainsOf({ filterChains, defaultFilterChain }: ListenerJson): readonly Chain[] {
  return [...filterChains, ...(defaultFilterChain ? [defaultFilterChain] : [])];
}

/** The logs of what ends a chain. */
function logsOf(chain: Chain): readonly Log[] {
  return chain.filters.at(-1)!.typedConfig.accessLog ?? [];
}

test("every chain logs to the file but those into the black hole", () => {
  for (const [name, listener] of Object.entries(listeners("accessLogFile: /dev/stdout"))) {
    for (const chain of chainsOf(listener)) {
      const expected = chain.name?.endsWith("-blackhole") ? [] : ["envoy.access_loggers.file"];
      assert.deepEqual(
        logsOf(chain).map((log) => log.name),
        expected,
        `${name} ${chain.name}`,
      );
    }
  }
});

test("only the listeners that connections come to log those that no chain takes", () => {
  const logging = (config: string): string[] =>
    Object.entries(listeners(config))
      .filter(([, listener]) => listener.accessLog?.length)
      .map(([name]) => name)
      .sort();
  assert.deepEqual(logging("accessLogFile: /dev/stdout"), ["virtualInbound", "virtualOutbound"]);
  assert.deepEqual(logging("{accessLogFile: /dev/stdout, disableEnvoyListenerLog: true}"), []);
  const [log] = listeners("accessLogFile: /dev/stdout").virtualInbound!.accessLog!;
  assert.deepEqual(log!.filter, { responseFlagFilter: { flags: ["NR"] } });
});

const FORMATS: readonly (readonly [config: string, expected: object])[] = [
  ["accessLogFormat: '%PROTOCOL%'", { textFormatSource: { inlineString: "%PROTOCOL%\n" } }],
  [
    `{accessLogEncoding: JSON, accessLogFormat: '{"a": "%PROTOCOL%"}'}`,
    { jsonFormat: { a: "%PROTOCOL%" }, jsonFormatOptions: {} },
  ],
  // What is no JSON object is as good as none; the log tells of it.
  ...["[1]", "null", "1", "no JSON"].map(
    (format) =>
      [
        `{accessLogEncoding: JSON, accessLogFormat: '${format}'}`,
        { jsonFormat: JSON_FIELDS, jsonFormatOptions: {} },
      ] as const,
  ),
];

for (const [config, expected] of FORMATS) {
  test(`${config} is the format of the file's lines`, () => {
    const inner = config.startsWith("{") ? config.slice(1, -1) : config;
    const { virtualOutbound } = listeners(`{accessLogFile: /dev/stdout, ${inner}}`);
    const [log] = logsOf(virtualOutbound!.filterChains.at(-1)!);
    assert.deepEqual(log!.typedConfig.logFormat, expected);
  });
}

test("the log service is sent what it asks for: requests, TCP connections, and what no chain took", () => {
  const { virtualInbound } = listeners("enableEnvoyAccessLogService: true");
  const described = ({ name, typedConfig }: Log): string => {
    const { logName } = typedConfig.commonConfig as { logName: string };
    return `${name} ${logName}`;
  };
  assert.deepEqual(virtualInbound!.accessLog!.map(described), ["envoy.tcp_grpc_access_log listener_envoy_accesslog"]);
  const all = new Set(virtualInbound!.filterChains.flatMap((chain) => logsOf(chain).map(described)));
  assert.deepEqual([...all].sort(), [
    "envoy.access_loggers.http_grpc http_envoy_accesslog",
    "envoy.tcp_grpc_access_log tcp_envoy_accesslog",
  ]);
});

test("a file comes before the log service", () => {
  const { virtualOutbound } = listeners("{accessLogFile: /dev/stdout, enableEnvoyAccessLogService: true}");
  assert.deepEqual(
    logsOf(virtualOutbound!.filterChains.at(-1)!).map((log) => log.name),
    ["envoy.access_loggers.file", "envoy.tcp_grpc_access_log"],
  );
});
