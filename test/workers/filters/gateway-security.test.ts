// Security policies of a router: in its connection managers, and before what leads TCP and TLS on.
import assert from "node:assert/strict";
import { test } from "node:test";
import { stringify } from "yaml";
import type { FilterJson } from "../../support/inbound-filters.ts";
import { doc, host, meshOf, show, TCP_9000 } from "../../support/worker-behaviour.ts";
import { meshSettings, type ProxySpec } from "../../support/worker-mesh.ts";

const ROUTER: ProxySpec = { type: "router", namespace: "istio-ingress", labels: { istio: "gateway" } };
const OWN = { namespace: "istio-ingress" };
const TLS = { number: 443, name: "tls", protocol: "TLS" };
const HTTP_8080 = { number: 8080, name: "http", protocol: "HTTP" };

const POLICIES = [
  doc(
    "AuthorizationPolicy",
    "deny",
    { action: "DENY", rules: [{ from: [{ source: { ipBlocks: ["10.0.0.1"] } }] }] },
    OWN,
  ),
  doc("RequestAuthentication", "jwt", { jwtRules: [{ issuer: "i", jwks: '{"keys":[]}' }] }, OWN),
];

interface ListenerJson {
  readonly filterChains: readonly { readonly filters: readonly FilterJson[] }[];
}

function chainsOf(server: object, routes: object = {}): readonly (readonly FilterJson[])[] {
  const gateway = doc("Gateway", "g", { selector: { istio: "gateway" }, servers: [server] }, OWN);
  const hosts = ["a.example.com"];
  const vs = doc("VirtualService", "v", { hosts, gateways: ["g"], ...routes }, OWN);
  const service = host("a", { ports: [TCP_9000] });
  const listeners = show(meshOf([gateway, vs, service, ...POLICIES]), "LDS", ROUTER);
  const [listener] = Object.values(listeners) as unknown as ListenerJson[];
  assert.ok(listener);
  return listener.filterChains.map(({ filters }) => filters);
}

const to = [{ destination: { host: "a.example.com", port: { number: 9000 } } }];

test("requests to a router are checked, and routed again once their token is known", () => {
  const [[manager] = []] = chainsOf({ port: HTTP_8080, hosts: ["*"] }, { http: [{ route: to }] });
  const filters = manager?.typedConfig.httpFilters as readonly FilterJson[];
  assert.deepEqual(
    filters.slice(0, 4).map(({ name }) => name),
    [
      "istio.metadata_exchange",
      "envoy.filters.http.jwt_authn",
      "envoy.filters.http.rbac",
      "envoy.filters.http.grpc_stats",
    ],
  );
  const { providers } = filters[1]!.typedConfig as { providers: Record<string, { clearRouteCache?: boolean }> };
  assert.equal(providers["origins-0"]?.clearRouteCache, true);
});

const RBAC = "envoy.filters.network.rbac";
const TCP_PROXY = "envoy.filters.network.tcp_proxy";
const EXCHANGE = "istio.metadata_exchange";

const CONNECTIONS: readonly (readonly [says: string, server: object, routes: object, expected: readonly string[]])[] = [
  ["TCP", { port: TCP_9000, hosts: ["*"] }, { tcp: [{ route: to }] }, [RBAC, TCP_PROXY]],
  [
    "TLS that is passed through",
    { port: TLS, hosts: ["*"], tls: { mode: "PASSTHROUGH" } },
    { tls: [{ match: [{ sniHosts: ["a.example.com"] }], route: to }] },
    [RBAC, TCP_PROXY],
  ],
  [
    "mesh TLS that ends here",
    { port: TLS, hosts: ["*"], tls: { mode: "ISTIO_MUTUAL" } },
    { tcp: [{ route: to }] },
    [EXCHANGE, RBAC, TCP_PROXY],
  ],
  [
    "mesh TLS between networks",
    { port: TLS, hosts: ["*"], tls: { mode: "AUTO_PASSTHROUGH" } },
    { tcp: [{ route: to }] },
    [RBAC, TCP_PROXY],
  ],
];

for (const [says, server, routes, expected] of CONNECTIONS) {
  test(`connections to a router are checked: ${says}`, () => {
    const chains = chainsOf(server, routes);
    assert.deepEqual(
      chains.map((filters) => filters.map(({ name }) => name)),
      [expected],
    );
  });
}

const GATEWAY_NAME = "gateway.networking.k8s.io/gateway-name";

test("a router that was made for a Gateway has the policies for that Gateway", () => {
  const proxy = { ...ROUTER, labels: { istio: "gateway", [GATEWAY_NAME]: "gw" } };
  const target = (name: string): object => ({ group: "gateway.networking.k8s.io", kind: "Gateway", name });
  const policy = (name: string, spec: object, meta = OWN): object =>
    doc("AuthorizationPolicy", name, { ...spec, rules: [{}] }, meta);
  const gateway = doc(
    "Gateway",
    "g",
    { selector: { istio: "gateway" }, servers: [{ port: TCP_9000, hosts: ["*"] }] },
    OWN,
  );
  const vs = doc("VirtualService", "v", { hosts: ["*"], gateways: ["g"], tcp: [{ route: to }] }, OWN);
  const mesh = meshOf([
    gateway,
    vs,
    policy("one", { targetRefs: [target("gw")] }),
    policy("old-form", { targetRef: target("gw") }),
    policy("another", { targetRefs: [target("other")] }),
    policy("elsewhere", { targetRefs: [target("gw")] }, { namespace: "istio-system" }),
    policy("service", { targetRefs: [{ kind: "Service", name: "gw" }] }),
    policy("selector", { selector: { matchLabels: { istio: "gateway" } } }),
  ]);
  const [listener] = Object.values(show(mesh, "LDS", proxy)) as unknown as ListenerJson[];
  const { policies } = listener!.filterChains[0]!.filters[0]!.typedConfig.rules as { policies: object };
  assert.deepEqual(
    Object.keys(policies).map((name) => name.replace(/.*-policy\[(.*)\]-rule.*/, "$1")),
    ["old-form", "one", "selector"],
  );
});

test("a router with few clusters has those that its filters and the mesh's providers ask", () => {
  const jwtRules = [{ issuer: "i", jwksUri: "http://keys.example.com/jwks" }];
  const extensionProviders = [
    { name: "a", envoyExtAuthzHttp: { service: "default/authz.example.com", port: 80 } },
    { name: "b", envoyExtAuthzGrpc: { service: "grpc.example.com", port: 80 } },
    { name: "c", zipkin: { service: "spans.example.com", port: 80 } },
    { name: "d", envoyFileAccessLog: {} },
  ];
  const env = { PILOT_FILTER_GATEWAY_CLUSTER_CONFIG: "true", PILOT_JWT_ENABLE_REMOTE_JWKS: "envoy" };
  const services = ["authz", "grpc", "keys", "spans", "unused"].map((name) => host(name));
  const mesh = meshOf(
    [...services, doc("RequestAuthentication", "j", { jwtRules }, OWN)],
    meshSettings(stringify({ extensionProviders }), env),
  );
  const outbound = Object.keys(show(mesh, "CDS", ROUTER)).filter((name) => name.startsWith("outbound|"));
  assert.deepEqual(
    outbound.map((name) => name.split("|")[3]),
    ["authz.example.com", "grpc.example.com", "keys.example.com", "spans.example.com"],
  );
});
