// What comes to a workload: the chains of the virtual inbound listener by protocol and mTLS mode, and where they lead.
// https://istio.io/latest/docs/ops/configuration/traffic-management/protocol-selection/
import assert from "node:assert/strict";
import { test } from "node:test";
import { assertLike, doc, host, meshOf, show } from "../../../support/worker-behaviour.ts";
import type { Json } from "../../../support/worker-json.ts";
import { meshSettings, type ProxySpec } from "../../../support/worker-mesh.ts";

const IP = "10.0.0.1";
const WORKLOAD: ProxySpec = { ip: IP };

interface ChainJson {
  readonly name: string;
  readonly filterChainMatch?: {
    readonly destinationPort?: number;
    readonly transportProtocol?: string;
    readonly applicationProtocols?: readonly string[];
  };
  readonly transportSocket?: { readonly typedConfig: Json };
  readonly filters: readonly { readonly name: string; readonly typedConfig: Json }[];
}

/** A service of the workload at one port of a protocol; "" to look at what comes. */
function served(protocol: string, port: object = {}): object {
  return host("a", { ports: [{ number: 80, name: "p", protocol, ...port }], endpoints: [{ address: IP }] });
}

function strict(mode = "STRICT"): object {
  return doc("PeerAuthentication", "p", { mtls: { mode } });
}

function chainsAt(port: number | undefined, documents: readonly object[], proxy = WORKLOAD): readonly ChainJson[] {
  const { filterChains } = show(meshOf(documents), "LDS", proxy).virtualInbound!;
  return (filterChains as ChainJson[]).filter((c) => c.filterChainMatch?.destinationPort === port);
}

/** `tls http!`: what a chain matches, whether it looks for HTTP, and "!" where it ends mesh TLS. */
function summary(chain: ChainJson): string {
  const http = chain.filters.some((f) => f.name === "envoy.filters.network.http_connection_manager") ? "http" : "tcp";
  const match = chain.filterChainMatch ?? {};
  const protocols = match.applicationProtocols ?? [];
  const kind = protocols.some((p) => p.startsWith("istio")) ? " mesh" : protocols.length > 0 ? " detected" : "";
  return `${match.transportProtocol ?? "any"}${kind} ${http}${chain.transportSocket ? "!" : ""}`;
}

const CHAINS: readonly (readonly [protocol: string, mode: string, expected: readonly string[]])[] = [
  ["HTTP", "PERMISSIVE", ["tls mesh http!", "raw_buffer http"]],
  ["HTTP", "STRICT", ["tls http!"]],
  ["HTTP", "DISABLE", ["any http"]],
  ["GRPC", "STRICT", ["tls http!"]],
  // Clients may send TLS of their own, which goes to the application as it is.
  ["TCP", "PERMISSIVE", ["tls mesh tcp!", "tls tcp", "raw_buffer tcp"]],
  ["TCP", "STRICT", ["tls tcp!"]],
  ["TCP", "DISABLE", ["any tcp"]],
  ["TLS", "PERMISSIVE", ["tls mesh tcp!", "tls tcp", "raw_buffer tcp"]],
  ["", "PERMISSIVE", ["tls mesh http!", "raw_buffer detected http", "tls mesh tcp!", "raw_buffer tcp", "tls tcp"]],
  ["", "STRICT", ["tls mesh http!", "tls tcp!"]],
  ["", "DISABLE", ["raw_buffer detected http", "any tcp"]],
];

for (const [protocol, mode, expected] of CHAINS) {
  test(`a port of ${protocol || "an unknown protocol"} in mode ${mode}: ${expected.join(", ")}`, () => {
    assert.deepEqual(chainsAt(80, [served(protocol), strict(mode)]).map(summary), expected);
  });
}

test("ports that no service has are passed on, in the workload's mode", () => {
  const passed = (mode: string): string[] => chainsAt(undefined, [served("HTTP"), strict(mode)]).map(summary);
  assert.deepEqual(passed("STRICT"), ["tls mesh http!", "tls tcp!"]);
  assert.deepEqual(passed("DISABLE"), ["raw_buffer detected http", "any tcp"]);
  const [chain] = chainsAt(undefined, [served("HTTP"), strict("DISABLE")]);
  const manager = chain!.filters.at(-1)!.typedConfig;
  assertLike(manager.routeConfig, {
    virtualHosts: [{ domains: ["*"], routes: [{ route: { cluster: "InboundPassthroughCluster" } }] }],
  });
});

test("calls of the listener to itself end", () => {
  const [chain, ...others] = chainsAt(15006, [served("HTTP")]);
  assert.deepEqual(others, []);
  assertLike(chain!.filters.at(-1), {
    name: "envoy.filters.network.tcp_proxy",
    typedConfig: { cluster: "BlackHoleCluster" },
  });
});

test("HTTP goes to the application without a timeout, and only what never reached it is tried again", () => {
  const [chain] = chainsAt(80, [served("HTTP"), strict()]);
  assertLike(chain!.filters.at(-1)!.typedConfig, {
    useRemoteAddress: false,
    forwardClientCertDetails: "APPEND_FORWARD",
    routeConfig: {
      virtualHosts: [
        {
          domains: ["*"],
          routes: [
            {
              match: { prefix: "/" },
              route: {
                cluster: "inbound|80||",
                timeout: "0s",
                retryPolicy: { retryOn: "reset-before-request", numRetries: 2 },
              },
            },
          ],
        },
      ],
    },
  });
});

test("a server of mesh TLS asks for a certificate of the mesh's trust domains", () => {
  const settings = meshSettings("trustDomain: td.example\ntrustDomainAliases: [old.example]");
  const mesh = meshOf([served("HTTP"), strict()], settings);
  const chains = show(mesh, "LDS", WORKLOAD).virtualInbound!.filterChains as ChainJson[];
  const socket = chains.find((c) => c.filterChainMatch?.destinationPort === 80)!.transportSocket!;
  assertLike(socket.typedConfig, {
    requireClientCertificate: true,
    commonTlsContext: {
      alpnProtocols: ["h2", "http/1.1"],
      tlsParams: { tlsMinimumProtocolVersion: "TLSv1_2" },
      tlsCertificateSdsSecretConfigs: [{ name: "default" }],
      combinedValidationContext: {
        defaultValidationContext: {
          matchSubjectAltNames: [{ prefix: "spiffe://td.example/" }, { prefix: "spiffe://old.example/" }],
        },
        validationContextSdsSecretConfig: { name: "ROOTCA" },
      },
    },
  });
});

test("the listener looks at what comes only at ports where that is asked", () => {
  const ports = [
    { number: 80, name: "http", protocol: "HTTP" },
    { number: 81, name: "auto", protocol: "" },
  ];
  const service = host("a", { ports, endpoints: [{ address: IP }] });
  const inspectors = (mode: string): Record<string, unknown> => {
    const { listenerFilters } = show(meshOf([service, strict(mode)]), "LDS", WORKLOAD).virtualInbound!;
    const list = listenerFilters as { name: string; filterDisabled?: unknown }[];
    return Object.fromEntries(list.map((f) => [f.name.replace("envoy.filters.listener.", ""), f.filterDisabled]));
  };
  const at = (port: number): object => ({ destinationPortRange: { start: port, end: port + 1 } });
  const notAt = (...list: readonly number[]): object => ({ orMatch: { rules: list.map(at) } });
  assert.deepEqual(inspectors("PERMISSIVE"), {
    original_dst: undefined,
    tls_inspector: at(15006),
    http_inspector: notAt(80, 15006),
  });
  assert.deepEqual(inspectors("DISABLE"), { original_dst: undefined, http_inspector: notAt(80, 15006) });
});

test("the application's cluster takes what was meant for it, and speaks HTTP/2 where the port does", () => {
  const cluster = (protocol: string): Json => show(meshOf([served(protocol)]), "CDS", WORKLOAD)["inbound|80||"]!;
  assertLike(cluster("HTTP"), {
    type: "ORIGINAL_DST",
    lbPolicy: "CLUSTER_PROVIDED",
    // Rules of iptables let traffic from this address through to the application.
    upstreamBindConfig: { sourceAddress: { address: "127.0.0.6" } },
    typedExtensionProtocolOptions: undefined,
  });
  assertLike(cluster("GRPC").typedExtensionProtocolOptions, {
    "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": { explicitHttpConfig: { http2ProtocolOptions: {} } },
  });
});

test("a service's target port is where its workload listens", () => {
  const chains = chainsAt(8080, [served("HTTP", { targetPort: 8080 })]);
  assert.deepEqual(chains.map(summary), ["tls mesh http!", "raw_buffer http"]);
  assert.deepEqual(chainsAt(80, [served("HTTP", { targetPort: 8080 })]), []);
});

test("a Sidecar's ingress replaces what services say, and may send elsewhere", () => {
  const ingress = [{ port: { number: 9080, name: "tcp", protocol: "TCP" }, defaultEndpoint: "127.0.0.1:8081" }];
  const mesh = meshOf([served("HTTP"), doc("Sidecar", "s", { ingress })]);
  const chains = show(mesh, "LDS", WORKLOAD).virtualInbound!.filterChains as ChainJson[];
  const ports = new Set(chains.map((c) => c.filterChainMatch?.destinationPort));
  assert.deepEqual([...ports], [15006, undefined, 9080]);
  assertLike(show(mesh, "CDS", WORKLOAD)["inbound|9080||"], {
    loadAssignment: {
      endpoints: [
        { lbEndpoints: [{ endpoint: { address: { socketAddress: { address: "127.0.0.1", portValue: 8081 } } } }] },
      ],
    },
  });
});

test("without interception there are no virtual listeners, and what is let out listens on the host itself", () => {
  const none = { ...WORKLOAD, metadata: { INTERCEPTION_MODE: "NONE" } };
  const mesh = meshOf([served("HTTP")]);
  const listeners = show(mesh, "LDS", none);
  assert.deepEqual(Object.keys(listeners), ["127.0.0.1_80"]);
  assertLike(listeners["127.0.0.1_80"], { bindToPort: undefined, defaultFilterChain: undefined });
  // The application has its ports for itself.
  assert.equal(show(mesh, "CDS", none)["inbound|80||"], undefined);
});
