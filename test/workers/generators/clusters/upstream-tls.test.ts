// How a client secures its connections: as its DestinationRule says, else mesh mTLS wherever both sides can.
// https://istio.io/latest/docs/ops/configuration/traffic-management/tls-configuration/
import assert from "node:assert/strict";
import { test } from "node:test";
import { assertLike, clusterOf, doc, host, meshOf, show } from "../../../support/worker-behaviour.ts";
import type { Json } from "../../../support/worker-json.ts";
import { meshSettings, type ProxySpec } from "../../../support/worker-mesh.ts";

const SNI = "outbound_.80_._.a.example.com";
const AUTO = [{ name: "tlsMode-istio" }, { name: "tlsMode-disabled" }];

function clusterWith(
  tls: object | undefined,
  service: object = {},
  more: readonly object[] = [],
  proxy: ProxySpec = {},
): Json {
  const policy = tls ? { trafficPolicy: { tls } } : {};
  const rule = doc("DestinationRule", "r", { host: "a.example.com", ...policy });
  return clusterOf(meshOf([host("a", service), rule, ...more]), "a", "", proxy);
}

function tlsContext(cluster: Json): Json | undefined {
  return (cluster.transportSocket as { typedConfig: Json } | undefined)?.typedConfig;
}

test("without a rule each endpoint is sent mesh mTLS if it can take it", () => {
  const cluster = clusterWith(undefined);
  assertLike(cluster, { transportSocket: undefined, transportSocketMatches: AUTO });
  const [mutual, plain] = cluster.transportSocketMatches as { match?: Json; transportSocket: { typedConfig: Json } }[];
  assert.deepEqual(mutual!.match, { tlsMode: "istio" });
  assertLike(mutual!.transportSocket.typedConfig, {
    sni: SNI,
    commonTlsContext: {
      alpnProtocols: ["istio-peer-exchange", "istio"],
      tlsCertificateSdsSecretConfigs: [{ name: "default" }],
      combinedValidationContext: { validationContextSdsSecretConfig: { name: "ROOTCA" } },
    },
  });
  assertLike(plain, { match: {}, transportSocket: { name: "envoy.transport_sockets.raw_buffer" } });
});

test("mesh mTLS is not for services outside of the mesh, nor where the mesh or the server's namespace is against it", () => {
  const none = { transportSocket: undefined, transportSocketMatches: undefined };
  assertLike(clusterWith(undefined, { location: "MESH_EXTERNAL" }), none);
  assertLike(clusterOf(meshOf([host("a")], meshSettings("enableAutoMtls: false")), "a"), none);
  const disabled = (namespace: string): object =>
    doc("PeerAuthentication", "p", { mtls: { mode: "DISABLE" } }, { namespace });
  assertLike(clusterWith(undefined, {}, [disabled("default")]), none);
  assertLike(clusterWith(undefined, {}, [disabled("istio-system")]), none);
  assertLike(clusterWith(undefined, {}, [disabled("elsewhere")]), { transportSocketMatches: AUTO });
});

test("DISABLE is plain text", () => {
  assertLike(clusterWith({ mode: "DISABLE" }), { transportSocket: undefined, transportSocketMatches: undefined });
});

test("ISTIO_MUTUAL is mesh mTLS for every endpoint, under the name of the cluster unless it has its own", () => {
  const cluster = clusterWith({ mode: "ISTIO_MUTUAL" });
  assertLike(cluster, { transportSocketMatches: undefined });
  assertLike(tlsContext(cluster), {
    sni: SNI,
    commonTlsContext: { tlsCertificateSdsSecretConfigs: [{ name: "default" }] },
  });
  assertLike(tlsContext(clusterWith({ mode: "ISTIO_MUTUAL", sni: "x" })), { sni: "x" });
});

test("a server of mesh mTLS must be one of the accounts behind the service, or what the rule lists", () => {
  const endpoints = [
    { address: "10.9.0.1", serviceAccount: "one" },
    { address: "10.9.0.2", serviceAccount: "two" },
  ];
  const sans = (tls: object): unknown => {
    const context = tlsContext(clusterWith(tls, { endpoints }))!.commonTlsContext as Json;
    const { defaultValidationContext } = context.combinedValidationContext as { defaultValidationContext: Json };
    return (defaultValidationContext.matchSubjectAltNames as { exact: string }[]).map((m) => m.exact);
  };
  assert.deepEqual(sans({ mode: "ISTIO_MUTUAL" }), [
    "spiffe://cluster.local/ns/default/sa/one",
    "spiffe://cluster.local/ns/default/sa/two",
  ]);
  assert.deepEqual(sans({ mode: "ISTIO_MUTUAL", subjectAltNames: ["spiffe://x/y"] }), ["spiffe://x/y"]);
});

test("SIMPLE checks the server by the request's host and the system's roots, unless told otherwise", () => {
  const plain = clusterWith({ mode: "SIMPLE" });
  assertLike(tlsContext(plain), {
    sni: undefined,
    commonTlsContext: {
      tlsCertificateSdsSecretConfigs: undefined,
      combinedValidationContext: { validationContextSdsSecretConfig: { name: "file-root:system" } },
    },
  });
  assertLike(httpOptions(plain), { upstreamHttpProtocolOptions: { autoSni: true, autoSanValidation: true } });

  const told = clusterWith({ mode: "SIMPLE", sni: "x", caCertificates: "/ca.pem", subjectAltNames: ["y"] });
  assertLike(tlsContext(told), {
    sni: "x",
    commonTlsContext: {
      combinedValidationContext: {
        defaultValidationContext: { matchSubjectAltNames: [{ exact: "y" }] },
        validationContextSdsSecretConfig: { name: "file-root:/ca.pem" },
      },
    },
  });
  assert.equal(httpOptions(told), undefined);
});

test("SIMPLE without verification trusts anybody", () => {
  const cluster = clusterWith({ mode: "SIMPLE", insecureSkipVerify: true });
  assertLike(tlsContext(cluster), { commonTlsContext: { combinedValidationContext: undefined } });
  // False is left out of the message.
  assertLike(httpOptions(cluster), { upstreamHttpProtocolOptions: { autoSni: true, autoSanValidation: undefined } });
});

test("MUTUAL proves itself with the certificate that the rule names", () => {
  const tls = { mode: "MUTUAL", clientCertificate: "/c.pem", privateKey: "/k.pem", caCertificates: "/ca.pem" };
  assertLike(tlsContext(clusterWith(tls)), {
    commonTlsContext: { tlsCertificateSdsSecretConfigs: [{ name: "file-cert:/c.pem~/k.pem" }] },
  });
});

test("TLS of the application's kind leaves Istio's ALPN alone, and HTTP/2 says so", () => {
  const cluster = clusterWith({ mode: "SIMPLE" }, { ports: [{ number: 80, name: "p", protocol: "GRPC" }] });
  assertLike(cluster.metadata, { filterMetadata: { istio: { alpn_override: "false" } } });
  assertLike(tlsContext(cluster), { commonTlsContext: { alpnProtocols: ["h2"] } });
});

test("a credential is for routers, and for sidecars that a rule selects", () => {
  const tls = { mode: "SIMPLE", credentialName: "secret" };
  const secret = {
    combinedValidationContext: { validationContextSdsSecretConfig: { name: "kubernetes://secret-cacert" } },
  };
  assert.equal(tlsContext(clusterWith(tls)), undefined);
  assertLike(tlsContext(clusterWith(tls, {}, [], { type: "router" })), { commonTlsContext: secret });
  const selecting = doc("DestinationRule", "r", {
    host: "a.example.com",
    workloadSelector: { matchLabels: { app: "x" } },
    trafficPolicy: { tls },
  });
  const selected = clusterOf(meshOf([host("a"), selecting]), "a", "", { labels: { app: "x" } });
  assertLike(tlsContext(selected), { commonTlsContext: secret });
});

function httpOptions(cluster: Json): unknown {
  const options = cluster.typedExtensionProtocolOptions as Json | undefined;
  return options?.["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"];
}

test("an endpoint says whether it takes mesh mTLS, which its own policy may turn off", () => {
  const mutual = { "security.istio.io/tlsMode": "istio" };
  const endpoints = [
    { address: "10.9.0.1", labels: { ...mutual, app: "x" } },
    { address: "10.9.0.2", labels: { ...mutual, app: "y" } },
    { address: "10.9.0.3", labels: { app: "z" } },
  ];
  const policy = doc("PeerAuthentication", "p", {
    selector: { matchLabels: { app: "y" } },
    mtls: { mode: "DISABLE" },
  });
  const modes = (more: readonly object[]): unknown => {
    const name = "outbound|80||a.example.com";
    const assignment = show(meshOf([host("a", { endpoints }), ...more]), "EDS", {}, [name])[name]!;
    const [{ lbEndpoints }] = assignment.endpoints as [{ lbEndpoints: { metadata: { filterMetadata: Json } }[] }];
    return lbEndpoints.map((e) => e.metadata.filterMetadata["envoy.transport_socket_match"]);
  };
  const istio = { tlsMode: "istio" };
  assert.deepEqual(modes([]), [istio, istio, undefined]);
  assert.deepEqual(modes([policy]), [istio, undefined, undefined]);
  const rule = (mode: string): object =>
    doc("DestinationRule", "r", { host: "a.example.com", trafficPolicy: { tls: { mode } } });
  // A rule that says what to do leaves nothing to find out.
  assert.deepEqual(modes([policy, rule("ISTIO_MUTUAL")]), [istio, istio, undefined]);
  assert.deepEqual(modes([rule("SIMPLE")]), [undefined, undefined, undefined]);
});

const FILES = { TLS_CLIENT_CERT_CHAIN: "/c.pem", TLS_CLIENT_KEY: "/k.pem", TLS_CLIENT_ROOT_CERT: "/r.pem" };
const OWN_FILES = {
  tlsCertificateSdsSecretConfigs: [{ name: "file-cert:/c.pem~/k.pem" }],
  combinedValidationContext: { validationContextSdsSecretConfig: { name: "file-root:/r.pem" } },
};

test("a proxy with certificates of its own shows them to everybody in the mesh, without looking at what endpoints can", () => {
  const cluster = clusterWith(undefined, {}, [], { metadata: FILES });
  assertLike(cluster, { transportSocketMatches: undefined });
  assertLike(tlsContext(cluster), { sni: SNI, commonTlsContext: { ...OWN_FILES, alpnProtocols: undefined } });
});

const OVER_RULES: readonly (readonly [tls: object, expected: object])[] = [
  [{ mode: "ISTIO_MUTUAL" }, { commonTlsContext: OWN_FILES, sni: undefined }],
  [
    { mode: "MUTUAL", clientCertificate: "/x", privateKey: "/y", caCertificates: "/z", sni: "s.example.com" },
    { commonTlsContext: OWN_FILES, sni: "s.example.com" },
  ],
  [{ mode: "SIMPLE", caCertificates: "/z" }, { commonTlsContext: { tlsCertificateSdsSecretConfigs: undefined } }],
];

for (const [tls, expected] of OVER_RULES) {
  test(`they stand in for those of ${JSON.stringify(tls)}, if that has any`, () => {
    assertLike(tlsContext(clusterWith(tls, {}, [], { metadata: FILES })), expected);
  });
}

test("certificates without roots to check others by don't count", () => {
  const cluster = clusterWith(undefined, {}, [], { metadata: { ...FILES, TLS_CLIENT_ROOT_CERT: "" } });
  assertLike(cluster, { transportSocketMatches: AUTO });
});

test("istio-peer-exchange isn't offered where the mesh has that off", () => {
  const settings = meshSettings("", { PILOT_DISABLE_MX_ALPN: "true" });
  const rule = doc("DestinationRule", "r", { host: "a.example.com", trafficPolicy: { tls: { mode: "ISTIO_MUTUAL" } } });
  assertLike(tlsContext(clusterOf(meshOf([host("a"), rule], settings), "a")), {
    commonTlsContext: { alpnProtocols: ["istio"] },
  });
});

test("a credential may come from a certificate provider's service", () => {
  const settings = meshSettings("extensionProviders: [{name: p, sds: {name: p, service: sds.example.com, port: 80}}]");
  const tls = { mode: "MUTUAL", credentialName: "sds://p" };
  const rule = doc("DestinationRule", "r", { host: "a.example.com", trafficPolicy: { tls } });
  const context = (more: readonly object[]): Json | undefined =>
    tlsContext(clusterOf(meshOf([host("a"), rule, ...more], settings), "a", "", { type: "router" }));
  const cluster = { clusterName: "outbound|80||sds.example.com", authority: "sds.example.com" };
  const served = { name: "p", sdsConfig: { apiConfigSource: { grpcServices: [{ envoyGrpc: cluster }] } } };
  assertLike(context([host("sds")]), { commonTlsContext: { tlsCertificateSdsSecretConfigs: [served] } });
  // Without the service the control plane is asked.
  assertLike(context([]), { commonTlsContext: { tlsCertificateSdsSecretConfigs: [{ name: "kubernetes://sds://p" }] } });
});
