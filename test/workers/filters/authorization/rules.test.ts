// What a rule of an AuthorizationPolicy becomes, attribute by attribute.
// https://istio.io/latest/docs/reference/config/security/authorization-policy/
// https://istio.io/latest/docs/reference/config/security/conditions/
import assert from "node:assert/strict";
import { test } from "node:test";
import { httpFilters, securityFilters, served, tcpFilters } from "../../../support/inbound-filters.ts";
import { doc } from "../../../support/worker-behaviour.ts";
import type { Json } from "../../../support/worker-json.ts";

interface RbacPolicyJson {
  readonly principals: readonly Json[];
  readonly permissions: readonly Json[];
}

type Layer = "http" | "tcp";

/** The RBAC policy of a rule; undefined where the rule has none. */
function ruleOf(rule: object, action = "ALLOW", layer: Layer = "http"): RbacPolicyJson | undefined {
  const mesh = served([doc("AuthorizationPolicy", "p", { action, rules: [rule] })]);
  const [filter, ...others] = securityFilters(layer === "http" ? httpFilters(mesh) : tcpFilters(mesh));
  assert.ok(filter);
  assert.deepEqual(others, []);
  const { policies = {} } = filter.typedConfig.rules as { policies?: Record<string, RbacPolicyJson> };
  return policies["ns[default]-policy[p]-rule[0]"];
}

const identity = (matcher: object): object => ({ authenticated: { principalName: matcher } });
const regex = (text: string): object => ({ safeRegex: { regex: text } });
const anyOf = (...ids: object[]): object => ({ orIds: { ids } });
const range = (addressPrefix: string, prefixLen: number): object => ({ addressPrefix, prefixLen });
const claim = (name: string, value: object): object => ({
  metadata: { filter: "envoy.filters.http.jwt_authn", path: [{ key: "payload" }, { key: name }], value },
});
const text = (matcher: object): object => ({ stringMatch: matcher });
const pair = (iss: object, sub: object): object => ({
  andIds: { ids: [claim("iss", text(iss)), claim("sub", text(sub))] },
});

const SOURCES: readonly (readonly [source: object, expected: object])[] = [
  [{ principals: ["td/ns/a/sa/b"] }, anyOf(identity({ exact: "spiffe://td/ns/a/sa/b" }))],
  [{ principals: ["td/ns/a*"] }, anyOf(identity({ prefix: "spiffe://td/ns/a" }))],
  [{ principals: ["*/sa/b.c"] }, anyOf(identity(regex("spiffe://.*/sa/b\\.c")))],
  [{ principals: ["*"] }, anyOf(identity(regex(".+")))],
  [{ namespaces: ["a", "b-*"] }, anyOf(identity(regex(".*/ns/a/.*")), identity(regex(".*/ns/b-.*/.*")))],
  [{ serviceAccounts: ["b.c"] }, anyOf(identity(regex("spiffe://.+/ns/default/(.+/|)sa/b\\.c(/.+)?")))],
  [{ serviceAccounts: ["a/b"] }, anyOf(identity(regex("spiffe://.+/ns/a/(.+/|)sa/b(/.+)?")))],
  [{ trustDomains: ["td"] }, anyOf(identity({ prefix: "spiffe://td/" }))],
  [{ trustDomains: ["*.td"] }, anyOf(identity(regex("spiffe://[^/]*\\.td/.*")))],
  [{ ipBlocks: ["10.0.0.1", "10.1.0.0/16"] }, anyOf(direct("10.0.0.1", 32), direct("10.1.0.0", 16))],
  [{ ipBlocks: ["2001:DB8::/32"] }, anyOf(direct("2001:db8::", 32))],
  [{ remoteIpBlocks: ["10.0.0.1"] }, anyOf({ remoteIp: range("10.0.0.1", 32) })],
  [{ requestPrincipals: ["*"] }, pair(regex(".+"), regex(".+"))],
  [{ requestPrincipals: ["https://i/s"] }, pair({ exact: "https://i" }, { exact: "s" })],
  [{ requestPrincipals: ["i/*"] }, pair({ exact: "i" }, regex(".+"))],
  [{ requestPrincipals: ["i/s*"] }, pair({ exact: "i" }, { prefix: "s" })],
  [{ requestPrincipals: ["*/s"] }, pair(regex(".+"), { exact: "s" })],
  [{ requestPrincipals: ["*i/s"] }, pair({ suffix: "i" }, { exact: "s" })],
  [{ requestPrincipals: ["*s"] }, pair(regex(".+"), { suffix: "s" })],
  [{ requestPrincipals: ["i*"] }, pair({ prefix: "i" }, regex(".+"))],
  [
    { requestPrincipals: ["i/a", "i/b"] },
    anyOf(pair({ exact: "i" }, { exact: "a" }), pair({ exact: "i" }, { exact: "b" })),
  ],
];

function direct(address: string, length: number): object {
  return { directRemoteIp: range(address, length) };
}

for (const [source, expected] of SOURCES) {
  test(`source ${JSON.stringify(source)}`, () => {
    const policy = ruleOf({ from: [{ source }] });
    assert.deepEqual(policy?.principals, [{ andIds: { ids: [expected] } }]);
    assert.deepEqual(policy?.permissions, [{ andRules: { rules: [{ any: true }] } }]);
  });
  const [[name, values] = ["", []]] = Object.entries(source) as [string, unknown][];
  const negation = { [`not${name.charAt(0).toUpperCase()}${name.slice(1)}`]: values };
  test(`source ${JSON.stringify(negation)}`, () => {
    const policy = ruleOf({ from: [{ source: negation }] });
    assert.deepEqual(policy?.principals, [{ andIds: { ids: [{ notId: expected }] } }]);
  });
}

const anyRule = (...rules: object[]): object => ({ orRules: { rules } });
const header = (name: string, matcher: object): object => ({ header: { name, stringMatch: matcher } });
const path = (matcher: object): object => ({ urlPath: { path: matcher } });
const template = (pathTemplate: string): object => ({
  uriTemplate: {
    name: "uri-template",
    typedConfig: {
      "@type": "type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig",
      pathTemplate,
    },
  },
});

const OPERATIONS: readonly (readonly [operation: object, expected: object])[] = [
  [{ hosts: ["A.com"] }, anyRule(header(":authority", { exact: "A.com", ignoreCase: true }))],
  [{ hosts: ["*.com"] }, anyRule(header(":authority", { suffix: ".com", ignoreCase: true }))],
  [{ hosts: ["*"] }, anyRule({ header: { name: ":authority", presentMatch: true } })],
  [{ methods: ["GET", "P*"] }, anyRule(header(":method", { exact: "GET" }), header(":method", { prefix: "P" }))],
  [{ paths: ["/a", "/b*", "*.c"] }, anyRule(path({ exact: "/a" }), path({ prefix: "/b" }), path({ suffix: ".c" }))],
  [{ paths: ["*"] }, anyRule(path(regex(".+")))],
  [{ paths: ["/a/{*}/b"] }, anyRule(template("/a/*/b"))],
  [{ paths: ["/a/{**}"] }, anyRule(template("/a/**"))],
  [{ ports: ["80", "443"] }, anyRule({ destinationPort: 80 }, { destinationPort: 443 })],
];

for (const [operation, expected] of OPERATIONS) {
  test(`operation ${JSON.stringify(operation)}`, () => {
    const policy = ruleOf({ to: [{ operation }] });
    assert.deepEqual(policy?.permissions, [{ andRules: { rules: [expected] } }]);
    assert.deepEqual(policy?.principals, [{ andIds: { ids: [{ any: true }] } }]);
  });
  const [[name, values] = ["", []]] = Object.entries(operation) as [string, unknown][];
  const negation = { [`not${name.charAt(0).toUpperCase()}${name.slice(1)}`]: values };
  test(`operation ${JSON.stringify(negation)}`, () => {
    const policy = ruleOf({ to: [{ operation: negation }] });
    assert.deepEqual(policy?.permissions, [{ andRules: { rules: [{ notRule: expected }] } }]);
  });
}

const listOr = (value: object): object => ({ orMatch: { valueMatchers: [{ listMatch: { oneOf: value } }, value] } });
const either = (...values: object[]): object => ({ orMatch: { valueMatchers: values } });

const CALLER: readonly (readonly [key: string, values: readonly string[], expected: object])[] = [
  ["source.ip", ["10.0.0.1"], anyOf(direct("10.0.0.1", 32))],
  ["remote.ip", ["10.0.0.0/8"], anyOf({ remoteIp: range("10.0.0.0", 8) })],
  ["source.namespace", ["a"], anyOf(identity(regex(".*/ns/a/.*")))],
  ["source.principal", ["td/ns/a/sa/b"], anyOf(identity({ exact: "spiffe://td/ns/a/sa/b" }))],
  ["source.serviceAccount", ["a/b"], anyOf(identity(regex("spiffe://.+/ns/a/(.+/|)sa/b(/.+)?")))],
  ["source.trustDomain", ["td"], anyOf(identity({ prefix: "spiffe://td/" }))],
  ["request.auth.principal", ["i/s"], pair({ exact: "i" }, { exact: "s" })],
  ["request.auth.audiences", ["a"], claim("aud", listOr(text({ exact: "a" })))],
  ["request.auth.presenter", ["p*"], claim("azp", listOr(text({ prefix: "p" })))],
  ["request.auth.claims[groups]", ["a", "*"], claim("groups", listOr(either(text({ exact: "a" }), text(regex(".+")))))],
  [
    "request.auth.claims[a][b]",
    ["c"],
    {
      metadata: {
        filter: "envoy.filters.http.jwt_authn",
        path: [{ key: "payload" }, { key: "a" }, { key: "b" }],
        value: listOr(text({ exact: "c" })),
      },
    },
  ],
  [
    "request.headers[X-a]",
    ["b", "*"],
    anyOf(header("X-a", { exact: "b" }), { header: { name: "X-a", presentMatch: true } }),
  ],
];

for (const [key, values, expected] of CALLER) {
  test(`condition ${key}, which is about the caller`, () => {
    const wanted = ruleOf({ when: [{ key, values }] });
    assert.deepEqual(wanted?.principals, [{ andIds: { ids: [expected] } }]);
    const unwanted = ruleOf({ when: [{ key, notValues: values }] });
    assert.deepEqual(unwanted?.principals, [{ andIds: { ids: [{ notId: expected }] } }]);
  });
}

const filterMetadata = (value: object): object => ({
  metadata: { filter: "envoy.filters.a.b", path: [{ key: "c.d" }], value },
});

const CALLED: readonly (readonly [key: string, values: readonly string[], expected: object])[] = [
  ["destination.ip", ["10.0.0.0/8"], anyRule({ destinationIp: range("10.0.0.0", 8) })],
  ["destination.port", ["80"], anyRule({ destinationPort: 80 })],
  ["connection.sni", ["*.a.com"], anyRule({ requestedServerName: { suffix: ".a.com" } })],
  ["experimental.envoy.filters.a.b[c.d]", ["x*"], filterMetadata(text({ prefix: "x" }))],
  ["experimental.envoy.filters.a.b[c.d]", ["[x]"], filterMetadata({ listMatch: { oneOf: text({ exact: "x" }) } })],
  [
    "experimental.envoy.filters.a.b[c.d]",
    ["x", "y"],
    filterMetadata(either(text({ exact: "x" }), text({ exact: "y" }))),
  ],
];

for (const [key, values, expected] of CALLED) {
  test(`condition ${key} ${values}, which is about what is called`, () => {
    const wanted = ruleOf({ when: [{ key, values }] });
    assert.deepEqual(wanted?.permissions, [{ andRules: { rules: [expected] } }]);
    const unwanted = ruleOf({ when: [{ key, notValues: values }] });
    assert.deepEqual(unwanted?.permissions, [{ andRules: { rules: [{ notRule: expected }] } }]);
  });
}

test("values and not-values of one attribute both hold", () => {
  const policy = ruleOf({ to: [{ operation: { paths: ["/a*"], notPaths: ["/a/b"] } }] });
  const rules = [anyRule(path({ prefix: "/a" })), { notRule: anyRule(path({ exact: "/a/b" })) }];
  assert.deepEqual(policy?.permissions, [{ andRules: { rules } }]);
});

test("any source, any operation, and every condition with each of them", () => {
  const policy = ruleOf({
    from: [{ source: { namespaces: ["a"] } }, { source: { namespaces: ["b"] } }],
    to: [{ operation: { methods: ["GET"] } }, { operation: { ports: ["80"] } }],
    when: [
      { key: "source.ip", values: ["10.0.0.1"] },
      { key: "destination.port", values: ["81"] },
    ],
  });
  const ip = anyOf(direct("10.0.0.1", 32));
  assert.deepEqual(policy?.principals, [
    { andIds: { ids: [anyOf(identity(regex(".*/ns/a/.*"))), ip] } },
    { andIds: { ids: [anyOf(identity(regex(".*/ns/b/.*"))), ip] } },
  ]);
  const port = anyRule({ destinationPort: 81 });
  assert.deepEqual(policy?.permissions, [
    { andRules: { rules: [anyRule(header(":method", { exact: "GET" })), port] } },
    { andRules: { rules: [anyRule({ destinationPort: 80 }), port] } },
  ]);
});

const HTTP_ONLY: readonly object[] = [
  { from: [{ source: { requestPrincipals: ["*"] } }] },
  { to: [{ operation: { hosts: ["a.com"] } }] },
  { to: [{ operation: { methods: ["GET"] } }] },
  { to: [{ operation: { notPaths: ["/a"] } }] },
  { when: [{ key: "request.headers[a]", values: ["b"] }] },
  { when: [{ key: "request.auth.claims[a]", notValues: ["b"] }] },
];

for (const rule of HTTP_ONLY) {
  test(`on TCP, ${JSON.stringify(rule)} allows nothing and denies everything`, () => {
    assert.equal(ruleOf(rule, "ALLOW", "tcp"), undefined);
    for (const action of ["DENY", "AUDIT"]) {
      assert.deepEqual(
        ruleOf(rule, action, "tcp"),
        {
          principals: [{ andIds: { ids: [{ any: true }] } }],
          permissions: [{ andRules: { rules: [{ any: true }] } }],
        },
        action,
      );
    }
  });
}

test("on TCP, what a denying rule asks of connections stays", () => {
  const policy = ruleOf(
    { from: [{ source: { namespaces: ["a"] } }], to: [{ operation: { paths: ["/a"], ports: ["9000"] } }] },
    "DENY",
    "tcp",
  );
  assert.deepEqual(policy?.principals, [{ andIds: { ids: [anyOf(identity(regex(".*/ns/a/.*")))] } }]);
  assert.deepEqual(policy?.permissions, [{ andRules: { rules: [anyRule({ destinationPort: 9000 })] } }]);
});

test("metadata of a filter without a key allows nothing, and narrows nothing that is denied", () => {
  const rule = { when: [{ key: "experimental.envoy.filters.a", values: ["b"] }] };
  assert.equal(ruleOf(rule), undefined);
  assert.deepEqual(ruleOf(rule, "DENY")?.permissions, [{ andRules: { rules: [{ any: true }] } }]);
});
