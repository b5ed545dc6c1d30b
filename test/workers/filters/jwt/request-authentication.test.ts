// How tokens of requests are checked, issuer by issuer.
// https://istio.io/latest/docs/reference/config/security/request_authentication/
import assert from "node:assert/strict";
import { test } from "node:test";
import { httpFilters, securityFilters, served, tcpFilters } from "../../../support/inbound-filters.ts";
import { assertLike, doc, host } from "../../../support/worker-behaviour.ts";
import type { Json } from "../../../support/worker-json.ts";
import { generateFor, meshSettings, type WorkerMesh } from "../../../support/worker-mesh.ts";

const JWKS = '{"keys":[{"kty":"RSA","e":"AQAB","n":"x"}]}';
const INLINE = { issuer: "i", jwks: JWKS };

interface JwtJson {
  readonly providers: Readonly<Record<string, Json>>;
  readonly rules: readonly { readonly match: Json; readonly requires: Json }[];
  readonly bypassCorsPreflight: boolean;
}

function policy(name: string, jwtRules: readonly object[], meta: { namespace?: string; age?: number } = {}): object {
  return doc("RequestAuthentication", name, { jwtRules }, meta);
}

function meshWith(policies: readonly object[], mode = "false", services: readonly object[] = []): WorkerMesh {
  return served([...services, ...policies], meshSettings("", { PILOT_JWT_ENABLE_REMOTE_JWKS: mode }));
}

function jwtOf(mesh: WorkerMesh): JwtJson {
  const [filter, ...others] = securityFilters(httpFilters(mesh));
  assert.equal(filter?.name, "envoy.filters.http.jwt_authn");
  assert.deepEqual(others, []);
  return filter!.typedConfig as unknown as JwtJson;
}

function providerOf(rule: object): Json {
  return jwtOf(meshWith([policy("p", [{ ...INLINE, ...rule }])])).providers["origins-0"]!;
}

test("a token that comes must be valid, and none has to come", () => {
  const { rules, bypassCorsPreflight } = jwtOf(meshWith([policy("p", [INLINE])]));
  assert.deepEqual(rules, [
    {
      match: { prefix: "/" },
      requires: { requiresAny: { requirements: [{ providerName: "origins-0" }, { allowMissing: {} }] } },
    },
  ]);
  assert.equal(bypassCorsPreflight, true);
});

test("a token has to come where the rule says so", () => {
  const { rules } = jwtOf(meshWith([policy("p", [{ ...INLINE, presence: "REQUIRED" }])]));
  assert.deepEqual(rules[0]?.requires, { providerName: "origins-0" });
});

test("of several issuers, a valid token of one is enough", () => {
  const { rules } = jwtOf(meshWith([policy("p", [INLINE, { ...INLINE, issuer: "j", presence: "REQUIRED" }])]));
  const first = { providerName: "origins-0" };
  const second = { providerName: "origins-1" };
  assert.deepEqual(rules[0]?.requires, {
    requiresAny: {
      requirements: [
        first,
        second,
        { requiresAll: { requirements: [{ requiresAny: { requirements: [first, { allowMissing: {} }] } }, second] } },
      ],
    },
  });
});

test("connections have no tokens", () => {
  assert.deepEqual(securityFilters(tcpFilters(meshWith([policy("p", [INLINE])]))), []);
});

test("a policy without rules changes nothing", () => {
  assert.deepEqual(securityFilters(httpFilters(meshWith([policy("p", [])]))), []);
});

const PLAIN = {
  issuer: "i",
  localJwks: { inlineString: JWKS },
  payloadInMetadata: "payload",
  normalizePayloadInMetadata: { spaceDelimitedClaims: ["permission", "scope"] },
};

const SETTINGS: readonly (readonly [rule: object, expected: object])[] = [
  [{}, {}],
  [{ audiences: ["a", "b"] }, { audiences: ["a", "b"] }],
  [{ forwardOriginalToken: true }, { forward: true }],
  [{ outputPayloadToHeader: "x-p" }, { forwardPayloadHeader: "x-p" }],
  [
    { fromHeaders: [{ name: "x-a", prefix: "Token " }, { name: "x-b" }] },
    { fromHeaders: [{ name: "x-a", valuePrefix: "Token " }, { name: "x-b" }] },
  ],
  [{ fromParams: ["p"] }, { fromParams: ["p"] }],
  [{ fromCookies: ["c"] }, { fromCookies: ["c"] }],
  [
    { outputClaimToHeaders: [{ header: "x-sub", claim: "sub" }] },
    { claimToHeaders: [{ headerName: "x-sub", claimName: "sub" }] },
  ],
  [
    { spaceDelimitedClaims: ["roles", "scope"] },
    { normalizePayloadInMetadata: { spaceDelimitedClaims: ["permission", "roles", "scope"] } },
  ],
];

for (const [rule, expected] of SETTINGS) {
  test(`a rule with ${JSON.stringify(rule)}`, () => assert.deepEqual(providerOf(rule), { ...PLAIN, ...expected }));
}

test("rules of all policies are one filter, by issuer", () => {
  const root = { namespace: "istio-system" };
  const { providers } = jwtOf(
    meshWith([
      policy("a", [
        { ...INLINE, issuer: "z" },
        { ...INLINE, issuer: "b", fromParams: ["own"] },
      ]),
      policy("b", [{ ...INLINE, issuer: "b", fromParams: ["root"] }], root),
    ]),
  );
  assert.deepEqual(
    Object.entries(providers).map(([name, { issuer, fromParams }]) => [name, issuer, fromParams]),
    [
      ["origins-0", "b", ["own"]],
      ["origins-1", "b", ["root"]],
      ["origins-2", "z", undefined],
    ],
  );
});

const KEYS = host("keys", {}, { namespace: "idp" });
const URI = { issuer: "i", jwksUri: "http://keys.example.com/jwks" };

const FETCHED: readonly (readonly [says: string, mode: string, rule: object, expected: object])[] = [
  ["of a service of the mesh", "envoy", URI, { cluster: "outbound|80||keys.example.com", timeout: "5s" }],
  ["of a service of the mesh", "hybrid", URI, { cluster: "outbound|80||keys.example.com", timeout: "5s" }],
  ["of a service of the mesh", "true", { ...URI, timeout: "2s" }, { timeout: "2s" }],
  [
    "of an unknown host",
    "envoy",
    { ...URI, jwksUri: "https://[2001:db8::1]/jwks" },
    { uri: "https://[2001:db8::1]/jwks", cluster: "outbound|443||2001:db8::1" },
  ],
  ["at a port", "envoy", { ...URI, jwksUri: "https://u@a.com:8443" }, { cluster: "outbound|8443||a.com" }],
  ["of no host", "envoy", { ...URI, jwksUri: "http://" }, { cluster: "outbound|80||" }],
];

for (const [says, mode, rule, expected] of FETCHED) {
  test(`the proxy fetches keys ${says} (${mode})`, () => {
    const { localJwks, remoteJwks } = jwtOf(meshWith([policy("p", [rule])], mode, [KEYS])).providers["origins-0"]!;
    assert.equal(localJwks, undefined);
    assertLike(remoteJwks, { cacheDuration: "300s", httpUri: expected });
  });
}

const KEYLESS: readonly (readonly [says: string, mode: string, rule: object])[] = [
  ["that the control plane would have to fetch", "false", URI],
  ["that the control plane would have to fetch", "istiod", URI],
  ["of a host that isn't in the mesh", "hybrid", { ...URI, jwksUri: "https://other.com/jwks" }],
  ["that only the issuer knows", "envoy", { issuer: "i" }],
];

for (const [says, mode, rule] of KEYLESS) {
  test(`without keys, ${says}, no token is valid (${mode})`, () => {
    const mesh = meshWith([policy("p", [rule])], mode, [KEYS]);
    const { localJwks, remoteJwks } = jwtOf(mesh).providers["origins-0"]!;
    assert.equal(remoteJwks, undefined);
    const { keys } = JSON.parse((localJwks as { inlineString: string }).inlineString) as { keys: readonly Json[] };
    assert.deepEqual(
      keys.map(({ kty }) => kty),
      ["RSA"],
    );
    const { warnings } = generateFor(mesh.context(), mesh.view({ ip: "10.0.0.1" }), "LDS", null);
    assert.deepEqual(warnings, ["RequestAuthentication/default/p: no keys of issuer i"]);
  });
}

test("keys that the rule has need no server, whoever fetches", () => {
  for (const mode of ["false", "envoy"]) {
    const { localJwks } = jwtOf(meshWith([policy("p", [INLINE])], mode)).providers["origins-0"]!;
    assert.deepEqual(localJwks, { inlineString: JWKS }, mode);
  }
});
