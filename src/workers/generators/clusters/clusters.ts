// CDS: all clusters of a view. Worker threads.
import { envoy } from "../../../shared/gen/envoy.js";
import { inboundPorts } from "../../scope/inbound-ports.ts";
import { proxyScope } from "../../scope/proxy-scope.ts";
import type { Generator } from "../generator.ts";
import type { Cluster } from "./cluster-base.ts";
import { passedOnServices, routedHosts } from "./gateway-services.ts";
import { blackHoleCluster, inboundCluster, inboundPassthroughCluster, passthroughCluster } from "./inbound.ts";
import { outboundClusters } from "./outbound.ts";

const { Cluster: ClusterCodec } = envoy.config.cluster.v3;

export const generateClusters: Generator = (input, sink) => {
  const scope = proxyScope(input.ctx, input.view, input.viewId);
  const seen = new Set<string>();
  const add = (cluster: Cluster): void => {
    const name = cluster.name!;
    if (seen.has(name)) return;
    seen.add(name);
    sink.add(name, ClusterCodec, cluster);
  };
  const routed = routedHosts(input);
  for (const service of scope.services) {
    if (!routed || routed.has(service.hostname)) outboundClusters(input, scope, service, add);
  }
  for (const service of passedOnServices(input, scope)) outboundClusters(input, scope, service, add, true);
  add(blackHoleCluster(input));
  if (input.view.type !== "sidecar") return;
  add(passthroughCluster(input));
  for (const inbound of inboundPorts(input.view, scope)) add(inboundCluster(input, scope, inbound));
  add(inboundPassthroughCluster(input));
};
