// How a gateway's server ends TLS: with which certificate, and what it asks of clients.
// https://istio.io/latest/docs/reference/config/networking/gateway/#ServerTLSSettings
import { test } from "node:test";
import { assertLike, doc, host, meshOf, show } from "../../../support/worker-behaviour.ts";
import type { Json } from "../../../support/worker-json.ts";
import { meshSettings } from "../../../support/worker-mesh.ts";

/** The only chain of a server with these settings. */
function chainWith(tls: object): Json {
  const servers = [{ port: { number: 443, name: "https", protocol: "HTTPS" }, hosts: ["*"], tls }];
  const mesh = meshOf([doc("Gateway", "gw", { selector: { istio: "gateway" }, servers })]);
  const listener = show(mesh, "LDS", { type: "router", labels: { istio: "gateway" } })["0.0.0.0_443"]!;
  return (listener.filterChains as Json[])[0]!;
}

const MODES: readonly (readonly [mode: string, tls: object, expected: object])[] = [
  [
    "SIMPLE from files",
    { mode: "SIMPLE", serverCertificate: "/c.pem", privateKey: "/k.pem" },
    { commonTlsContext: { tlsCertificateSdsSecretConfigs: [{ name: "file-cert:/c.pem~/k.pem" }] } },
  ],
  [
    "MUTUAL, which asks clients for certificates",
    { mode: "MUTUAL", credentialName: "c", subjectAltNames: ["client"] },
    {
      commonTlsContext: {
        combinedValidationContext: {
          defaultValidationContext: { matchSubjectAltNames: [{ exact: "client" }] },
          validationContextSdsSecretConfig: { name: "kubernetes://c-cacert" },
        },
      },
      requireClientCertificate: true,
    },
  ],
  [
    "OPTIONAL_MUTUAL, which looks at those that come",
    { mode: "OPTIONAL_MUTUAL", credentialName: "c" },
    {
      commonTlsContext: {
        combinedValidationContext: { validationContextSdsSecretConfig: { name: "kubernetes://c-cacert" } },
      },
      requireClientCertificate: false,
    },
  ],
  [
    "ISTIO_MUTUAL, with the workload's own certificate",
    { mode: "ISTIO_MUTUAL" },
    {
      commonTlsContext: {
        tlsCertificateSdsSecretConfigs: [{ name: "default" }],
        combinedValidationContext: { validationContextSdsSecretConfig: { name: "ROOTCA" } },
      },
      requireClientCertificate: true,
    },
  ],
  [
    "SIMPLE with versions and ciphers",
    {
      mode: "SIMPLE",
      credentialName: "c",
      minProtocolVersion: "TLSV1_3",
      cipherSuites: ["ECDHE-RSA-AES128-GCM-SHA256"],
    },
    {
      commonTlsContext: {
        tlsParams: { tlsMinimumProtocolVersion: "TLSv1_3", cipherSuites: ["ECDHE-RSA-AES128-GCM-SHA256"] },
      },
    },
  ],
];

for (const [mode, tls, expected] of MODES) {
  test(`a server's TLS: ${mode}`, () => {
    assertLike(chainWith(tls), { filterChainMatch: undefined, transportSocket: { typedConfig: expected } });
  });
}

test("metrics of a gateway's TCP don't take the client's word for the host, as those of a sidecar's clients do", () => {
  const servers = [{ port: { number: 9000, name: "tcp", protocol: "TCP" }, hosts: ["*"] }];
  const gateway = doc("Gateway", "gw", { selector: { istio: "gateway" }, servers });
  const tcp = [{ route: [{ destination: { host: "a.example.com" } }] }];
  const vs = doc("VirtualService", "v", { hosts: ["*"], gateways: ["gw"], tcp });
  const mesh = meshOf([host("a"), gateway, vs], meshSettings("defaultProviders: {metrics: [prometheus]}"));
  const listener = show(mesh, "LDS", { type: "router", labels: { istio: "gateway" } })["0.0.0.0_9000"]!;
  assertLike((listener.filterChains as Json[])[0], {
    filters: [{ name: "istio.stats", typedConfig: { disableHostHeaderFallback: true } }, {}],
  });
});
