// CDS: all clusters of a view, or those that a gRPC client names. Worker threads.
import { envoy } from "../../../shared/gen/envoy.js";
import type { ServiceRecord } from "../../../shared/model/service.ts";
import { type Cuts, type HostSlice, itemsInSlice, sliceOf } from "../../../shared/names/host-slice.ts";
import { type EncodedParts, Fragments } from "../../encode/fragments.ts";
import type { ResourceSink } from "../../encode/resource-sink.ts";
import { usesProvider } from "../../filters/credentials.ts";
import { inboundPorts } from "../../scope/inbound-ports.ts";
import { namespaceMode } from "../../scope/peer-authentication.ts";
import { type ProxyScope, proxyScope, resolvesUnknown } from "../../scope/proxy-scope.ts";
import type { GenerateInput, Generator } from "../generator.ts";
import type { Cluster } from "./cluster-base.ts";
import { clusterViewKeys } from "./cluster-view.ts";
import { passedOnServices, routedHosts } from "./gateway-services.ts";
import { grpcClusters } from "./grpc-clusters.ts";
import { blackHoleCluster, inboundCluster, inboundPassthroughCluster, passthroughCluster } from "./inbound.ts";
import { outboundClusters } from "./outbound.ts";
import { unknownHostsCluster } from "./unknown-hosts.ts";

const { Cluster: ClusterCodec } = envoy.config.cluster.v3;

/** The clusters of services, which most proxies have alike. */
const fragments = new Fragments<EncodedParts>();

export const generateClusters: Generator = (input, sink) => {
  const scope = proxyScope(input.ctx, input.view);
  if (input.view.generator === "grpc") {
    grpcClusters(input, scope, sink);
    return;
  }
  const seen = new Set<string>();
  const add = (cluster: Cluster): void => {
    if (seen.has(cluster.name!)) return;
    seen.add(cluster.name!);
    sink.add(cluster.name!, ClusterCodec, cluster);
  };
  const { slice } = input;
  const addService = (service: ServiceRecord, sniDnat: boolean): void => {
    for (const part of serviceClusters(input, scope, service, sniDnat, sink)) {
      if (seen.has(part.name)) continue;
      seen.add(part.name);
      sink.addBytes(part.name, part.bytes, part.hash);
    }
  };
  if (input.part !== "own") {
    addOutbound(input, scope, addService);
    if (!slice || slice.index === 0) {
      add(blackHoleCluster(input));
      if (input.view.type === "sidecar") add(passthroughCluster(input));
      if (input.view.type === "sidecar" && resolvesUnknown(scope)) add(unknownHostsCluster(input));
    }
  }
  if (input.part === "shared" || input.view.type !== "sidecar") return;
  for (const inbound of inboundPorts(input.ctx, input.view, scope)) add(inboundCluster(input, scope, inbound));
  add(inboundPassthroughCluster(input));
};

function addOutbound(
  input: GenerateInput,
  scope: ProxyScope,
  addService: (service: ServiceRecord, sniDnat: boolean) => void,
): void {
  const routed = routedHosts(input);
  for (const service of inSlice(scope.services, input.slice)) {
    if (!routed || routed.has(service.hostname)) addService(service, false);
  }
  for (const service of inSlice(passedOnServices(input, scope), input.slice)) addService(service, true);
}

const cuts = new WeakMap<readonly ServiceRecord[], Cuts<ServiceRecord>>();

/** The services of a slice; the list is another one only when services change. */
function inSlice(services: readonly ServiceRecord[], slice: HostSlice | undefined): readonly ServiceRecord[] {
  if (!slice) return services;
  let own = cuts.get(services);
  if (!own) {
    own = new Map();
    cuts.set(services, own);
  }
  return itemsInSlice(own, services, slice, ({ hostname }) => sliceOf(hostname, slice.of));
}

function serviceClusters(
  { ctx, view }: GenerateInput,
  scope: ProxyScope,
  service: ServiceRecord,
  sniDnat: boolean,
  sink: ResourceSink,
): EncodedParts {
  const rule = scope.destinationRule(service);
  const keys = clusterViewKeys(view);
  const holdsEndpoints = service.resolution === "dns" || service.resolution === "dnsRoundRobin";
  const dependencies = [
    rule,
    ctx.mesh,
    ctx.endpoints(service),
    namespaceMode(ctx, service.namespace),
    holdsEndpoints ? ctx.stamp("PeerAuthentication") : 0,
    rule && usesProvider(rule.spec) ? ctx.stamp("services") : 0,
  ];
  const key = `${sniDnat ? "sni" : ""}${holdsEndpoints ? keys.held : keys.eds}`;
  return fragments.get(service, key, dependencies, () =>
    outboundClusters({ ctx, view }, service, rule, sniDnat).map((c) => sink.encode(c.name!, ClusterCodec, c)),
  );
}
