// Clusters towards the application beside a sidecar, and those that pass traffic on as it came. Worker threads.
import type { envoy } from "../../../shared/gen/envoy.js";
import { isHttp2, mayBeHttp, type ServiceRecord, type ServiceTarget } from "../../../shared/model/service.ts";
import { MAX_DURATION } from "../../encode/values.ts";
import { envoyAddress } from "../../endpoints/lb-endpoint.ts";
import { TCP_METADATA_EXCHANGE } from "../../filters/peer-metadata.ts";
import { keepsHeaderCase } from "../../filters/proxy-headers.ts";
import { inboundStatName } from "../../filters/stat-name.ts";
import { proxyConfigOf } from "../../filters/telemetry/tracing.ts";
import { type DestinationRule, destinationRuleFor } from "../../scope/destination-rules.ts";
import type { InboundPort } from "../../scope/inbound-ports.ts";
import type { ProxyScope } from "../../scope/proxy-scope.ts";
import { policyFor, withMeshDefaults } from "../../scope/traffic-policy.ts";
import type { GenerateInput } from "../generator.ts";
import {
  CLUSTER_PROVIDED,
  type Cluster,
  connectTimeout,
  downstreamProtocol,
  type HttpProtocolOptions,
  istioMetadata,
  noLimits,
  ORIGINAL_DST,
  protocolOptions,
  rulePath,
  STATIC,
  statName,
  withHeaderCase,
} from "./cluster-base.ts";
import { applyConnectionPool, applyRetryBudget } from "./connection-pool.ts";

/** Sources of what a sidecar sends to its own application: rules of iptables let these through. */
const PASSTHROUGH_V4 = "127.0.0.6";
const PASSTHROUGH_V6 = "::6";
const PASSTHROUGH_IDLE_SECONDS = 300;

/** The cluster where traffic ends. */
export function blackHoleCluster(input: GenerateInput): Cluster {
  return {
    name: "BlackHoleCluster",
    altStatName: statName("BlackHoleCluster"),
    type: STATIC,
    connectTimeout: connectTimeout(input.ctx.mesh.mesh),
  };
}

/** Outbound traffic to hosts that the mesh doesn't know, sent where it was meant to go. */
export function passthroughCluster(input: GenerateInput): Cluster {
  const cluster = originalDestination(input, "PassthroughCluster");
  if (input.view.istioFilters && input.ctx.mesh.features.metadataExchange) cluster.filters = [TCP_METADATA_EXCHANGE];
  return cluster;
}

/** Inbound traffic to ports that no service has. */
export function inboundPassthroughCluster(input: GenerateInput): Cluster {
  return { ...originalDestination(input, "InboundPassthroughCluster"), upstreamBindConfig: bindConfig(input, true) };
}

function originalDestination({ ctx, view }: GenerateInput, name: string): Cluster {
  const cluster: Cluster = {
    name,
    // Both directions share a name, so that dashboards need one.
    altStatName: statName("PassthroughCluster"),
    type: ORIGINAL_DST,
    lbPolicy: CLUSTER_PROVIDED,
    connectTimeout: connectTimeout(ctx.mesh.mesh),
    circuitBreakers: noLimits(ctx),
  };
  const { defaultTrafficPolicy, tcpKeepalive } = ctx.mesh.mesh;
  const common = applyConnectionPool(cluster, defaultTrafficPolicy?.connectionPool, tcpKeepalive);
  const options: HttpProtocolOptions = {
    ...downstreamProtocol(),
    commonHttpProtocolOptions: { idleTimeout: { seconds: PASSTHROUGH_IDLE_SECONDS, nanos: 0 }, ...common },
  };
  const keepsCase = keepsHeaderCase(proxyConfigOf(ctx, view));
  cluster.typedExtensionProtocolOptions = protocolOptions(keepsCase ? withHeaderCase(options) : options);
  return cluster;
}

/** `both` families of a dual-stack proxy are told of where anything may come, whether or not the mesh has dual stack on. */
function bindConfig({ ctx, view }: GenerateInput, both = false): envoy.config.core.v3.IBindConfig {
  const { ipv4, ipv6 } = view.ipFamilies;
  const out: envoy.config.core.v3.IBindConfig = {
    sourceAddress: { address: ipv4 ? PASSTHROUGH_V4 : PASSTHROUGH_V6, portValue: 0 },
  };
  if (ipv4 && ipv6 && (both || ctx.mesh.features.dualStack)) {
    out.extraSourceAddresses = [{ address: { address: PASSTHROUGH_V6, portValue: 0 } }];
  }
  return out;
}

/** The cluster of one port of the application. */
export function inboundCluster(input: GenerateInput, scope: ProxyScope, inbound: InboundPort): Cluster {
  const { ctx } = input;
  const name = inbound.clusterName;
  const { target, ingress } = inbound;
  const service = target && serviceOf(scope, target);
  const rule = service && ruleOf(input, scope, service);
  const cluster: Cluster = {
    name,
    altStatName: statName(inboundStatName(ctx, scope, inbound) ?? name),
    connectTimeout: connectTimeout(ctx.mesh.mesh),
    circuitBreakers: noLimits(ctx),
    commonLbConfig: {},
  };
  const config = rule?.spec.trafficPolicy ? { config: rulePath(rule) } : {};
  // Who serves at a port is for telemetry.
  const told = service && ctx.mesh.features.telemetryLabel ? [service] : [];
  cluster.metadata = istioMetadata({ services: told, ...config });
  if (inbound.endpoint) {
    cluster.type = STATIC;
    cluster.loadAssignment = {
      clusterName: name,
      endpoints: [
        { lbEndpoints: [{ endpoint: { address: envoyAddress(inbound.endpoint.address, inbound.endpoint.port) } }] },
      ],
    };
  } else {
    cluster.type = ORIGINAL_DST;
    cluster.lbPolicy = CLUSTER_PROVIDED;
    // Hosts of the application never go away: without this Envoy would look through them every five seconds.
    cluster.cleanupInterval = MAX_DURATION;
    cluster.upstreamBindConfig = bindConfig(input);
  }
  const policy = withMeshDefaults(ctx.mesh.mesh, policyFor(rule, undefined, target?.port.port ?? 0));
  const pool = ingress?.connectionPool ?? scope.inboundConnectionPool ?? policy.connectionPool;
  const common = applyConnectionPool(cluster, pool, ctx.mesh.mesh.tcpKeepalive);
  applyRetryBudget(cluster, policy.retryBudget);
  const http = protocolFor(inbound, pool?.http?.useClientProtocol === true);
  const keepsCase = keepsHeaderCase(proxyConfigOf(ctx, input.view)) && mayBeHttp(inbound.port.protocol);
  if (http || common || keepsCase) {
    const options = {
      ...(http ?? { explicitHttpConfig: { httpProtocolOptions: {} } }),
      ...(common ? { commonHttpProtocolOptions: common } : {}),
    };
    cluster.typedExtensionProtocolOptions = protocolOptions(keepsCase ? withHeaderCase(options) : options);
  }
  return cluster;
}

/**
 * The rule of a service applies to its servers too, as far as connections go: whoever lets clients have more must be able to
 * take more. Rules for single workloads are about clients alone.
 */
function ruleOf({ ctx, view }: GenerateInput, scope: ProxyScope, service: ServiceRecord): DestinationRule | undefined {
  if (scope.byHostname.get(service.hostname) !== service) return undefined;
  const rule = scope.destinationRule(service);
  return rule?.selector ? destinationRuleFor(ctx, { namespace: view.namespace, labels: {} }, service) : rule;
}

function protocolFor(inbound: InboundPort, useClientProtocol: boolean): HttpProtocolOptions | undefined {
  if (isHttp2(inbound.port.protocol)) return { explicitHttpConfig: { http2ProtocolOptions: {} } };
  if (useClientProtocol || inbound.port.protocol === "Unsupported") return downstreamProtocol();
  return undefined;
}

/** A target's service; one that the proxy may not see itself still gives its names. */
function serviceOf(scope: ProxyScope, target: ServiceTarget): ServiceRecord {
  const known = scope.byHostname.get(target.hostname);
  if (known?.namespace === target.namespace) return known;
  return { hostname: target.hostname, name: target.hostname, namespace: target.namespace } as ServiceRecord;
}
