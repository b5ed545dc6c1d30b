// CUSTOM policies: which requests a provider is asked about, how, and what happens where it can't be asked.
// https://istio.io/latest/docs/tasks/security/authorization/authz-custom/
import assert from "node:assert/strict";
import { test } from "node:test";
import { stringify } from "yaml";
import { type FilterJson, httpFilters, securityFilters, served, tcpFilters } from "../../../support/inbound-filters.ts";
import { assertLike, doc, host } from "../../../support/worker-behaviour.ts";
import { generateFor, meshSettings, type WorkerMesh } from "../../../support/worker-mesh.ts";

const AUTHORIZER = host("authz", {}, { namespace: "auth" });
const SERVICE = "auth/authz.example.com";
const HTTP = { envoyExtAuthzHttp: { service: SERVICE, port: 80 } };
const GRPC = { envoyExtAuthzGrpc: { service: SERVICE, port: 80 } };

function custom(name: string, provider = name): object {
  const rules = [{ to: [{ operation: { ports: ["80"] } }] }];
  return doc("AuthorizationPolicy", name, { action: "CUSTOM", provider: { name: provider }, rules });
}

/** A mesh with providers by name. */
function asking(
  providers: Readonly<Record<string, object>>,
  policies: readonly object[],
  env: Readonly<Record<string, string>> = {},
  services: readonly object[] = [AUTHORIZER],
): WorkerMesh {
  const extensionProviders = Object.entries(providers).map(([name, provider]) => ({ name, ...provider }));
  return served([...services, ...policies], meshSettings(stringify({ extensionProviders }), env));
}

function namesOf(filters: readonly FilterJson[]): readonly string[] {
  return securityFilters(filters).map(({ name }) => name);
}

const SHADOW = {
  action: "DENY",
  policies: {
    "istio-ext-authz-ask-ns[default]-policy[p]-rule[0]": {
      principals: [{ andIds: { ids: [{ any: true }] } }],
      permissions: [{ andRules: { rules: [{ orRules: { rules: [{ destinationPort: 80 }] } }] } }],
    },
  },
};

function enabledBy(layer: "http" | "network"): object {
  return {
    filter: `envoy.filters.${layer}.rbac`,
    path: [{ key: "istio_ext_authz_shadow_effective_policy_id" }],
    value: { stringMatch: { prefix: "istio-ext-authz-ask" } },
  };
}

test("an HTTP provider is asked about requests only", () => {
  const mesh = asking({ ask: HTTP }, [custom("p", "ask")]);
  const [noted, asked, ...others] = securityFilters(httpFilters(mesh));
  assert.deepEqual(others, []);
  assertLike(noted?.typedConfig, { rules: undefined, shadowRules: SHADOW, shadowRulesStatPrefix: "istio_ext_authz_" });
  assert.deepEqual(asked, {
    name: "envoy.filters.http.ext_authz",
    typedConfig: {
      "@type": "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz",
      transportApiVersion: "V3",
      filterEnabledMetadata: enabledBy("http"),
      httpService: {
        serverUri: { uri: "http://authz.example.com", cluster: "outbound|80||authz.example.com", timeout: "600s" },
      },
    },
  });
  assert.deepEqual(namesOf(tcpFilters(mesh)), []);
});

test("a gRPC provider is asked about connections, too", () => {
  const mesh = asking({ ask: GRPC }, [custom("p", "ask")]);
  const grpcService = {
    envoyGrpc: { clusterName: "outbound|80||authz.example.com", authority: "authz.example.com" },
    timeout: "600s",
  };
  assertLike(securityFilters(httpFilters(mesh))[1]?.typedConfig, {
    filterEnabledMetadata: enabledBy("http"),
    grpcService,
  });
  const [noted, asked] = securityFilters(tcpFilters(mesh));
  assertLike(noted, {
    name: "envoy.filters.network.rbac",
    typedConfig: { shadowRules: SHADOW, shadowRulesStatPrefix: "istio_ext_authz_", statPrefix: "tcp." },
  });
  assertLike(asked, {
    name: "envoy.filters.network.ext_authz",
    typedConfig: { statPrefix: "tcp.", filterEnabledMetadata: enabledBy("network"), grpcService },
  });
});

const EXACT = (exact: string): object => ({ patterns: [{ exact, ignoreCase: true }] });

const SETTINGS: readonly (readonly [settings: object, expected: object])[] = [
  [{ timeout: "0.25s" }, { httpService: { serverUri: { timeout: "0.250s" } } }],
  [{ failOpen: true }, { failureModeAllow: true }],
  [{ statusOnError: "503" }, { statusOnError: { code: "ServiceUnavailable" } }],
  [{ pathPrefix: "/check" }, { httpService: { pathPrefix: "/check" } }],
  [{ includeRequestHeadersInCheck: ["x-a"] }, { allowedHeaders: EXACT("x-a") }],
  [{ includeHeadersInCheck: ["x-old"] }, { allowedHeaders: EXACT("x-old") }],
  [{ includeRequestHeadersInCheck: ["x-a"], includeHeadersInCheck: ["x-old"] }, { allowedHeaders: EXACT("x-a") }],
  [
    { includeRequestHeadersInCheck: ["x-*", "*-y"] },
    {
      allowedHeaders: {
        patterns: [
          { prefix: "x-", ignoreCase: true },
          { suffix: "-y", ignoreCase: true },
        ],
      },
    },
  ],
  [
    { includeAdditionalHeadersInCheck: { "x-b": "2", "x-a": "1" } },
    {
      httpService: {
        authorizationRequest: {
          headersToAdd: [
            { key: "x-a", value: "1" },
            { key: "x-b", value: "2" },
          ],
        },
      },
    },
  ],
  [
    { includeRequestBodyInCheck: { maxRequestBytes: 10, allowPartialMessage: true, packAsBytes: true } },
    { withRequestBody: { maxRequestBytes: 10, allowPartialMessage: true, packAsBytes: true } },
  ],
  [
    { headersToUpstreamOnAllow: ["x-u"], headersToDownstreamOnDeny: ["x-d"], headersToDownstreamOnAllow: ["x-c"] },
    {
      httpService: {
        authorizationResponse: {
          allowedUpstreamHeaders: EXACT("x-u"),
          allowedClientHeaders: EXACT("x-d"),
          allowedClientHeadersOnSuccess: EXACT("x-c"),
        },
      },
    },
  ],
];

for (const [settings, expected] of SETTINGS) {
  test(`a provider with ${JSON.stringify(settings)}`, () => {
    const provider = { envoyExtAuthzHttp: { ...HTTP.envoyExtAuthzHttp, ...settings } };
    const [, asked] = securityFilters(httpFilters(asking({ ask: provider }, [custom("p", "ask")])));
    assertLike(asked?.typedConfig, expected);
  });
}

const OTHER_NAMESPACE = host("authz", {}, { namespace: "other" });

const REFUSED: readonly (readonly [says: string, provider: object | undefined, services: readonly object[]])[] = [
  ["isn't there", undefined, [AUTHORIZER]],
  ["does something else", { prometheus: {} }, [AUTHORIZER]],
  ["is at no known service", HTTP, []],
  ["is at a service of another namespace", HTTP, [OTHER_NAMESPACE]],
  [
    "may be one of two services",
    { envoyExtAuthzHttp: { service: "authz.example.com", port: 80 } },
    [AUTHORIZER, OTHER_NAMESPACE],
  ],
  ["has no port", { envoyExtAuthzHttp: { service: SERVICE } }, [AUTHORIZER]],
  [
    "answers errors with no status",
    { envoyExtAuthzGrpc: { ...GRPC.envoyExtAuthzGrpc, statusOnError: "999" } },
    [AUTHORIZER],
  ],
  ["has a prefix that is no path", { envoyExtAuthzHttp: { ...HTTP.envoyExtAuthzHttp, pathPrefix: "x" } }, [AUTHORIZER]],
  [
    "takes bodies of no size",
    { envoyExtAuthzHttp: { ...HTTP.envoyExtAuthzHttp, includeRequestBodyInCheck: { packAsBytes: true } } },
    [AUTHORIZER],
  ],
  [
    "takes all headers",
    { envoyExtAuthzHttp: { ...HTTP.envoyExtAuthzHttp, headersToUpstreamOnAllow: ["*"] } },
    [AUTHORIZER],
  ],
];

const DENIED = {
  action: "DENY",
  policies: {
    "istio-ext-authz-ask-ns[default]-policy[p]-rule[0]-deny-due-to-bad-CUSTOM-action":
      SHADOW.policies["istio-ext-authz-ask-ns[default]-policy[p]-rule[0]"],
  },
};

for (const [says, provider, services] of REFUSED) {
  test(`what a provider is meant for is denied when it ${says}`, () => {
    const mesh = asking(provider ? { ask: provider } : {}, [custom("p", "ask")], {}, services);
    for (const filters of [httpFilters(mesh), tcpFilters(mesh)]) {
      const [denies, ...others] = securityFilters(filters);
      assertLike(denies?.typedConfig, { rules: DENIED, shadowRules: undefined });
      assert.deepEqual(others, []);
    }
    const { warnings } = generateFor(mesh.context(), mesh.view({ ip: "10.0.0.1" }), "LDS", null);
    assert.ok(warnings.length > 0);
    for (const warning of warnings) assert.match(warning, /^AuthorizationPolicy\/default\/p: .*(ask|authz)/);
  });
}

test("a host that one namespace has needs no namespace", () => {
  const provider = { envoyExtAuthzHttp: { service: "authz.example.com", port: 80 } };
  const mesh = asking({ ask: provider }, [custom("p", "ask")]);
  assert.deepEqual(namesOf(httpFilters(mesh)), ["envoy.filters.http.rbac", "envoy.filters.http.ext_authz"]);
});

test("two providers for one workload are too many, unless they are allowed", () => {
  const policies = [custom("p1", "b"), custom("p2", "a")];
  const refused = asking({ a: HTTP, b: GRPC }, policies);
  assert.deepEqual(namesOf(httpFilters(refused)), ["envoy.filters.http.rbac", "envoy.filters.http.rbac"]);
  for (const { typedConfig } of securityFilters(httpFilters(refused)))
    assertLike(typedConfig.rules, { action: "DENY" });
  const allowed = asking({ a: HTTP, b: GRPC }, policies, { PILOT_ENABLE_MULTIPLE_CUSTOM_AUTHZ_PROVIDERS: "true" });
  const both = ["envoy.filters.http.rbac", "envoy.filters.http.ext_authz"];
  assert.deepEqual(namesOf(httpFilters(allowed)), [...both, ...both]);
  assert.deepEqual(namesOf(tcpFilters(allowed)), ["envoy.filters.network.rbac", "envoy.filters.network.ext_authz"]);
});

test("a provider is asked before tokens are looked at, and the other actions come after", () => {
  const jwt = doc("RequestAuthentication", "j", { jwtRules: [{ issuer: "i", jwks: '{"keys":[]}' }] });
  const mesh = asking({ ask: HTTP }, [custom("p", "ask"), jwt, doc("AuthorizationPolicy", "a", { rules: [{}] })]);
  assert.deepEqual(namesOf(httpFilters(mesh)), [
    "envoy.filters.http.rbac",
    "envoy.filters.http.ext_authz",
    "envoy.filters.http.jwt_authn",
    "envoy.filters.http.rbac",
  ]);
});

test("a provider's service that comes later is asked from then on", () => {
  const mesh = asking({ ask: HTTP }, [custom("p", "ask")], {}, []);
  assert.deepEqual(namesOf(httpFilters(mesh)), ["envoy.filters.http.rbac"]);
  const entry = asking({}, []).registry.objects.get("ServiceEntry", "auth", "authz");
  assert.ok(entry);
  mesh.apply([entry]);
  assert.deepEqual(namesOf(httpFilters(mesh)), ["envoy.filters.http.rbac", "envoy.filters.http.ext_authz"]);
});
