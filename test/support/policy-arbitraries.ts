// Random documents of security and telemetry that mostly pass validation.
import fc from "fast-check";
import { document, labels, maybe } from "./random-documents.ts";

const mode = fc.constantFrom("STRICT", "PERMISSIVE", "DISABLE", "UNSET").map((m) => ({ mode: m }));
export const peerAuthentication = document(
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
export const authorizationPolicy = document(
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

export const requestAuthentication = document(
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
export const telemetry = document(
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
