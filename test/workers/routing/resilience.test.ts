// What a route does against failures, and what failures it makes: timeouts, retries, faults, cross-origin rules.
// https://istio.io/latest/docs/concepts/traffic-management/#network-resilience-and-testing
import { test } from "node:test";
import { assertLike, doc, host, meshOf, routesFor, to, virtualHosts } from "../../support/worker-behaviour.ts";
import { meshSettings } from "../../support/worker-mesh.ts";

const DEFAULT_CONDITIONS = "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes";

test("requests have no timeout unless a route gives one", () => {
  assertLike(routesFor([to("b")])[0]!.route, { timeout: "0s" });
  assertLike(routesFor([{ ...to("b"), timeout: "1.5s" }])[0]!.route, { timeout: "1.500s" });
});

test("the timeout also limits gRPC's own; an upstream Envoy would take no timeout beside the field that it has for that", () => {
  const limited = [{ ...to("b"), timeout: "3s" }];
  assertLike(routesFor(limited)[0]!.route, { maxGrpcTimeout: "3s", maxStreamDuration: undefined });
  assertLike(routesFor(limited, { istio: false })[0]!.route, {
    timeout: "3s",
    maxGrpcTimeout: undefined,
    maxStreamDuration: undefined,
  });
  assertLike(routesFor([to("b")], { istio: false })[0]!.route, {
    timeout: "0s",
    maxGrpcTimeout: undefined,
    maxStreamDuration: { grpcTimeoutHeaderMax: "0s" },
  });
});

const RETRIES: readonly { readonly says: string; readonly retries: object | undefined; readonly expected: unknown }[] =
  [
    {
      says: "a request is tried again twice by default, at another host",
      retries: undefined,
      expected: {
        retryOn: DEFAULT_CONDITIONS,
        numRetries: 2,
        retryHostPredicate: [{ name: "envoy.retry_host_predicates.previous_hosts" }],
        perTryTimeout: undefined,
        retryPriority: undefined,
      },
    },
    { says: "no attempts are no retries", retries: { attempts: 0 }, expected: undefined },
    {
      says: "attempts alone leave the default conditions",
      retries: { attempts: 5 },
      expected: { retryOn: DEFAULT_CONDITIONS, numRetries: 5 },
    },
    {
      says: "each try has its timeout, and they have a pause between them",
      retries: { attempts: 3, perTryTimeout: "2s", retryOn: "5xx,gateway-error", backoff: "10ms" },
      expected: {
        retryOn: "5xx,gateway-error",
        numRetries: 3,
        perTryTimeout: "2s",
        retriableStatusCodes: undefined,
        retryBackOff: { baseInterval: "0.010s" },
      },
    },
    {
      says: "numbers among the conditions are status codes",
      retries: { attempts: 1, retryOn: "connect-failure,503,504" },
      expected: { retryOn: "connect-failure,retriable-status-codes", retriableStatusCodes: [503, 504] },
    },
    {
      says: "a retry may go to another locality, or to the host that failed",
      retries: { attempts: 1, retryRemoteLocalities: true, retryIgnorePreviousHosts: false },
      expected: {
        retryHostPredicate: undefined,
        retryPriority: { name: "envoy.retry_priorities.previous_priorities" },
      },
    },
  ];

for (const { says, retries, expected } of RETRIES) {
  test(says, () => {
    const [route] = routesFor([{ ...to("b"), ...(retries ? { retries } : {}) }]);
    assertLike(route!.route, { retryPolicy: expected });
  });
}

test("the mesh's default retries hold for services with and without a VirtualService, not over a route's own", () => {
  const vs = doc("VirtualService", "v", {
    hosts: ["b.example.com"],
    http: [{ match: [{ uri: { exact: "/own" } }], ...to("b"), retries: { attempts: 7 } }, to("b")],
  });
  const settings = meshSettings("defaultHttpRetryPolicy: {attempts: 4, retryOn: reset}");
  const hosts = virtualHosts(meshOf([host("a"), host("b"), vs], settings), "80");
  const retriesOf = (name: string): unknown[] =>
    hosts.find((vh) => vh.name.startsWith(name))!.routes!.map((r) => (r.route as { retryPolicy: object }).retryPolicy);
  assertLike(retriesOf("a"), [{ numRetries: 4, retryOn: "reset" }]);
  assertLike(retriesOf("b"), [
    { numRetries: 7, retryOn: DEFAULT_CONDITIONS },
    { numRetries: 4, retryOn: "reset" },
  ]);
});

test("a retry does not look for another host where a hash chooses it", () => {
  const rule = doc("DestinationRule", "b", {
    host: "b.example.com",
    trafficPolicy: { loadBalancer: { consistentHash: { useSourceIp: true } } },
  });
  const [route] = routesFor([to("b")], {}, [rule]);
  assertLike(route!.route, {
    hashPolicy: [{ connectionProperties: { sourceIp: true } }],
    retryPolicy: { retryHostPredicate: undefined },
  });
});

const FAULT = "envoy.filters.http.fault";
const CORS = "envoy.filters.http.cors";

test("a fault delays and ends shares of the requests, to a ten-thousandth of a percent", () => {
  const fault = {
    delay: { fixedDelay: "5s", percentage: { value: 12.5 } },
    abort: { httpStatus: 503, percentage: { value: 0.0001 } },
  };
  assertLike(routesFor([{ ...to("b"), fault }])[0]!.typedPerFilterConfig, {
    [FAULT]: {
      delay: { fixedDelay: "5s", percentage: { numerator: 125_000, denominator: "MILLION" } },
      abort: { httpStatus: 503, percentage: { numerator: 1, denominator: "MILLION" } },
    },
    [CORS]: undefined,
  });
});

test("a fault ends gRPC calls with a status of gRPC", () => {
  const fault = { abort: { grpcStatus: "UNAVAILABLE", percentage: { value: 100 } } };
  assertLike(routesFor([{ ...to("b"), fault }])[0]!.typedPerFilterConfig, {
    [FAULT]: { delay: undefined, abort: { grpcStatus: 14, httpStatus: undefined } },
  });
});

test("a delay without a share is for every request", () => {
  const fault = { delay: { fixedDelay: "1s" } };
  assertLike(routesFor([{ ...to("b"), fault }])[0]!.typedPerFilterConfig, {
    [FAULT]: { delay: { fixedDelay: "1s", percentage: { numerator: 100, denominator: undefined } }, abort: undefined },
  });
});

test("cross-origin rules list who may ask, how, and for how long it holds", () => {
  const corsPolicy = {
    allowOrigins: [{ exact: "https://x.example.com" }, { regex: "https://.*" }],
    allowMethods: ["GET", "POST"],
    allowHeaders: ["a", "b"],
    exposeHeaders: ["c"],
    maxAge: "24h",
    allowCredentials: true,
    unmatchedPreflights: "IGNORE",
  };
  assertLike(routesFor([{ ...to("b"), corsPolicy }])[0]!.typedPerFilterConfig, {
    [CORS]: {
      allowOriginStringMatch: [{ exact: "https://x.example.com" }, { safeRegex: { regex: "https://.*" } }],
      allowMethods: "GET,POST",
      allowHeaders: "a,b",
      exposeHeaders: "c",
      maxAge: "86400",
      allowCredentials: true,
      forwardNotMatchingPreflights: false,
    },
  });
});
