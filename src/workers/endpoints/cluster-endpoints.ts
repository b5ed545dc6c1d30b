// The endpoints of a cluster by locality: for EDS, and for clusters that hold theirs. Worker threads.
import type { envoy } from "../../shared/gen/envoy.js";
import type { Networking_Subset } from "../../shared/gen/istio.js";
import type { EndpointRecord, ServiceRecord } from "../../shared/model/service.ts";
import { labelsMatch } from "../../shared/names/labels.ts";
import type { PushContext } from "../context/push-context.ts";
import { isClusterLocal } from "../scope/cluster-local.ts";
import { workloadMtls } from "../scope/peer-authentication.ts";
import type { ResolvedPolicy } from "../scope/traffic-policy.ts";
import { compareText } from "../scope/visibility.ts";
import { endpointWeight, type LbEndpointOptions, lbEndpoint } from "./lb-endpoint.ts";

export type LocalityEndpoints = envoy.config.endpoint.v3.ILocalityLbEndpoints;

/** Endpoints of one locality, with the records that they were made of. */
export interface LocalityGroup {
  /** `region/zone/subzone`, "" when unknown. */
  readonly locality: string;
  readonly records: readonly EndpointRecord[];
}

/** True when the service keeps sessions on endpoints that drain (a label of the service asks for it). */
export function keepsDraining(ctx: PushContext, service: ServiceRecord): boolean {
  const f = ctx.mesh.features;
  return (
    f.persistentSessionFilter &&
    (!!service.labels[f.persistentSessionLabel] || !!service.labels[f.persistentSessionHeaderLabel])
  );
}

/** What of a client decides which endpoints it may be sent. */
export interface EndpointClient {
  /** Networks whose endpoints it wants besides those that name none; empty for all. */
  readonly requestedNetworkView: readonly string[];
  /** The client's own Kubernetes cluster; "" where it has none. */
  readonly clusterId: string;
  /** The client's own network, where gateways reach into others; undefined where there are none. */
  readonly network: string | undefined;
}

/** The endpoints behind a service port that a client may be sent, grouped by locality in order of name. */
export function endpointGroups(
  ctx: PushContext,
  service: ServiceRecord,
  portName: string,
  subset: Networking_Subset | undefined,
  client: EndpointClient,
): LocalityGroup[] {
  const draining = keepsDraining(ctx, service);
  const onlyCluster = client.clusterId !== "" && isClusterLocal(ctx, service.hostname) ? client.clusterId : "";
  const groups = new Map<string, EndpointRecord[]>();
  for (const ep of ctx.endpoints(service)) {
    if (ep.servicePortName !== portName) continue;
    if (!isWanted(ep, client)) continue;
    if (onlyCluster !== "" && ep.clusterId !== "" && ep.clusterId !== onlyCluster) continue;
    if (subset?.labels && !labelsMatch(subset.labels, ep.labels)) continue;
    if (ep.health === "DRAINING" ? !draining : !isSendable(ep, ctx)) continue;
    const list = groups.get(ep.locality);
    if (list) list.push(ep);
    else groups.set(ep.locality, [ep]);
  }
  return [...groups].sort(([a], [b]) => compareText(a, b)).map(([locality, records]) => ({ locality, records }));
}

/** An endpoint without an address is behind a gateway. */
function isWanted(ep: EndpointRecord, { requestedNetworkView, network }: EndpointClient): boolean {
  if (ep.addresses.length === 0 && (network === undefined || network === ep.network)) return false;
  return requestedNetworkView.length === 0 || ep.network === "" || requestedNetworkView.includes(ep.network);
}

function isSendable(ep: EndpointRecord, ctx: PushContext): boolean {
  return ep.health === "HEALTHY" || (ep.health === "UNHEALTHY" && ctx.mesh.features.sendUnhealthyEndpoints);
}

/** What clients need to know to reach an endpoint. */
export function endpointOptions(ctx: PushContext, policy: ResolvedPolicy): LbEndpointOptions {
  const tls = policy.tls;
  return {
    telemetryLabel: ctx.mesh.features.endpointTelemetryLabel,
    allowsMtls(ep) {
      // A rule that says what TLS to use leaves nothing to detect.
      if (tls) return tls.mode === "ISTIO_MUTUAL";
      const mtls = workloadMtls(ctx, ep.namespace, ep.labels);
      return (mtls.ports.get(ep.port) ?? mtls.mode) !== "DISABLE";
    },
  };
}

/** The groups as Envoy takes them. */
export function localityEndpoints(groups: readonly LocalityGroup[], options: LbEndpointOptions): LocalityEndpoints[] {
  return groups.map(({ locality, records }) => ({
    locality: envoyLocality(locality),
    lbEndpoints: records.map((ep) => lbEndpoint(ep, options)),
    loadBalancingWeight:
      records.length > 0 ? { value: records.reduce((sum, ep) => sum + endpointWeight(ep), 0) } : null,
  }));
}

/** `region/zone/subzone` as a message. */
export function envoyLocality(text: string): envoy.config.core.v3.ILocality {
  if (text === "") return {};
  const [region = "", zone = "", ...rest] = text.split("/");
  const subZone = rest.join("/");
  return { ...(region ? { region } : {}), ...(zone ? { zone } : {}), ...(subZone ? { subZone } : {}) };
}
