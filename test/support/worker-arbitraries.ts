// Random meshes over a handful of hosts and namespaces, as raw documents that mostly pass validation.
import fc from "fast-check";
import { patches } from "./patch-arbitraries.ts";

export type Raw = Readonly<Record<string, unknown>>;

export const NAMESPACES = ["default", "other", "istio-system"] as const;
export const KUBE_HOSTS = ["a.default.svc.cluster.local", "b.other.svc.cluster.local"] as const;
export const HOSTS = ["a.example.com", "b.example.com", ...KUBE_HOSTS] as const;

export const name = fc.constantFrom("one", "two");
const namespace = fc.constantFrom(...NAMESPACES);
const host = fc.constantFrom(...HOSTS);
const anyHost = fc.constantFrom(...HOSTS, "*.example.com", "*.default.svc.cluster.local", "a", "b");
export const labels = fc.constantFrom({ app: "a" }, { app: "b" }, { version: "v1" }, { app: "a", version: "v2" });
const exportTo = fc.constantFrom(undefined, undefined, ["*"], ["."], ["default"], ["other", "istio-system"]);
const port = fc.constantFrom(80, 443, 9000, 7000);
export const address = fc.constantFrom("10.0.0.1", "10.0.0.2", "10.0.0.9");
export const locality = fc.constantFrom("", "r1/z1/s1", "r1/z2", "r2/z1");
const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(arbitrary, { nil: undefined });

/** Without members that are undefined, at any depth. */
function plain<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}

/** A document of Istio's from a record with its name, namespace, age and spec. */
function document(kind: string, group: string, spec: fc.Arbitrary<Raw>, where = namespace): fc.Arbitrary<Raw> {
  const age = fc.constantFrom(undefined, "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z");
  return fc.record({ name, namespace: where, age, spec }).map((r) =>
    plain({
      apiVersion: `${group}.istio.io/v1`,
      kind,
      metadata: { name: r.name, namespace: r.namespace, creationTimestamp: r.age },
      spec: r.spec,
    }),
  );
}

export const PORTS = [
  { number: 80, name: "http", protocol: "HTTP" },
  { number: 443, name: "tls", protocol: "TLS" },
  { number: 9000, name: "tcp", protocol: "TCP" },
  { number: 7000, name: "auto", protocol: "" },
] as const;

const endpoint = fc.record({
  address,
  labels: maybe(labels),
  locality: locality.map((text) => text || undefined),
  network: fc.constantFrom(undefined, "n1", "n2"),
  weight: fc.constantFrom(undefined, 3),
  serviceAccount: fc.constantFrom(undefined, "sa"),
});

const serviceEntry = document(
  "ServiceEntry",
  "networking",
  fc
    .record({
      hosts: fc.uniqueArray(host, { minLength: 1, maxLength: 2 }),
      addresses: fc.constantFrom(undefined, undefined, ["10.1.0.1"], ["10.1.0.2"], ["10.2.0.0/16"]),
      ports: fc.subarray([...PORTS], { minLength: 1 }),
      resolution: fc.constantFrom("STATIC", "DNS", "DNS_ROUND_ROBIN", "NONE"),
      location: fc.constantFrom("MESH_INTERNAL", "MESH_EXTERNAL"),
      exportTo,
      endpoints: fc.array(endpoint, { minLength: 1, maxLength: 3 }),
      selector: maybe(labels),
    })
    .map(({ selector, endpoints: all, addresses, ...r }) => {
      const endpoints = r.resolution === "DNS_ROUND_ROBIN" ? all.slice(0, 1) : all;
      const dns = r.resolution.startsWith("DNS");
      if (!(dns && addresses?.[0]?.includes("/"))) Object.assign(r, { addresses });
      if (selector && !r.resolution.startsWith("DNS")) return { ...r, workloadSelector: { labels: selector } };
      return r.resolution === "NONE" ? r : { ...r, endpoints };
    }),
);

const workloadEntry = document(
  "WorkloadEntry",
  "networking",
  fc.record({
    address,
    labels,
    locality,
    serviceAccount: fc.constantFrom("sa", "sb"),
    network: fc.constantFrom(undefined, "n1", "n2"),
  }),
);

const destination = fc.record({
  host: fc.oneof({ weight: 4, arbitrary: host }, { weight: 1, arbitrary: fc.constant("a") }),
  subset: fc.constantFrom(undefined, "v1", "v2"),
  port: maybe(port.map((number) => ({ number }))),
});
const source = {
  sourceLabels: maybe(labels),
  sourceNamespace: fc.constantFrom(undefined, undefined, "default", "other"),
};
const stringMatch = fc.constantFrom({ exact: "/x" }, { prefix: "/y" }, { regex: "/z.*" });
const httpMatch = fc.record({ uri: maybe(stringMatch), port: maybe(port), ...source });
const httpRoute = fc.record({
  match: maybe(fc.array(httpMatch, { minLength: 1, maxLength: 2 })),
  route: destination.map((d) => [{ destination: d }]),
  timeout: fc.constantFrom(undefined, "2s"),
  mirror: maybe(destination),
  headers: fc.constantFrom(undefined, { request: { set: { x: "1" } } }),
});
const l4Match = fc.record({ port: maybe(port), ...source });
const l4Route = destination.map((d) => [{ destination: d }]);

const virtualService = document(
  "VirtualService",
  "networking",
  fc
    .record({
      hosts: fc.uniqueArray(anyHost, { minLength: 1, maxLength: 2 }),
      gateways: fc.constantFrom(undefined, undefined, ["mesh", "default/one"], ["default/one"]),
      exportTo,
      http: maybe(fc.array(httpRoute, { minLength: 1, maxLength: 2 })),
      tcp: maybe(fc.record({ match: l4Match.map((m) => [m]), route: l4Route }).map((t) => [t])),
      tls: maybe(
        fc
          .record({ match: l4Match, sniHosts: host, route: l4Route })
          .map((t) => [{ match: [{ ...t.match, sniHosts: [t.sniHosts] }], route: t.route }]),
      ),
    })
    .map((r) =>
      r.tls ? { ...r, hosts: [...new Set([...r.hosts, ...r.tls.flatMap((t) => t.match[0]!.sniHosts)])] } : r,
    ),
);

const priorities = fc.constantFrom(
  ["version"],
  ["topology.kubernetes.io/region", "app"],
  ["topology.istio.io/network", "app=a"],
);
const localityLb = fc.oneof(
  fc.record({ failoverPriority: priorities }),
  fc.constant({ failover: [{ from: "r1", to: "r2" }] }),
  fc.constant({ distribute: [{ from: "r1/*", to: { "r1/*": 80, "r2/*": 20 } }] }),
);
const trafficPolicy = fc.record({
  loadBalancer: fc.oneof(
    fc.constantFrom(
      undefined,
      { simple: "RANDOM" },
      { simple: "PASSTHROUGH" },
      { consistentHash: { useSourceIp: true } },
    ),
    localityLb.map((localityLbSetting) => ({ localityLbSetting })),
  ),
  outlierDetection: fc.constantFrom(undefined, { consecutive5xxErrors: 3 }, { consecutive5xxErrors: 4 }),
  tls: fc.constantFrom(undefined, undefined, { mode: "ISTIO_MUTUAL" }, { mode: "DISABLE" }, { mode: "SIMPLE" }),
});
const destinationRule = document(
  "DestinationRule",
  "networking",
  fc
    .record({
      host: anyHost,
      visibility: fc.oneof(
        exportTo.map((list) => ({ exportTo: list })),
        labels.map((matchLabels) => ({ workloadSelector: { matchLabels } })),
      ),
      trafficPolicy: maybe(trafficPolicy),
      subsets: maybe(
        fc.record({ labels: fc.constant({ version: "v1" }), trafficPolicy: maybe(trafficPolicy) }).map((s) => [
          { name: "v1", ...s },
          { name: "v2", labels: { version: "v2" } },
        ]),
      ),
    })
    .map(({ visibility, ...r }) => ({ ...r, ...visibility })),
);

const egress = fc.record({
  hosts: fc.constantFrom(
    ["./*"],
    ["*/*"],
    ["default/*"],
    ["*/*.example.com"],
    ["other/*", "./a.example.com"],
    ["*/*", "~other/*"],
  ),
  bind: fc.constantFrom(undefined, undefined, "127.0.0.9", "0.0.0.0"),
  captureMode: fc.constantFrom(undefined, undefined, "NONE", "IPTABLES"),
  port: fc.constantFrom(
    undefined,
    undefined,
    { number: 80, name: "http", protocol: "HTTP" },
    {
      number: 9000,
      name: "tcp",
      protocol: "TCP",
    },
  ),
});
const sidecar = document(
  "Sidecar",
  "networking",
  fc.record({
    workloadSelector: maybe(labels.map((l) => ({ labels: l }))),
    egress: fc
      .uniqueArray(egress, { minLength: 1, maxLength: 2, selector: (e) => e.port?.number })
      .map((list) => list.sort((x, y) => (y.port?.number ?? 0) - (x.port?.number ?? 0))),
    outboundTrafficPolicy: fc.constantFrom(
      undefined,
      { mode: "REGISTRY_ONLY" },
      { mode: "ALLOW_ANY", egressProxy: { host: "a.example.com", port: { number: 80 } } },
    ),
    ingress: fc.constantFrom(
      undefined,
      undefined,
      [{ port: { number: 8080, name: "http", protocol: "HTTP" }, defaultEndpoint: "127.0.0.1:80" }],
      [
        { port: { number: 80, name: "http", protocol: "HTTP" }, defaultEndpoint: "0.0.0.0:80" },
        { port: { number: 9000, name: "tcp", protocol: "TCP" }, captureMode: "NONE", bind: "10.0.0.1" },
      ],
    ),
  }),
);

const server = fc.constantFrom(
  { port: { number: 80, name: "http", protocol: "HTTP" }, hosts: ["*"] },
  {
    port: { number: 80, name: "http", protocol: "HTTP" },
    hosts: ["default/a.example.com"],
    tls: { httpsRedirect: true },
  },
  {
    port: { number: 443, name: "https", protocol: "HTTPS" },
    hosts: ["a.example.com"],
    tls: { mode: "SIMPLE", credentialName: "c" },
  },
  { port: { number: 443, name: "tls", protocol: "TLS" }, hosts: ["b.example.com"], tls: { mode: "PASSTHROUGH" } },
  { port: { number: 9000, name: "tcp", protocol: "TCP" }, hosts: ["*"] },
  { port: { number: 15443, name: "mesh", protocol: "TLS" }, hosts: ["*"], tls: { mode: "AUTO_PASSTHROUGH" } },
);
const gateway = document(
  "Gateway",
  "networking",
  fc.record({
    selector: fc.constantFrom({ istio: "gateway" }, { app: "a" }),
    servers: fc.uniqueArray(server, { minLength: 1, maxLength: 3, selector: (x) => x.port.name }),
  }),
  fc.constantFrom("default", "istio-system"),
);

const mode = fc.constantFrom("STRICT", "PERMISSIVE", "DISABLE", "UNSET").map((m) => ({ mode: m }));
const peerAuthentication = document(
  "PeerAuthentication",
  "security",
  fc.record({ matchLabels: maybe(labels), mtls: maybe(mode), port: maybe(mode) }).map((r) => ({
    mtls: r.mtls,
    ...(r.matchLabels ? { selector: { matchLabels: r.matchLabels }, portLevelMtls: r.port && { 80: r.port } } : {}),
  })),
);

const authorizationSource = fc.constantFrom(
  { principals: ["cluster.local/ns/default/sa/sa"] },
  { notNamespaces: ["other", "a*"] },
  { requestPrincipals: ["*"] },
  { ipBlocks: ["10.0.0.0/8"] },
);
const authorizationOperation = fc.constantFrom(
  { paths: ["/a", "/b*"] },
  { notPaths: ["/c/{*}"] },
  { ports: ["80"] },
  { hosts: ["*"], methods: ["GET"] },
);
const authorizationCondition = fc.constantFrom(
  { key: "request.headers[x]", values: ["1"] },
  { key: "destination.port", notValues: ["80"] },
  { key: "request.auth.claims[a]", values: ["b"] },
);
const authorizationRule = fc.record({
  from: maybe(authorizationSource.map((source) => [{ source }])),
  to: maybe(authorizationOperation.map((operation) => [{ operation }])),
  when: maybe(authorizationCondition.map((condition) => [condition])),
});
const authorizationPolicy = document(
  "AuthorizationPolicy",
  "security",
  fc
    .record({
      matchLabels: maybe(labels),
      action: fc.constantFrom(undefined, "ALLOW", "DENY", "AUDIT", "CUSTOM"),
      rules: fc.array(authorizationRule, { minLength: 1, maxLength: 2 }),
      provider: fc.constantFrom("authz", "other").map((provider) => ({ name: provider })),
    })
    .map(({ matchLabels, provider, ...r }) => ({
      ...r,
      ...(r.action === "CUSTOM" ? { provider } : {}),
      ...(matchLabels ? { selector: { matchLabels } } : {}),
    })),
);

const requestAuthentication = document(
  "RequestAuthentication",
  "security",
  fc
    .record({
      matchLabels: maybe(labels),
      issuers: fc.uniqueArray(fc.constantFrom("i", "j", "k"), { minLength: 1 }),
      keys: fc.constantFrom({ jwks: '{"keys":[]}' }, { jwksUri: "https://a.example.com/jwks" }),
    })
    .map(({ matchLabels, issuers, keys }) => ({
      jwtRules: issuers.map((issuer) => ({ issuer, ...keys })),
      ...(matchLabels ? { selector: { matchLabels } } : {}),
    })),
);

const workloadMode = fc.constantFrom(undefined, { mode: "CLIENT" }, { mode: "SERVER" }, { mode: "CLIENT_AND_SERVER" });
const providers = (...names: string[]): fc.Arbitrary<object[] | undefined> =>
  fc.constantFrom(undefined, ...names).map((name) => (name === undefined ? undefined : [{ name }]));
const telemetry = document(
  "Telemetry",
  "telemetry",
  fc
    .record({
      matchLabels: maybe(labels),
      accessLogging: maybe(
        fc.record({
          match: workloadMode,
          providers: providers("envoy", "als", "missing"),
          disabled: fc.constantFrom(undefined, undefined, true),
          filter: fc.constantFrom(undefined, { expression: "response.code >= 400" }),
        }),
      ),
      metrics: maybe(
        fc.record({
          providers: providers("prometheus", "zipkin"),
          overrides: fc.constantFrom(
            undefined,
            [{ disabled: true }],
            [{ match: { metric: "REQUEST_COUNT", mode: "CLIENT" }, tagOverrides: { x: { value: "'1'" } } }],
          ),
          reportingInterval: fc.constantFrom(undefined, "5s"),
        }),
      ),
      tracing: maybe(
        fc.record({
          match: workloadMode,
          providers: providers("zipkin", "otel", "envoy"),
          disableSpanReporting: fc.constantFrom(undefined, true, false),
          customTags: fc.constantFrom(undefined, { x: { literal: { value: "1" } } }),
        }),
      ),
    })
    .map(({ matchLabels, accessLogging, metrics, tracing }) => ({
      ...(matchLabels ? { selector: { matchLabels } } : {}),
      accessLogging: accessLogging && [accessLogging],
      metrics: metrics && [metrics],
      tracing: tracing && [tracing],
    })),
);

/** Virtual hosts and routes that patches add are told apart by their object. */
const envoyFilter = fc.record({ name, namespace }).chain((where) =>
  fc
    .record({
      configPatches: patches(`${where.name}-${where.namespace}`),
      labels: maybe(labels),
      priority: fc.constantFrom(undefined, undefined, -1, 1),
    })
    .map(({ configPatches, priority, ...r }) =>
      plain({
        apiVersion: "networking.istio.io/v1alpha3",
        kind: "EnvoyFilter",
        metadata: where,
        spec: { configPatches, priority, workloadSelector: r.labels && { labels: r.labels } },
      }),
    ),
);

const extensionConfig = fc.constantFrom(
  { lua: { inlineCode: "-- a" } },
  { wasm: { url: "https://a.example.com/a.wasm" } },
  { wasm: { url: "file:///a.wasm", pluginConfig: { a: 1 } } },
  { wasm: { url: "a.example.com/a:v1", type: "NETWORK" } },
);
const trafficExtension = document(
  "TrafficExtension",
  "extensions",
  fc
    .record({
      config: extensionConfig,
      matchLabels: maybe(labels),
      phase: fc.constantFrom(undefined, "AUTHN", "AUTHZ", "STATS"),
      priority: fc.constantFrom(undefined, 1, -1),
      match: fc.constantFrom(undefined, [{ mode: "SERVER" }], [{ mode: "CLIENT", ports: [{ number: 80 }] }]),
    })
    .map(({ config, matchLabels, ...r }) => ({
      ...r,
      ...config,
      ...(matchLabels ? { selector: { matchLabels } } : {}),
    })),
).map((raw) => ({ ...raw, apiVersion: "extensions.istio.io/v1alpha1" }));

/** One Istio document of each kind. */
export const DOCUMENTS = {
  serviceEntry,
  workloadEntry,
  virtualService,
  destinationRule,
  sidecar,
  gateway,
  peerAuthentication,
  authorizationPolicy,
  requestAuthentication,
  telemetry,
  envoyFilter,
  trafficExtension,
};
