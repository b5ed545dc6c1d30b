// HTTP/3 beside HTTPS: for which servers of a gateway, with which TLS, and how clients hear of it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { assertLike, doc, host, meshOf, show, to } from "../../../support/worker-behaviour.ts";
import type { Json } from "../../../support/worker-json.ts";
import { meshSettings, type WorkerMesh } from "../../../support/worker-mesh.ts";

const ROUTER = { type: "router", ip: "10.0.0.1", labels: { istio: "gateway" } } as const;
const SERVER = { port: { number: 443, name: "https", protocol: "HTTPS" }, hosts: ["a.example.com"] };
const SIMPLE = { ...SERVER, tls: { mode: "SIMPLE", credentialName: "c" } };
const QUIC = { number: 443, name: "quic", protocol: "UDP" };

/** A gateway with the servers, whose service has the ports. */
function gateway(servers: readonly object[], ports: readonly object[] = [QUIC], on = "true"): WorkerMesh {
  const service = host("gateway", { ports, endpoints: [{ address: ROUTER.ip, labels: ROUTER.labels }] });
  const http = [{ ...to("b"), headers: { response: { add: { x: "y" } } } }];
  const vs = doc("VirtualService", "v", { hosts: ["*.example.com"], gateways: ["gw"], http });
  const documents = [service, host("b"), doc("Gateway", "gw", { selector: { istio: "gateway" }, servers }), vs];
  return meshOf(documents, meshSettings("", { PILOT_ENABLE_QUIC_LISTENERS: on }));
}

const UDP_LISTENER = "udp_0.0.0.0_443";

function udpListener(mesh: WorkerMesh): Json | undefined {
  return show(mesh, "LDS", ROUTER)[UDP_LISTENER];
}

test("an HTTPS server whose service has UDP at its port is served over QUIC, too", () => {
  const listener = udpListener(gateway([SIMPLE]));
  assertLike(listener, {
    address: { socketAddress: { address: "0.0.0.0", portValue: 443, protocol: "UDP" } },
    udpListenerConfig: { quicOptions: {}, downstreamSocketConfig: {} },
    listenerFilters: undefined,
    filterChains: [
      {
        filterChainMatch: { serverNames: ["a.example.com"] },
        transportSocket: {
          name: "envoy.transport_sockets.quic",
          typedConfig: { downstreamTlsContext: { commonTlsContext: { alpnProtocols: ["h3"] } } },
        },
        filters: [
          { typedConfig: { codecType: "HTTP3", http3ProtocolOptions: {}, statPrefix: `outbound_${UDP_LISTENER};` } },
        ],
      },
    ],
  });
});

const WITHOUT: readonly (readonly [says: string, mesh: WorkerMesh])[] = [
  ["a service without UDP", gateway([SIMPLE], [{ number: 443, name: "https", protocol: "HTTPS" }])],
  ["UDP at another port", gateway([SIMPLE], [{ ...QUIC, number: 444 }])],
  ["the feature off", gateway([SIMPLE], [QUIC], "false")],
  ["the mesh's own certificates", gateway([{ ...SERVER, tls: { mode: "ISTIO_MUTUAL" } }])],
  ["TLS that is passed through", gateway([{ ...SERVER, tls: { mode: "PASSTHROUGH" } }])],
  ["TCP inside of TLS", gateway([{ ...SIMPLE, port: { ...SERVER.port, protocol: "TLS" } }])],
];

for (const [says, mesh] of WITHOUT)
  test(`there is no QUIC with ${says}`, () => assert.equal(udpListener(mesh), undefined));

test("QUIC asks for no client certificates, which Envoy doesn't know there", () => {
  const listener = udpListener(gateway([{ ...SERVER, tls: { mode: "MUTUAL", credentialName: "c" } }]));
  const [chain] = listener!.filterChains as { transportSocket: { typedConfig: Json } }[];
  assertLike(chain!.transportSocket.typedConfig, { downstreamTlsContext: { requireClientCertificate: false } });
});

test("responses of such a server tell of it, after what the routes add", () => {
  const headers = (mesh: WorkerMesh): unknown => {
    const name = "https.443.https.gw.default";
    const [vh] = show(mesh, "RDS", ROUTER, [name])[name]!.virtualHosts as { routes: Json[] }[];
    return (vh!.routes[0]!.responseHeadersToAdd as { header: { key: string; value: string } }[] | undefined)?.map(
      ({ header }) => `${header.key}: ${header.value}`,
    );
  };
  const alone = headers(gateway([SIMPLE], [{ ...QUIC, number: 444 }])) ?? [];
  assert.deepEqual(headers(gateway([SIMPLE])), [...(alone as string[]), 'alt-svc: h3=":443"; ma=86400']);
});
