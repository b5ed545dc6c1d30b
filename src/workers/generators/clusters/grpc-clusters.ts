// The clusters that gRPC's own xDS clients ask for by name: endpoints over EDS, and of a policy what gRPC can do.
// Worker threads. https://grpc.github.io/grpc/core/md_doc_grpc_xds_features.html
import { envoy } from "../../../shared/gen/envoy.js";
import type { Networking_Subset } from "../../../shared/gen/istio.js";
import type { ServicePort, ServiceRecord } from "../../../shared/model/service.ts";
import { parseSubsetKey } from "../../../shared/names/cluster-name.ts";
import type { PushContext } from "../../context/push-context.ts";
import { Fragments } from "../../encode/fragments.ts";
import type { EncodedPart, ResourceSink } from "../../encode/resource-sink.ts";
import { providerClientTls } from "../../filters/certificate-provider.ts";
import { outboundStatName } from "../../filters/stat-name.ts";
import type { DestinationRule } from "../../scope/destination-rules.ts";
import type { ProxyScope } from "../../scope/proxy-scope.ts";
import { policyFor, type ResolvedPolicy, subsetOf } from "../../scope/traffic-policy.ts";
import type { GenerateInput } from "../generator.ts";
import { type Cluster, EDS, LEAST_REQUEST, RING_HASH, statName } from "./cluster-base.ts";
import { serverIdentities } from "./upstream-tls.ts";

const { Cluster: ClusterCodec } = envoy.config.cluster.v3;

/** A cluster with what its rule asks for in vain. */
interface GrpcCluster extends EncodedPart {
  readonly warnings: readonly string[];
}

const fragments = new Fragments<GrpcCluster>();

/** Nobody gets all clusters: clients learn of names from their routes. */
export function grpcClusters({ ctx, names }: GenerateInput, scope: ProxyScope, sink: ResourceSink): void {
  for (const name of names ?? []) {
    const target = targetOf(name, scope);
    if (!target) continue;
    const { service, rule } = target;
    const dependencies = [rule, ctx.mesh, ctx.endpoints(service)];
    const { bytes, hash, warnings } = fragments.get(service, name, dependencies, () => {
      const policy = policyFor(rule, target.subset, target.port.port);
      return {
        ...sink.encode(name, ClusterCodec, clusterOf(name, target, policy, ctx)),
        warnings: unsupported(policy),
      };
    });
    sink.addBytes(name, bytes, hash);
    for (const reason of warnings) sink.warn(rule ? `DestinationRule/${rule.namespace}/${rule.name}` : "", reason);
  }
}

interface Target {
  readonly service: ServiceRecord;
  readonly port: ServicePort;
  readonly subset: Networking_Subset | undefined;
  readonly rule: DestinationRule | undefined;
}

/** What a cluster's name leads to; undefined where that doesn't exist, or gRPC couldn't call it. */
function targetOf(name: string, scope: ProxyScope): Target | undefined {
  const key = parseSubsetKey(name);
  if (key?.direction !== "outbound") return undefined;
  const service = scope.byHostname.get(key.hostname);
  const port = service?.ports.find((p) => p.port === key.port);
  if (!service || !port || port.protocol === "UDP") return undefined;
  if (service.resolution === "alias" || service.resolution === "dynamicDns") return undefined;
  const rule = scope.destinationRule(service);
  const subset = subsetOf(rule, key.subset);
  if (key.subset !== "" && !subset) return undefined;
  return { service, port, subset, rule };
}

function clusterOf(name: string, target: Target, policy: ResolvedPolicy, ctx: PushContext): Cluster {
  const { service, port, subset } = target;
  const cluster: Cluster = {
    name,
    altStatName: statName(outboundStatName(ctx, service, port, subset?.name ?? "") ?? name),
    type: EDS,
    edsClusterConfig: { edsConfig: { ads: {} }, serviceName: name },
  };
  // Of all limits, gRPC has that of requests at a time (A32).
  const most = policy.connectionPool?.http?.http2MaxRequests ?? 0;
  if (most > 0) cluster.circuitBreakers = { thresholds: [{ maxRequests: { value: most } }] };
  applyLoadBalancer(cluster, policy.loadBalancer);
  // Servers can't take plain text and TLS at one port, nor say which they take: only what a rule asks for is certain.
  if (policy.tls?.mode === "ISTIO_MUTUAL") {
    const { subjectAltNames } = policy.tls;
    const sans = subjectAltNames?.length ? subjectAltNames : serverIdentities(ctx, service);
    cluster.transportSocket = providerClientTls(sans);
  }
  return cluster;
}

const DEFAULT_RING_SIZE = 1024;

/** In turn by default. Of the two hashes gRPC has the ring. */
function applyLoadBalancer(cluster: Cluster, lb: ResolvedPolicy["loadBalancer"]): void {
  if (lb?.consistentHash) {
    const { ringHash, minimumRingSize } = lb.consistentHash;
    cluster.lbPolicy = RING_HASH;
    const size = ringHash?.minimumRingSize || minimumRingSize || DEFAULT_RING_SIZE;
    cluster.ringHashLbConfig = { minimumRingSize: { value: size } };
  } else if (lb?.simple === "LEAST_REQUEST" || lb?.simple === "LEAST_CONN") {
    cluster.lbPolicy = LEAST_REQUEST;
  }
}

/** What of a policy gRPC doesn't have. */
function unsupported({ tls, loadBalancer, outlierDetection, proxyProtocol, tunnel }: ResolvedPolicy): string[] {
  const out: string[] = [];
  const simple = loadBalancer?.simple;
  if (tls?.mode === "SIMPLE" || tls?.mode === "MUTUAL") {
    out.push(`proxyless gRPC clients know no TLS of mode ${tls.mode}: they send plain text`);
  }
  if (simple === "RANDOM" || simple === "PASSTHROUGH") {
    out.push(`proxyless gRPC clients know no load balancer ${simple}: they take hosts in turn`);
  }
  if (loadBalancer?.consistentHash?.maglev) out.push("proxyless gRPC clients know no maglev: they use a hash ring");
  if (outlierDetection) out.push("proxyless gRPC clients don't eject hosts for errors in a row");
  if (proxyProtocol || tunnel) out.push("proxyless gRPC clients know neither PROXY protocol nor tunnels");
  return out;
}
