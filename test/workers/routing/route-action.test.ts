// What a VirtualService's HTTP route does with a request: where it goes, and as what.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPRoute
import assert from "node:assert/strict";
import { test } from "node:test";
import { assertLike, doc, HTTP_80, host, meshOf, routesFor, to, virtualHosts } from "../../support/worker-behaviour.ts";

const B = "outbound|80||b.example.com";
const C = "outbound|80||c.example.com";

const ACTIONS: readonly { readonly says: string; readonly http: object; readonly expected: object }[] = [
  {
    says: "a rewrite changes the path's matched beginning and the host",
    http: { match: [{ uri: { prefix: "/old" } }], ...to("b"), rewrite: { uri: "/new", authority: "x.example.com" } },
    expected: { route: { cluster: B, prefixRewrite: "/new", hostRewriteLiteral: "x.example.com" } },
  },
  {
    says: "a rewrite by pattern changes what the pattern finds",
    http: { ...to("b"), rewrite: { uriRegexRewrite: { match: "/v1/(.*)", rewrite: "/v2/\\1" } } },
    expected: {
      route: {
        regexRewrite: { pattern: { regex: "/v1/(.*)" }, substitution: "/v2/\\1" },
        prefixRewrite: undefined,
        hostRewriteLiteral: undefined,
      },
    },
  },
  {
    says: "a redirect is permanent by default, and keeps what it doesn't name",
    http: { redirect: { uri: "/new", authority: "x.example.com" } },
    expected: {
      route: undefined,
      redirect: {
        pathRedirect: "/new",
        hostRedirect: "x.example.com",
        // MOVED_PERMANENTLY is the enum's default.
        responseCode: undefined,
        schemeRedirect: undefined,
        portRedirect: undefined,
      },
    },
  },
  {
    says: "a redirect has another scheme, port and code",
    http: { redirect: { scheme: "https", port: 8443, redirectCode: 307 } },
    expected: {
      redirect: {
        schemeRedirect: "https",
        portRedirect: 8443,
        responseCode: "TEMPORARY_REDIRECT",
        pathRedirect: undefined,
      },
    },
  },
  {
    says: "a redirect takes the port of the protocol",
    http: { redirect: { scheme: "https", derivePort: "FROM_PROTOCOL_DEFAULT" } },
    expected: { redirect: { schemeRedirect: "https", portRedirect: 443 } },
  },
  {
    says: "a redirect takes the port of the request",
    http: { redirect: { uri: "/x", derivePort: "FROM_REQUEST_PORT" } },
    expected: { redirect: { portRedirect: 80 } },
  },
  {
    says: "a direct response needs no destination",
    http: { directResponse: { status: 418, body: { string: "no coffee" } } },
    expected: { route: undefined, directResponse: { status: 418, body: { inlineString: "no coffee" } } },
  },
  {
    says: "headers are set, added and removed on the way there and back",
    http: {
      ...to("b"),
      headers: {
        request: { set: { s: "1" }, add: { a: "2" }, remove: ["r"] },
        response: { set: { t: "3" }, remove: ["u"] },
      },
    },
    expected: {
      requestHeadersToAdd: [
        { header: { key: "s", value: "1" }, appendAction: "OVERWRITE_IF_EXISTS_OR_ADD" },
        // APPEND_IF_EXISTS_OR_ADD is the enum's default.
        { header: { key: "a", value: "2" }, appendAction: undefined },
      ],
      requestHeadersToRemove: ["r"],
      responseHeadersToAdd: [{ header: { key: "t", value: "3" }, appendAction: "OVERWRITE_IF_EXISTS_OR_ADD" }],
      responseHeadersToRemove: ["u"],
    },
  },
  {
    says: "a host among the headers is a rewrite, for which there is no header mutation",
    http: { ...to("b"), headers: { request: { set: { Host: "x.example.com" } } } },
    expected: { requestHeadersToAdd: undefined, route: { hostRewriteLiteral: "x.example.com" } },
  },
  {
    says: "a mirror gets every request by default, and the host that the client named",
    http: { ...to("b"), mirror: { host: "c.example.com" } },
    expected: {
      route: {
        cluster: B,
        requestMirrorPolicies: [
          {
            cluster: C,
            runtimeFraction: { defaultValue: { numerator: 100, denominator: undefined } },
            disableShadowHostSuffixAppend: true,
          },
        ],
      },
    },
  },
  {
    says: "several mirrors get their shares, and one of nothing gets nothing",
    http: {
      ...to("b"),
      mirrors: [
        { destination: { host: "c.example.com" }, percentage: { value: 0.5 } },
        { destination: { host: "a.example.com" }, percentage: { value: 0 } },
      ],
    },
    expected: {
      route: {
        requestMirrorPolicies: [
          { cluster: C, runtimeFraction: { defaultValue: { numerator: 5000, denominator: "MILLION" } } },
        ],
      },
    },
  },
];

for (const { says, http, expected } of ACTIONS) {
  test(says, () => {
    const routes = routesFor([http]);
    assert.equal(routes.length, 1);
    assertLike(routes[0], expected);
  });
}

test("several destinations have their weights, their subsets and their own headers", () => {
  const [route] = routesFor([
    {
      route: [
        { destination: { host: "b.example.com", subset: "v1" }, weight: 75 },
        {
          destination: { host: "c.example.com" },
          weight: 25,
          headers: { response: { add: { from: "c" } }, request: { set: { host: "c" } } },
        },
      ],
    },
  ]);
  assertLike(route!.route, {
    cluster: undefined,
    weightedClusters: {
      clusters: [
        { name: "outbound|80|v1|b.example.com", weight: 75, responseHeadersToAdd: undefined },
        {
          name: C,
          weight: 25,
          responseHeadersToAdd: [{ header: { key: "from", value: "c" } }],
          hostRewriteLiteral: "c",
        },
      ],
    },
  });
});

test("of several destinations one without weight gets nothing", () => {
  const [route] = routesFor([
    {
      route: [
        { destination: { host: "b.example.com" }, weight: 100 },
        { destination: { host: "c.example.com" }, weight: 0 },
      ],
    },
  ]);
  assertLike(route!.route, { weightedClusters: { clusters: [{ name: B, weight: 100 }] } });
});

test("a destination's port is the one it names, else its service's only one, else the one of the request", () => {
  const two = { ports: [HTTP_80, { number: 8080, name: "http-2", protocol: "HTTP" }] };
  const one = { ports: [{ number: 8080, name: "http", protocol: "HTTP" }] };
  const gateway = doc("Gateway", "gw", {
    selector: { istio: "gateway" },
    servers: [{ port: HTTP_80, hosts: ["*"] }],
  });
  const cluster = (destination: object): unknown => {
    const http = [{ route: [{ destination }] }];
    const vs = doc("VirtualService", "v", { hosts: ["x.example.com"], gateways: ["gw"], http });
    const mesh = meshOf([host("two", two), host("one", one), gateway, vs]);
    const [vh] = virtualHosts(mesh, "http.80", { type: "router", labels: { istio: "gateway" } });
    return (vh!.routes![0]!.route as { cluster: string }).cluster;
  };
  assert.equal(cluster({ host: "two.example.com", port: { number: 8080 } }), "outbound|8080||two.example.com");
  assert.equal(cluster({ host: "one.example.com" }), "outbound|8080||one.example.com");
  assert.equal(cluster({ host: "two.example.com" }), "outbound|80||two.example.com");
});

test("a short destination is a name in the VirtualService's own namespace", () => {
  const vs = doc(
    "VirtualService",
    "a",
    { hosts: ["a.example.com"], http: [{ route: [{ destination: { host: "reviews" } }] }] },
    { namespace: "shop" },
  );
  const [vh] = virtualHosts(meshOf([host("a"), vs]), "80");
  assertLike(vh!.routes, [{ route: { cluster: "outbound|80||reviews.shop.svc.cluster.local" } }]);
});

test("a hash of requests comes with the route to the destination whose rule asks for it", () => {
  const rule = (name: string, consistentHash: object): object =>
    doc("DestinationRule", name, {
      host: `${name}.example.com`,
      trafficPolicy: { loadBalancer: { consistentHash } },
    });
  const rules = [
    rule("b", { httpHeaderName: "x-user" }),
    rule("c", { httpCookie: { name: "session", ttl: "60s", path: "/p" } }),
  ];
  const [b] = routesFor([to("b")], {}, rules);
  assertLike(b!.route, { hashPolicy: [{ header: { headerName: "x-user" } }] });
  const [c] = routesFor([to("c")], {}, rules);
  assertLike(c!.route, { hashPolicy: [{ cookie: { name: "session", ttl: "60s", path: "/p" } }] });
  const [a] = routesFor([to("a")], {}, rules);
  assertLike(a!.route, { hashPolicy: undefined });
});
