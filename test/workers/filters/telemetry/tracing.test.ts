// Whether and how requests are traced: by Telemetry, by the mesh's defaults, and by the proxy's own settings.
// https://istio.io/latest/docs/reference/config/telemetry/#Tracing
import assert from "node:assert/strict";
import { test } from "node:test";
import { WORKLOAD } from "../../../support/inbound-filters.ts";
import {
  COLLECTOR,
  type Levels,
  leftOut,
  levels,
  type Observed,
  observed,
  observedAt,
  telemetry,
} from "../../../support/telemetry.ts";
import { doc, show } from "../../../support/worker-behaviour.ts";
import type { Json } from "../../../support/worker-json.ts";
import type { ProxySpec } from "../../../support/worker-mesh.ts";

const SERVICE = { service: COLLECTOR, port: 80 };
const PROVIDERS = [
  { name: "zipkin", zipkin: SERVICE },
  { name: "datadog", datadog: SERVICE },
  { name: "skywalking", skywalking: SERVICE },
];
const ZIPKIN = { providers: [{ name: "zipkin" }] };
const DEFAULT = { defaultProviders: { tracing: ["zipkin", "datadog"] } };
const CLIENT = { match: { mode: "CLIENT" } };

interface Case extends Levels {
  readonly name: string;
  readonly config?: object;
  readonly env?: Record<string, string>;
  readonly proxy?: ProxySpec;
  /** As `traced` describes it. */
  readonly server: string;
  readonly client: string;
}

/** Provider, sampling, tags that aren't Istio's, and what else is unusual; "" where requests aren't traced. */
function traced({ tracing, requestId }: Observed): string {
  const byTrace = (requestId as Json).useRequestIdForTraceSampling === false ? " by-trace" : "";
  if (!tracing) return byTrace;
  const { provider, randomSampling, customTags, spawnUpstreamSpan, noContextPropagation, maxPathTagLength } = tracing;
  const tags = customTags as readonly { readonly tag: string; readonly literal?: { readonly value: string } }[];
  const own = tags.filter(({ tag }) => !tag.startsWith("istio."));
  return (
    [
      (provider as { name: string } | undefined)?.name.replace("envoy.tracers.", "") ?? "bootstrap",
      (randomSampling as { value?: number }).value ?? 0,
      ...own.map(({ tag, literal, ...more }) => `${tag}=${literal ? literal.value : JSON.stringify(more)}`),
      ...(own.length === tags.length ? ["no-istio-tags"] : []),
      ...(spawnUpstreamSpan === undefined ? [] : ["spawns"]),
      ...(noContextPropagation ? ["stops"] : []),
      ...(maxPathTagLength === undefined ? [] : [`max=${maxPathTagLength}`]),
    ].join(" ") + byTrace
  );
}

const both = (text: string): Pick<Case, "server" | "client"> => ({ server: text, client: text });
const literal = (name: string, value: string): object => ({ customTags: { [name]: { literal: { value } } } });

const CASES: readonly Case[] = [
  { name: "nobody says anything: the bootstrap's tracer", ...both("bootstrap 1") },
  { name: "the mesh has it off", config: { enableTracing: false }, ...both("") },
  { name: "of several defaults the first counts", config: DEFAULT, ...both("zipkin 1") },
  {
    name: "a Telemetry's provider needs no enableTracing",
    root: [ZIPKIN],
    config: { enableTracing: false },
    ...both("zipkin 1"),
  },
  {
    name: "of several providers the first counts",
    root: [{ providers: [{ name: "datadog" }, { name: "zipkin" }] }],
    ...both("datadog 1"),
  },
  {
    name: "SkyWalking wants a span of each proxy",
    root: [{ providers: [{ name: "skywalking" }] }],
    ...both("skywalking 1 spawns"),
  },
  { name: "an entry without a provider anywhere means none", root: [{ randomSamplingPercentage: 5 }], ...both("") },
  { name: "spans are off", root: [ZIPKIN], own: [{ disableSpanReporting: true }], ...both("") },
  {
    name: "spans are on again",
    root: [{ ...ZIPKIN, disableSpanReporting: true }],
    own: [{ disableSpanReporting: false }],
    ...both("zipkin 1"),
  },
  {
    name: "each field comes from the closest entry that has it",
    root: [{ ...ZIPKIN, randomSamplingPercentage: 10, ...literal("a", "root") }],
    own: [{ randomSamplingPercentage: 0 }],
    chosen: [literal("b", "chosen")],
    ...both("zipkin 0 b=chosen"),
  },
  {
    name: "a mode has its own",
    root: [ZIPKIN],
    own: [
      { ...CLIENT, randomSamplingPercentage: 20 },
      { match: { mode: "SERVER" }, disableSpanReporting: true },
    ],
    server: "",
    client: "zipkin 20",
  },
  {
    name: "a provider for one mode",
    own: [{ ...CLIENT, ...ZIPKIN }],
    server: "",
    client: "zipkin 1",
  },
  {
    name: "tags of each kind",
    root: [
      {
        ...ZIPKIN,
        customTags: {
          d: { formatter: { value: "%PROTOCOL%" } },
          c: { header: { name: "x", defaultValue: "y" } },
          b: { environment: { name: "E" } },
        },
      },
    ],
    ...both(
      'zipkin 1 b={"environment":{"name":"E"}} c={"requestHeader":{"name":"x","defaultValue":"y"}} d={"value":"%PROTOCOL%"}',
    ),
  },
  {
    name: "no tags of Istio's",
    root: [{ ...ZIPKIN, ...literal("a", "1"), enableIstioTags: false }],
    ...both("zipkin 1 a=1 no-istio-tags"),
  },
  {
    name: "sampling by the trace",
    root: [{ ...ZIPKIN, useRequestIdForTraceSampling: false }],
    ...both("zipkin 1 by-trace"),
  },
  { name: "no context for servers", root: [{ ...ZIPKIN, disableContextPropagation: true }], ...both("zipkin 1 stops") },
  {
    name: "a proxy before 1.30 can't keep context back, and before 1.29 has no tags by format",
    root: [{ ...ZIPKIN, disableContextPropagation: true, customTags: { d: { formatter: { value: "x" } } } }],
    proxy: { ...WORKLOAD, metadata: { ISTIO_VERSION: "1.28.9" } },
    ...both("zipkin 1"),
  },
  {
    name: "the mesh's settings of proxies fill in what nobody says",
    root: [ZIPKIN],
    config: {
      defaultConfig: { tracing: { sampling: 7, maxPathTagLength: 99, customTags: { a: { literal: { value: "1" } } } } },
    },
    ...both("zipkin 7 a=1 max=99"),
  },
  {
    name: "so they do for the bootstrap's tracer",
    config: {
      defaultConfig: {
        tracing: { sampling: 200, enableIstioTags: false, customTags: { a: { literal: { value: "1" } } } },
      },
    },
    ...both("bootstrap 1 a=1 no-istio-tags"),
  },
  { name: "sampling of the environment", env: { PILOT_TRACE_SAMPLING: "33" }, config: DEFAULT, ...both("zipkin 33") },
  {
    name: "the proxy's own settings replace the mesh's",
    config: { ...DEFAULT, defaultConfig: { tracing: { sampling: 7 } } },
    proxy: { ...WORKLOAD, metadata: { PROXY_CONFIG: { tracing: { sampling: 8 } } } },
    ...both("zipkin 8"),
  },
  {
    name: "the provider's longest path tag comes first",
    config: {
      extensionProviders: [{ name: "short", zipkin: { ...SERVICE, maxTagLength: 5 } }],
      defaultProviders: { tracing: ["short"] },
      defaultConfig: { tracing: { maxPathTagLength: 99 } },
    },
    ...both("zipkin 1 max=5"),
  },
];

for (const { name, config = {}, env, proxy, server, client, ...stated } of CASES) {
  test(name, () => {
    const documents = levels("tracing", stated);
    const mesh = observed(documents, { extensionProviders: PROVIDERS, ...config }, env);
    assert.equal(traced(observedAt(mesh, "http in", proxy)), server, "server");
    assert.equal(traced(observedAt(mesh, "http out", proxy)), client, "client");
  });
}

test("a gateway makes a span of its own for what it sends, unless told otherwise", () => {
  const gateway = doc("Gateway", "g", {
    selector: { istio: "gateway" },
    servers: [{ port: { number: 80, name: "http", protocol: "HTTP" }, hosts: ["*"] }],
  });
  const spawns = (env: Record<string, string>): unknown => {
    const mesh = observed([gateway], { extensionProviders: PROVIDERS, ...DEFAULT }, env);
    const listener = show(mesh, "LDS", { type: "router", ip: "10.0.0.9", labels: { istio: "gateway" } })["0.0.0.0_80"];
    const [chain] = (listener as unknown as { filterChains: { filters: { typedConfig: { tracing: Json } }[] }[] })
      .filterChains;
    return chain!.filters[0]!.typedConfig.tracing.spawnUpstreamSpan;
  };
  assert.equal(spawns({}), true);
  assert.equal(spawns({ PILOT_SPAWN_UPSTREAM_SPAN_FOR_GATEWAY: "false" }), undefined);
});

const PROBLEMS: readonly (readonly [provider: object, reason: string])[] = [
  [{ name: "other", zipkin: SERVICE }, "the mesh's settings have no extension provider of this name"],
  [{ name: "p", envoyFileAccessLog: {} }, "a provider of this kind takes no traces"],
  [{ name: "p", lightstep: { ...SERVICE, accessToken: "t" } }, "a provider of this kind takes no traces"],
  [{ name: "p", zipkin: { service: "gone.example.com", port: 80 } }, "there is no service gone.example.com"],
  [
    { name: "p", opentelemetry: { ...SERVICE, dynatraceSampler: { tenant: "t", clusterId: 1 } } },
    "dynatraceSampler: neither it nor the provider has settings for HTTP",
  ],
];

for (const [provider, reason] of PROBLEMS) {
  test(`requests aren't traced where ${reason}: ${JSON.stringify(provider)}`, () => {
    const own = telemetry("t", { tracing: [{ providers: [{ name: "p" }] }] });
    const mesh = observed([own], { extensionProviders: [provider] });
    assert.equal(traced(observedAt(mesh, "http out")), "");
    assert.deepEqual(leftOut(mesh), [`Telemetry/default/t: tracing: provider p: ${reason}`]);
  });
}
