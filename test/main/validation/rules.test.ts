// Rules beyond the fixtures of the conformance suite: each row is a spec and the fields that are wrong in it.
import assert from "node:assert/strict";
import { it } from "node:test";
import { parseYaml } from "../../../src/main/config/yaml-documents.ts";
import { ISTIO_KIND_INFO } from "../../../src/main/validation/istio-kinds.ts";
import { loadDescriptors } from "../../../src/main/validation/structural/descriptors.ts";
import { createValidator } from "../../../src/main/validation/validate-object.ts";
import type { IstioKind } from "../../../src/shared/model/config.ts";

const features = { ipAutoAllocate: true, wildcardHostServiceEntriesForTls: false };
const validate = createValidator({ descriptors: loadDescriptors(), features });

function wrongFields(kind: IstioKind, spec: string): string[] {
  const parsed = parseYaml({ text: spec, line: 1 });
  assert.ok(parsed.ok, spec);
  const { group, versions } = ISTIO_KIND_INFO[kind];
  const raw = { apiVersion: `${group}/${versions[0]}`, kind, metadata: { name: "x" }, spec: parsed.value };
  const result = validate(raw, { source: "test" });
  return result.ok ? [] : result.errors.map((e) => e.field);
}

const TO = "route: [{destination: {host: a.example}}]";

const ROWS: readonly (readonly [IstioKind, string, readonly string[]])[] = [
  ["VirtualService", `{hosts: [a.example], http: [{${TO}, timeout: 0s}]}`, []],
  ["VirtualService", "{hosts: [a.example]}", ["spec"]],
  ["VirtualService", "{hosts: [a.example], http: [{}]}", ["spec.http[0]"]],
  ["VirtualService", `{hosts: [a.example], http: [{${TO}, redirect: {uri: /}}]}`, ["spec.http[0]"]],
  [
    "VirtualService",
    `{hosts: [a.example], http: [{${TO}, match: [{uri: {regex: "a("}}]}]}`,
    ["spec.http[0].match[0].uri.regex"],
  ],
  [
    "VirtualService",
    `{hosts: [a.example], http: [{${TO}, retries: {attempts: 1, retryOn: "5xx,odd"}}]}`,
    ["spec.http[0].retries.retryOn"],
  ],
  [
    "VirtualService",
    `{hosts: [a.example], http: [{${TO}, fault: {abort: {httpStatus: 99}}}]}`,
    ["spec.http[0].fault.abort.httpStatus"],
  ],
  ["VirtualService", `{hosts: [a.example], http: [{${TO}, timeout: 0.5ms}]}`, ["spec.http[0].timeout"]],
  [
    "VirtualService",
    `{hosts: [a.example], tls: [{match: [{sniHosts: [b.example]}], ${TO}}]}`,
    ["spec.tls[0].match[0].sniHosts[0]"],
  ],
  ["VirtualService", "{hosts: [a.example], tcp: [{}]}", ["spec.tcp[0].route"]],
  ["VirtualService", `{hosts: [a.example], exportTo: ["*", ns], http: [{${TO}}]}`, ["spec.exportTo"]],
  ["DestinationRule", "{host: a.example, trafficPolicy: {}}", ["spec.trafficPolicy"]],
  ["DestinationRule", "{host: '', subsets: [{name: ''}]}", ["spec.host", "spec.subsets[0].name"]],
  [
    "DestinationRule",
    "{host: a.example, trafficPolicy: {tls: {mode: MUTUAL}}}",
    ["spec.trafficPolicy.tls.clientCertificate", "spec.trafficPolicy.tls.privateKey"],
  ],
  [
    "DestinationRule",
    "{host: a.example, trafficPolicy: {outlierDetection: {maxEjectionPercent: 101}}}",
    ["spec.trafficPolicy.outlierDetection.maxEjectionPercent"],
  ],
  [
    "DestinationRule",
    "{host: a.example, trafficPolicy: {loadBalancer: {localityLbSetting: {distribute: [{from: a/*, to: {a/*: 60}}]}}}}",
    ["spec.trafficPolicy.loadBalancer.localityLbSetting.distribute[0].to"],
  ],
  [
    "Gateway",
    "{servers: [{port: {number: 443, name: https, protocol: HTTPS}, hosts: ['*']}]}",
    ["spec.servers[0].tls"],
  ],
  [
    "Gateway",
    "{servers: [{port: {number: 443, name: https, protocol: HTTPS}, hosts: ['*'], tls: {mode: SIMPLE, credentialName: c}}]}",
    [],
  ],
  [
    "Gateway",
    "{servers: [{port: {number: 80, name: a, protocol: HTTP}, hosts: [x/y/z]}]}",
    ["spec.servers[0].hosts[0]"],
  ],
  [
    "ServiceEntry",
    "{hosts: ['*.a.example'], resolution: DNS, ports: [{number: 80, name: http, protocol: HTTP}]}",
    ["spec.hosts[0]"],
  ],
  [
    "ServiceEntry",
    "{hosts: [a.example], resolution: STATIC, endpoints: [{address: b.example}]}",
    ["spec.endpoints[0].address"],
  ],
  [
    "ServiceEntry",
    "{hosts: [a.example], addresses: [10.0.0.0/33], ports: [{number: 80, name: http, protocol: ODD}]}",
    ["spec.addresses[0]", "spec.ports[0].protocol"],
  ],
  [
    "Sidecar",
    "{egress: [{hosts: ['./*'], port: {number: 80}}, {hosts: ['./*'], port: {number: 80}}]}",
    ["spec.egress[1]"],
  ],
  [
    "AuthorizationPolicy",
    "{rules: [{to: [{operation: {paths: ['/a/{*}/b', '/{x}']}}]}]}",
    ["spec.rules[0].to[0].operation.paths[1]"],
  ],
  [
    "AuthorizationPolicy",
    "{rules: [{when: [{key: 'request.headers[x]', values: [a]}, {key: request.headers, values: [a]}]}]}",
    ["spec.rules[0].when[1]", "spec.rules[0].when[1]"],
  ],
  ["RequestAuthentication", "{jwtRules: [{issuer: a, jwksUri: 'ftp://a.example/'}]}", ["spec.jwtRules[0].jwksUri"]],
  ["Telemetry", "{tracing: [{randomSamplingPercentage: 101}]}", ["spec.tracing[0].randomSamplingPercentage"]],
  ["WorkloadGroup", "{}", ["spec.template"]],
];

it("rejects what istiod rejects, with the field that is wrong", () => {
  for (const [kind, spec, fields] of ROWS) assert.deepEqual(wrongFields(kind, spec), fields, `${kind} ${spec}`);
});
