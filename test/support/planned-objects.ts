// Random objects that share few names, hosts and addresses, so that changes of them meet: what planning is tested with.
import fc from "fast-check";
import type { MeshObject } from "../../src/shared/model/delta.ts";
import { patches } from "./patch-arbitraries.ts";
import { config, kubeEndpoint, kubeNode, kubePod, kubeService, kubeSlice, meta, workloadEntry } from "./registry.ts";

const name = fc.constantFrom("a", "b");
const namespace = fc.constantFrom("default", "other", "istio-system");
const host = fc.constantFrom("a.example.com", "b.example.com");
const ruleHost = fc.oneof({ weight: 3, arbitrary: host }, { weight: 1, arbitrary: fc.constant("*.example.com") });
/** One that only clusters read, ones that routes, listeners, endpoints or servers read too, and none. */
const trafficPolicy = fc.constantFrom(
  {},
  { trafficPolicy: { connectionPool: { tcp: { connectTimeout: "1s" } } } },
  { trafficPolicy: { connectionPool: { tcp: { connectTimeout: "2s", maxConnections: 7 } } } },
  { trafficPolicy: { connectionPool: { tcp: { idleTimeout: "5s" } } } },
  { trafficPolicy: { loadBalancer: { simple: "RANDOM" } } },
  { trafficPolicy: { loadBalancer: { consistentHash: { useSourceIp: true } } } },
  { trafficPolicy: { outlierDetection: { consecutive5xxErrors: 2 } } },
  { trafficPolicy: { portLevelSettings: [{ port: { number: 80 }, connectionPool: { tcp: { maxConnections: 8 } } }] } },
  { trafficPolicy: { tls: { mode: "SIMPLE" } } },
);
const address = fc.constantFrom("10.0.0.1", "10.0.0.2", "10.0.0.9");
/** None, so that services share the listener of a port, one of several services, and two. */
const ip = fc.constantFrom({}, {}, { addresses: ["10.1.0.1"] }, { addresses: ["10.1.0.1", "10.1.0.2"] });
/** None, and ones that lead to the own host or another one, from one address or from all. */
const tcpRoute = fc.oneof(
  fc.constant({}),
  fc.record({ host, subnets: fc.constantFrom({}, { match: [{ destinationSubnets: ["10.1.0.2/32"] }] }) }).map((r) => ({
    tcp: [{ ...r.subnets, route: [{ destination: { host: r.host } }] }],
  })),
);
const app = fc.constantFrom({ app: "a" }, { app: "b" });
/** Where a workload is, and whether it speaks mTLS: without that, no gateway leads to it. */
const place = fc.constantFrom(
  {},
  { network: "n1", serviceAccount: "sa" },
  { network: "n2", serviceAccount: "sa" },
  { network: "n2", serviceAccount: "sa", locality: "r1/z1" },
);
/** Who sees an object: as the mesh says, only its namespace, all, or one other. */
const visible = fc.constantFrom({}, { exportTo: ["."] }, { exportTo: ["*"] }, { exportTo: ["other"] });
const selector = fc.option(
  app.map((matchLabels) => ({ selector: { matchLabels } })),
  { nil: undefined },
);

/** One object of any kind that generation reads. */
export const plannedObject: fc.Arbitrary<MeshObject> = fc.oneof(
  fc
    .record({ name, namespace, host, ip, address, labels: app, selects: fc.boolean(), dns: fc.boolean(), visible })
    .map((r) =>
      config(
        "ServiceEntry",
        r.name,
        {
          hosts: [r.host],
          ...r.ip,
          ...r.visible,
          location: "MESH_INTERNAL",
          resolution: r.dns ? "DNS" : "STATIC",
          ports: [
            { number: 80, name: "http", protocol: "HTTP" },
            { number: 90, name: "tcp", protocol: "TCP" },
          ],
          ...(r.selects && !r.dns
            ? { workloadSelector: { labels: r.labels } }
            : { endpoints: [{ address: r.dns ? "dns.example.com" : r.address, labels: r.labels }] }),
        },
        { namespace: r.namespace },
      ),
    ),
  fc.record({ name, namespace, address, labels: app, place }).map((r) => ({
    ...workloadEntry(r.name, r.address, r.labels, r.place),
    meta: meta(r.name, { namespace: r.namespace }),
  })),
  fc
    .record({ name, namespace, host, gateway: fc.boolean(), header: fc.constantFrom("1", "2"), tcp: tcpRoute, visible })
    .map((r) =>
      config(
        "VirtualService",
        r.name,
        {
          hosts: [r.host],
          ...r.visible,
          ...(r.gateway ? { gateways: ["default/gw"] } : {}),
          http: [
            {
              headers: { request: { set: { x: r.header } } },
              route: [{ destination: { host: r.host, subset: "s" } }],
            },
          ],
          ...r.tcp,
        },
        { namespace: r.namespace },
      ),
    ),
  fc
    .record({ name, namespace, host: ruleHost, policy: trafficPolicy, labels: app, visible, selects: fc.boolean() })
    .map((r) =>
      config(
        "DestinationRule",
        r.name,
        {
          host: r.host,
          ...r.visible,
          ...r.policy,
          ...(r.selects ? { workloadSelector: { matchLabels: r.labels } } : {}),
          subsets: [{ name: "s", labels: r.labels }],
        },
        { namespace: r.namespace },
      ),
    ),
  fc.record({ port: fc.constantFrom(80, 8080), hosts: host, passes: fc.boolean() }).map((r) =>
    config("Gateway", "gw", {
      selector: { istio: "ingressgateway" },
      servers: [
        { port: { number: r.port, name: "http", protocol: "HTTP" }, hosts: [r.hosts] },
        ...(r.passes
          ? [{ port: { number: 15443, name: "tls", protocol: "TLS" }, hosts: ["*"], tls: { mode: "AUTO_PASSTHROUGH" } }]
          : []),
      ],
    }),
  ),
  fc
    .record({
      namespace,
      egress: fc.constantFrom(["./*"], ["*/*"], ["default/*"], ["./a.example.com"], ["*/*", "~other/*"]),
      captureMode: fc.constantFrom("DEFAULT", "NONE"),
      ingress: fc.constantFrom(
        undefined,
        { defaultEndpoint: "127.0.0.1:81" },
        { bind: "10.0.0.8", captureMode: "NONE" },
      ),
      labels: fc.option(app, { nil: undefined }),
    })
    .map((r) =>
      config(
        "Sidecar",
        "sc",
        {
          ...(r.labels ? { workloadSelector: { labels: r.labels } } : {}),
          egress: [{ hosts: r.egress, captureMode: r.captureMode }],
          ...(r.ingress ? { ingress: [{ port: { number: 80, name: "http", protocol: "HTTP" }, ...r.ingress }] } : {}),
        },
        { namespace: r.namespace },
      ),
    ),
  fc
    .record({ name, namespace, mode: fc.constantFrom("STRICT", "PERMISSIVE", "DISABLE"), selector })
    .map((r) =>
      config("PeerAuthentication", r.name, { mtls: { mode: r.mode }, ...r.selector }, { namespace: r.namespace }),
    ),
  fc
    .record({ name, namespace, action: fc.constantFrom("ALLOW", "DENY"), selector })
    .map((r) =>
      config(
        "AuthorizationPolicy",
        r.name,
        { action: r.action, rules: [{ to: [{ operation: { methods: ["GET"] } }] }], ...r.selector },
        { namespace: r.namespace },
      ),
    ),
  fc
    .record({
      name,
      namespace,
      selector,
      spec: fc.constantFrom(
        { accessLogging: [{ providers: [{ name: "envoy" }] }] },
        { accessLogging: [{ disabled: true, providers: [{ name: "envoy" }] }] },
        { metrics: [{ providers: [{ name: "prometheus" }] }] },
        { tracing: [{ providers: [{ name: "zipkin" }] }] },
        {},
      ),
    })
    .map((r) => config("Telemetry", r.name, { ...r.spec, ...r.selector }, { namespace: r.namespace })),
  fc.record({ name, namespace }).chain((where) =>
    fc
      .record({
        configPatches: patches(`${where.name}-${where.namespace}`),
        labels: fc.option(app, { nil: undefined }),
      })
      .map(({ configPatches, labels }) =>
        config(
          "EnvoyFilter",
          where.name,
          { ...(labels ? { workloadSelector: { labels } } : {}), configPatches },
          { namespace: where.namespace },
        ),
      ),
  ),
  fc
    .record({ name, namespace, issuer: fc.constantFrom("x", "y"), selector })
    .map((r) =>
      config(
        "RequestAuthentication",
        r.name,
        { jwtRules: [{ issuer: r.issuer, jwks: '{"keys":[]}' }], ...r.selector },
        { namespace: r.namespace },
      ),
    ),
  fc.record({ name, headless: fc.boolean(), labels: app, gateway: fc.boolean() }).map((r) =>
    kubeService(r.name, {
      clusterIPs: [r.headless ? "None" : "10.96.0.1"],
      selector: r.labels,
      ...(r.gateway
        ? {
            meta: meta(r.name, { labels: { "topology.istio.io/network": "n2" } }),
            loadBalancerAddresses: ["203.0.113.1"],
          }
        : {}),
    }),
  ),
  fc
    .record({ name, service: name, address, pod: name, ready: fc.boolean() })
    .map((r) =>
      kubeSlice(r.name, r.service, [kubeEndpoint(r.address, { podName: r.pod, nodeName: "n", ready: r.ready })]),
    ),
  fc.record({ name, address, labels: app }).map((r) => kubePod(r.name, r.address, { labels: r.labels, nodeName: "n" })),
  fc.constantFrom("r1", "r2").map((region) => kubeNode("n", { "topology.kubernetes.io/region": region })),
);
