// Random meshes over a handful of hosts and namespaces, as raw documents that mostly pass validation.
import fc from "fast-check";
import { patches } from "./patch-arbitraries.ts";
import { authorizationPolicy, peerAuthentication, requestAuthentication, telemetry } from "./policy-arbitraries.ts";
import {
  address,
  document,
  HOSTS,
  labels,
  locality,
  maybe,
  name,
  namespace,
  PORTS,
  plain,
} from "./random-documents.ts";

const host = fc.constantFrom(...HOSTS);
const anyHost = fc.constantFrom(...HOSTS, "*.example.com", "*.default.svc.cluster.local", "a", "b");
const exportTo = fc.constantFrom(undefined, undefined, ["*"], ["."], ["default"], ["other", "istio-system"]);
const port = fc.constantFrom(80, 443, 9000, 7000);

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
