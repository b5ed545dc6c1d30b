// Names of clusters and TCP filters in statistics, by the patterns of the mesh's settings.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig (outboundClusterStatName)
import assert from "node:assert/strict";
import { test } from "node:test";
import { served, WORKLOAD } from "../../support/inbound-filters.ts";
import { show } from "../../support/worker-behaviour.ts";
import { meshSettings } from "../../support/worker-mesh.ts";

const ALL = "%SERVICE%/%SERVICE_PORT%/%SERVICE_PORT_NAME%/%TARGET_PORT%/%SUBSET_NAME%";
const MESH = served([], meshSettings(`{inboundClusterStatName: 'in/${ALL}', outboundClusterStatName: 'out/${ALL}'}`));

interface Chain {
  readonly name?: string;
  readonly filters: readonly { readonly name: string; readonly typedConfig: { readonly statPrefix?: string } }[];
}

function tcpPrefixes(listener: unknown): Record<string, string | undefined> {
  const { filterChains } = listener as { filterChains: readonly Chain[] };
  return Object.fromEntries(
    filterChains.flatMap(({ name, filters }) => {
      const last = filters.at(-1)!;
      return last.name === "envoy.filters.network.tcp_proxy" ? [[name ?? "", last.typedConfig.statPrefix]] : [];
    }),
  );
}

test("clusters have the pattern's name; clients know no target port", () => {
  const clusters = show(MESH, "CDS", WORKLOAD);
  assert.equal(clusters["outbound|9000||x.example.com"]!.altStatName, "out/x.example.com/9000/tcp/0/;");
  assert.equal(clusters["inbound|9000||"]!.altStatName, "in/x.example.com/9000/tcp/9000/;");
  // Whose cluster isn't a service's keeps its name.
  assert.equal(clusters.InboundPassthroughCluster!.altStatName, "PassthroughCluster;");
});

test("TCP filters have it too; a service's listener has no name for its port", () => {
  const listeners = show(MESH, "LDS", WORKLOAD);
  assert.deepEqual(tcpPrefixes(listeners["0.0.0.0_9000"] ?? listeners["240.240.0.1_9000"]), {
    "": "out/x.example.com/9000//0/",
  });
  assert.deepEqual(tcpPrefixes(listeners.virtualInbound), {
    "virtualInbound-blackhole": "BlackHoleCluster",
    virtualInbound: "in//0//0/",
    "0.0.0.0_9000": "in/x.example.com/9000/tcp/9000/",
  });
});
