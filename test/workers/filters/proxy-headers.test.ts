// Headers and connections as a proxy's own settings ask for them: of its node where that brings some, else of the mesh.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#ProxyConfig-ProxyHeaders
import assert from "node:assert/strict";
import { test } from "node:test";
import { served, WORKLOAD } from "../../support/inbound-filters.ts";
import { assertLike, doc, HTTP_80, host, show, TCP_9000, to, virtualHosts } from "../../support/worker-behaviour.ts";
import type { Json } from "../../support/worker-json.ts";
import { meshSettings, type ProxySpec } from "../../support/worker-mesh.ts";

const GATEWAY: ProxySpec = { type: "router", ip: "10.0.0.9", labels: { istio: "gateway" } };

const DOCUMENTS = [
  host("b", { ports: [HTTP_80, TCP_9000, { number: 81, name: "grpc", protocol: "GRPC" }] }),
  doc("Gateway", "g", { selector: { istio: "gateway" }, servers: [{ port: HTTP_80, hosts: ["b.example.com"] }] }),
  doc("VirtualService", "b", {
    hosts: ["b.example.com"],
    gateways: ["g", "mesh"],
    http: [{ match: [{ uri: { prefix: "/gone" } }], redirect: { uri: "/" } }, to("b")],
  }),
];

/** The places that have a connection manager, each with the proxy that it belongs to and its listener. */
const PLACES = {
  inbound: [WORKLOAD, "virtualInbound"],
  outbound: [WORKLOAD, "0.0.0.0_80"],
  gateway: [GATEWAY, "0.0.0.0_80"],
} as const;

type Place = keyof typeof PLACES;

interface ListenerJson {
  readonly filterChains: readonly {
    readonly filters: readonly { readonly name: string; readonly typedConfig: Json }[];
  }[];
}

function withNode(spec: ProxySpec, config: object | undefined): ProxySpec {
  return config ? { ...spec, metadata: { ...spec.metadata, PROXY_CONFIG: config } } : spec;
}

function mesh(config: object) {
  return served(DOCUMENTS, meshSettings(JSON.stringify({ defaultConfig: config })));
}

/** The connection manager at a place, with settings of the mesh, and of the node where it has its own. */
function manager(place: Place, config: object, node?: object): Json {
  const [spec, name] = PLACES[place];
  const { filterChains } = show(mesh(config), "LDS", withNode(spec, node))[name] as unknown as ListenerJson;
  const filters = filterChains.flatMap((chain) => chain.filters);
  return filters.find((f) => f.name === "envoy.filters.network.http_connection_manager")!.typedConfig;
}

function httpFilter(place: Place, config: object, name: string): Json {
  const filters = manager(place, config).httpFilters as readonly {
    readonly name: string;
    readonly typedConfig: Json;
  }[];
  return filters.find((f) => f.name === name)!.typedConfig;
}

const FORMATTER =
  "type.googleapis.com/envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig";
const AS_WRITTEN = { statefulFormatter: { name: "preserve_case", typedConfig: { "@type": FORMATTER } } };

const MANAGERS: readonly {
  readonly says: string;
  readonly headers: object;
  readonly expected: Readonly<Record<Place, object>>;
}[] = [
  {
    says: "without settings only clients' managers are called envoy",
    headers: {},
    expected: {
      inbound: {
        serverName: "istio-envoy",
        forwardClientCertDetails: "APPEND_FORWARD",
        appendXForwardedPort: undefined,
      },
      outbound: { serverName: undefined, forwardClientCertDetails: undefined, generateRequestId: undefined },
      gateway: { serverName: "istio-envoy", forwardClientCertDetails: "SANITIZE_SET" },
    },
  },
  {
    says: "a server's name is everybody's",
    headers: { server: { value: "shop" } },
    expected: { inbound: { serverName: "shop" }, outbound: { serverName: "shop" }, gateway: { serverName: "shop" } },
  },
  {
    says: "what is told of clients' certificates is the sidecars' of servers: gateways have a topology",
    headers: {
      forwardedClientCert: "FORWARD_ONLY",
      setCurrentClientCertDetails: { subject: false, cert: true, chain: true },
    },
    expected: {
      inbound: {
        forwardClientCertDetails: "FORWARD_ONLY",
        setCurrentClientCertDetails: { subject: false, cert: true, chain: true, dns: true, uri: true },
      },
      outbound: { forwardClientCertDetails: undefined, setCurrentClientCertDetails: undefined },
      gateway: {
        forwardClientCertDetails: "SANITIZE_SET",
        setCurrentClientCertDetails: { subject: true, cert: true, dns: true, uri: true },
      },
    },
  },
  {
    says: "the port that a client meant is told everywhere",
    headers: { xForwardedPort: { enabled: true } },
    expected: {
      inbound: { appendXForwardedPort: true },
      outbound: { appendXForwardedPort: true },
      gateway: { appendXForwardedPort: true },
    },
  },
  {
    says: "headers' names keep their case",
    headers: { preserveHttp1HeaderCase: true },
    expected: {
      inbound: { httpProtocolOptions: { headerKeyFormat: AS_WRITTEN } },
      outbound: { httpProtocolOptions: { headerKeyFormat: AS_WRITTEN } },
      gateway: { httpProtocolOptions: { headerKeyFormat: AS_WRITTEN } },
    },
  },
];

for (const { says, headers, expected } of MANAGERS) {
  test(says, () => {
    for (const place of Object.keys(PLACES) as Place[]) {
      assertLike(manager(place, { proxyHeaders: headers }), expected[place], place);
      // The node's settings go before the mesh's.
      assertLike(manager(place, {}, { proxyHeaders: headers }), expected[place], place);
      assertLike(
        manager(place, { proxyHeaders: { server: { value: "x" } } }, { proxyHeaders: headers }),
        expected[place],
      );
    }
  });
}

test("names that keep their case don't keep HTTP/1.0 out", () => {
  const config = JSON.stringify({ defaultConfig: { proxyHeaders: { preserveHttp1HeaderCase: true } } });
  const spec = { ...WORKLOAD, metadata: { HTTP10: "1" } };
  const all = show(served(DOCUMENTS, meshSettings(config)), "LDS", spec);
  const { filterChains } = all["0.0.0.0_80"] as unknown as ListenerJson;
  const expected = { httpProtocolOptions: { acceptHttp10: true, headerKeyFormat: AS_WRITTEN } };
  assertLike(filterChains[0]!.filters.at(-1)!.typedConfig, expected);
});

test("Envoy's own headers are left out everywhere where they are switched off", () => {
  for (const place of Object.keys(PLACES) as Place[]) {
    const off = { proxyHeaders: { envoyDebugHeaders: { disabled: true } } };
    assertLike(httpFilter(place, off, "envoy.filters.http.router"), { suppressEnvoyHeaders: true }, place);
    assertLike(httpFilter(place, {}, "envoy.filters.http.router"), { suppressEnvoyHeaders: undefined }, place);
  }
});

test("metadata stays in the mesh where the mesh says so, but for what gateways send", () => {
  const inMesh = { proxyHeaders: { metadataExchangeHeaders: { mode: "IN_MESH" } } };
  const skips = (place: Place, config: object): boolean =>
    JSON.stringify(httpFilter(place, config, "istio.metadata_exchange")).includes("skip_external_clusters");
  assert.deepEqual(
    (Object.keys(PLACES) as Place[]).map((place) => [skips(place, inMesh), skips(place, {})]),
    [
      [false, false],
      [true, false],
      [false, false],
    ],
  );
});

test("virtual hosts count attempts and tell the host that was named, as the settings say", () => {
  const table: readonly (readonly [headers: object, attempts: boolean | undefined, host: boolean | undefined])[] = [
    [{}, true, undefined],
    [{ attemptCount: { disabled: true } }, undefined, undefined],
    [{ xForwardedHost: { enabled: true } }, true, true],
  ];
  for (const [headers, attempts, forwarded] of table) {
    for (const [spec, name] of [
      [WORKLOAD, "80"],
      [GATEWAY, "http.80"],
    ] as const) {
      for (const [config, node] of [
        [{ proxyHeaders: headers }, undefined],
        [{ proxyHeaders: { attemptCount: { disabled: false } } }, { proxyHeaders: headers }],
      ] as const) {
        const hosts = virtualHosts(mesh(config), name, withNode(spec, node));
        assert.ok(hosts.length > 0);
        for (const own of hosts) {
          assertLike(own, { includeRequestAttemptCount: attempts });
          for (const { route, redirect } of own.routes ?? []) {
            if (redirect) assert.equal(route, undefined);
            else assertLike(route, { appendXForwardedHost: forwarded });
          }
        }
      }
    }
  }
});

test("clusters of what may be HTTP/1.1 keep the case of headers' names, others are as they were", () => {
  const keeping = (spec: ProxySpec, config: object, node?: object): string[] =>
    Object.entries(show(mesh(config), "CDS", withNode(spec, node)))
      .filter(([, cluster]) => JSON.stringify(cluster).includes("preserve_case"))
      .map(([name]) => name)
      .sort();
  const asked = { proxyHeaders: { preserveHttp1HeaderCase: true } };
  const own = ["InboundPassthroughCluster", "PassthroughCluster", "inbound|80||"];
  const services = ["outbound|80||b.example.com", "outbound|80||x.example.com"];
  assert.deepEqual(keeping(WORKLOAD, asked), [...own, ...services]);
  assert.deepEqual(keeping(WORKLOAD, {}, asked), [...own, ...services]);
  assert.deepEqual(keeping(WORKLOAD, asked, {}), []);
  assert.deepEqual(keeping(GATEWAY, asked), services);
});

test("the profile of the edge is for gateways, single settings are for all", () => {
  const settings = { connectionSettings: { profile: "EDGE", httpDrainTimeout: "7s" } };
  const edge = { requestTimeout: "300s", mergeSlashes: true, drainTimeout: "7s" };
  const single = { requestTimeout: undefined, mergeSlashes: undefined, drainTimeout: "7s" };
  for (const [config, node] of [
    [settings, undefined],
    [{}, settings],
    // The mesh's count where the node brings settings, but none of these.
    [settings, { concurrency: 2 }],
  ] as const) {
    assertLike(manager("gateway", config, node), edge);
    assertLike(manager("inbound", config, node), single);
    assertLike(manager("outbound", config, node), single);
  }
});
