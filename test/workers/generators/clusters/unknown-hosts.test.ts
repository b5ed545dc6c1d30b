// ALLOW_ANY_DYNAMIC_DNS: HTTP to hosts that the mesh doesn't know goes to wherever their names lead.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig-OutboundTrafficPolicy-Mode
import assert from "node:assert/strict";
import { test } from "node:test";
import { assertLike, doc, host, meshOf, show, virtualHosts } from "../../../support/worker-behaviour.ts";
import { meshSettings, type WorkerMesh } from "../../../support/worker-mesh.ts";

const CLUSTER = "AllowAnyDynamicDNSCluster";

function mesh(policy = "", more: readonly object[] = []): WorkerMesh {
  const config = `outboundTrafficPolicy: {mode: ALLOW_ANY_DYNAMIC_DNS${policy}}`;
  return meshOf([host("a"), ...more], meshSettings(config));
}

test("the cluster resolves the hosts of requests, without TLS unless asked for", () => {
  assertLike(show(mesh(), "CDS")[CLUSTER], {
    clusterType: { typedConfig: { dnsCacheConfig: { name: "allow_any_dfp_dns_cache", maxHosts: 1024 } } },
    transportSocket: undefined,
    typedExtensionProtocolOptions: undefined,
  });
  const options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
  assertLike(show(mesh(", tls: {mode: SIMPLE}"), "CDS")[CLUSTER], {
    transportSocket: { name: "envoy.transport_sockets.tls" },
    typedExtensionProtocolOptions: {
      [options]: { upstreamHttpProtocolOptions: { autoSni: true, autoSanValidation: true } },
    },
  });
  assertLike(show(mesh(", tls: {mode: SIMPLE, sni: x.example.com}"), "CDS")[CLUSTER], {
    transportSocket: { typedConfig: { sni: "x.example.com" } },
    typedExtensionProtocolOptions: { [options]: { upstreamHttpProtocolOptions: undefined } },
  });
});

test("requests for unknown hosts go there; what isn't HTTP goes on as it came", () => {
  const catchAll = virtualHosts(mesh(), "80").at(-1)!;
  assert.equal(catchAll.name, "allow_any_dynamic_dns");
  assertLike(catchAll.routes, [{ route: { cluster: CLUSTER } }]);
  const { virtualOutbound } = show(mesh(), "LDS");
  const chains = virtualOutbound!.filterChains as { name: string; filters: { typedConfig: { cluster?: string } }[] }[];
  assert.deepEqual(
    chains.map((chain) => chain.name),
    ["virtualOutbound-blackhole", "virtualOutbound-catchall-tcp-http", "virtualOutbound-catchall-tcp"],
  );
  assert.equal(chains[2]!.filters.at(-1)!.typedConfig.cluster, "PassthroughCluster");
  assertLike(virtualOutbound, { listenerFilters: [{ name: "envoy.filters.listener.http_inspector" }] });
});

test("a Sidecar's own policy, and being a router, leave no such cluster", () => {
  const spec = { egress: [{ hosts: ["*/*"] }], outboundTrafficPolicy: { mode: "ALLOW_ANY" } };
  const own = mesh("", [doc("Sidecar", "default", spec)]);
  assert.equal(show(own, "CDS")[CLUSTER], undefined);
  assert.equal(virtualHosts(own, "80").at(-1)!.name, "allow_any");
  assert.equal(show(mesh(), "CDS", { type: "router" })[CLUSTER], undefined);
});
