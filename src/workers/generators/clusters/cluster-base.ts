// What all clusters have in common: names, limits, protocol options, metadata. Worker threads, pure.
import { envoy } from "../../../shared/gen/envoy.js";
import type { ServiceRecord } from "../../../shared/model/service.ts";
import type { PushContext } from "../../context/push-context.ts";
import { any, type DurationMessage, durationMs, parseDuration, struct } from "../../encode/values.ts";
import { AS_WRITTEN } from "../../filters/proxy-headers.ts";

export type Cluster = envoy.config.cluster.v3.ICluster;
export type HttpProtocolOptions = envoy.extensions.upstreams.http.v3.IHttpProtocolOptions;

const { HttpProtocolOptions: HttpProtocolOptionsCodec } = envoy.extensions.upstreams.http.v3;
const HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

export const STATIC = 0;
export const STRICT_DNS = 1;
export const LOGICAL_DNS = 2;
export const EDS = 3;
export const ORIGINAL_DST = 4;

export const ROUND_ROBIN = 0;
export const LEAST_REQUEST = 1;
export const RING_HASH = 2;
export const RANDOM = 3;
export const MAGLEV = 5;
export const CLUSTER_PROVIDED = 6;

/** Envoy's own limit is 1,024 of each; Istio sets none. */
export const UNLIMITED = 4_294_967_295;

/** What Envoy's statistics call a cluster: Istio's stats rules cut names at the ";". */
export function statName(name: string): string {
  return `${name};`;
}

/** Limits that limit nothing; gauges of what is left of them where the mesh wants them. */
export function noLimits({ mesh: { features } }: PushContext): envoy.config.cluster.v3.ICircuitBreakers {
  return {
    thresholds: [
      {
        maxConnections: { value: UNLIMITED },
        maxPendingRequests: { value: UNLIMITED },
        maxRequests: { value: UNLIMITED },
        maxRetries: { value: UNLIMITED },
        ...(features.disableTrackRemaining ? {} : { trackRemaining: true }),
      },
    ],
  };
}

/** HTTP protocol options, in the place that clusters have for them. */
export function protocolOptions(options: HttpProtocolOptions): NonNullable<Cluster["typedExtensionProtocolOptions"]> {
  return { [HTTP_OPTIONS]: any(HTTP_OPTIONS, HttpProtocolOptionsCodec, options) };
}

/** A connection pool that speaks whatever the client spoke. */
export function downstreamProtocol(): HttpProtocolOptions {
  return { useDownstreamProtocolConfig: { httpProtocolOptions: {}, http2ProtocolOptions: {} } };
}

/** The options with the names of HTTP/1.1's headers written as they came, where that is what the pool speaks. */
export function withHeaderCase(options: HttpProtocolOptions): HttpProtocolOptions {
  const { explicitHttpConfig: only, useDownstreamProtocolConfig: any } = options;
  if (only?.httpProtocolOptions) {
    return { ...options, explicitHttpConfig: { httpProtocolOptions: { ...only.httpProtocolOptions, ...AS_WRITTEN } } };
  }
  if (!any?.httpProtocolOptions) return options;
  const httpProtocolOptions = { ...any.httpProtocolOptions, ...AS_WRITTEN };
  return { ...options, useDownstreamProtocolConfig: { ...any, httpProtocolOptions } };
}

/** The mesh's connect timeout, 10 s by default. */
export function connectTimeout(mesh: { readonly connectTimeout?: string }): DurationMessage {
  return parseDuration(mesh.connectTimeout) ?? durationMs(10_000);
}

/** Istio's metadata of a cluster: its services, and what an EnvoyFilter or a person may want to know; null for none. */
export function istioMetadata(fields: {
  readonly services: readonly ServiceRecord[];
  readonly subset?: string;
  /** Path of the DestinationRule in force. */
  readonly config?: string;
  readonly external?: boolean;
  readonly keepAlpn?: boolean;
  readonly noExchange?: boolean;
}): envoy.config.core.v3.IMetadata | null {
  const istio: Record<string, unknown> = {};
  if (fields.services.length > 0) {
    istio.services = fields.services.map((s) => ({ host: s.hostname, name: s.name, namespace: s.namespace }));
  }
  if (fields.subset) istio.subset = fields.subset;
  if (fields.config) istio.config = fields.config;
  if (fields.external) istio.external = true;
  if (fields.keepAlpn) istio.alpn_override = "false";
  if (fields.noExchange) istio.disable_mx = true;
  if (Object.keys(istio).length === 0) return null;
  return { filterMetadata: { istio: struct(istio) } };
}

/** The path by which Istio's metadata names a DestinationRule. */
export function rulePath(rule: { readonly namespace: string; readonly name: string }): string {
  return `/apis/networking.istio.io/v1/namespaces/${rule.namespace}/destination-rule/${rule.name}`;
}
