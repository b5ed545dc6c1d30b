// One endpoint as Envoy takes it. Worker threads, pure.
import type { envoy } from "../../shared/gen/envoy.js";
import type { EndpointRecord } from "../../shared/model/service.ts";
import { canonicalName, canonicalRevision } from "../../shared/names/canonical.ts";
import { struct } from "../encode/values.ts";

export type LbEndpoint = envoy.config.endpoint.v3.ILbEndpoint;

const HEALTHY = 1;
const UNHEALTHY = 2;
const DRAINING = 3;

/** An address and port, or a Unix socket, as Envoy's address. */
export function envoyAddress(address: string, port: number): envoy.config.core.v3.IAddress {
  if (address.startsWith("unix://")) return { pipe: { path: address.slice("unix://".length) } };
  return { socketAddress: { address, portValue: port } };
}

export interface LbEndpointOptions {
  readonly telemetryLabel: boolean;
  /** True when clients use mesh mTLS towards this endpoint, if it can. */
  allowsMtls(ep: EndpointRecord): boolean;
}

/** Stands in for endpoints of another network: it passes mesh mTLS on, to whichever workload it is for. */
export interface GatewayEndpoint extends EndpointRecord {
  readonly gateway: true;
}

function isGateway(ep: EndpointRecord): ep is GatewayEndpoint {
  return "gateway" in ep;
}

/** True where clients use mesh mTLS. */
export function speaksMtls(ep: EndpointRecord, options: LbEndpointOptions): boolean {
  return isGateway(ep) || (ep.tlsMode === "istio" && options.allowsMtls(ep));
}

/** The endpoint with its metadata: whether it speaks mesh mTLS, and which workload it is for telemetry. */
export function lbEndpoint(ep: EndpointRecord, options: LbEndpointOptions): LbEndpoint {
  const metadata: Record<string, ReturnType<typeof struct>> = {};
  if (speaksMtls(ep, options)) metadata["envoy.transport_socket_match"] = struct({ tlsMode: "istio" });
  if (options.telemetryLabel) metadata.istio = struct({ workload: workloadText(ep) });
  const health = ep.health === "HEALTHY" ? HEALTHY : ep.health === "DRAINING" ? DRAINING : UNHEALTHY;
  return {
    endpoint: { address: envoyAddress(ep.addresses[0] ?? "", ep.port) },
    loadBalancingWeight: { value: endpointWeight(ep) },
    healthStatus: health === HEALTHY ? null : health,
    metadata: { filterMetadata: metadata },
  };
}

export function endpointWeight(ep: EndpointRecord): number {
  return ep.weight > 0 ? ep.weight : 1;
}

/** `workload;namespace;canonical service;canonical revision;cluster`, which Istio's telemetry reads at clients. */
function workloadText(ep: EndpointRecord): string {
  if (isGateway(ep)) return `;;;;${ep.clusterId}`;
  const name = canonicalName(ep.labels, ep.workloadName);
  return `${ep.workloadName};${ep.namespace};${name};${canonicalRevision(ep.labels)};${ep.clusterId}`;
}
