// From a proxy's identity and the registry to its ProxyView. Main thread, pure.
import { canonicalJson } from "../../shared/canonical-json.ts";
import { formatSeconds, parseGoDurationNanos } from "../../shared/go-duration.ts";
import { viewId } from "../../shared/ids.ts";
import type { Locality, ProxyIdentity, ProxyViewRef } from "../../shared/model/proxy.ts";
import type { IpFamilies, ProxyView, ViewMetadata } from "../../shared/model/view.ts";
import type { Registry } from "../registry/registry.ts";
import { mayHaveIngress } from "./sidecar-ingress.ts";
import { namesByConvention, otelService } from "./span-service.ts";

/** Filters that only Istio's build of Envoy has; one that lists its extensions without them gets none of Istio's. */
const ISTIO_EXTENSION = /^(envoy\.filters\.(http|network)\.)?(istio|metadata_exchange|peer_metadata|alpn)\b|^istio\./;

/** Flags in node metadata that generators ask for by name. */
const FLAGS = [
  "PROXY_CONFIG_XDS_AGENT",
  "DISABLE_HBONE_SEND",
  "SIDECAR_IGNORE_PORT_IN_HOST_MATCHING",
  "TLS_MODE",
] as const;

/** Gives 16 hex digits over a text. */
export type Hash = (text: string) => string;

/** A view with what the planner asks of it. */
export interface PlannedView extends ProxyViewRef {
  readonly view: ProxyView;
  /** The view where its namespace sees what all others see. */
  readonly asPlain: ProxyViewRef;
}

const NOTHING: ReadonlySet<string> = new Set();

/**
 * The view of a proxy, as the registry knows its workload now. `asked`: names in the node's metadata that EnvoyFilters ask
 * for.
 */
export function buildView(
  proxy: ProxyIdentity,
  registry: Registry,
  hash: Hash,
  asked: ReadonlySet<string> = NOTHING,
): PlannedView {
  const { services } = registry;
  const serviceTargets = services.targetsAt(proxy.ipAddresses, proxy.namespace);
  const { ipAddresses, namespace } = proxy;
  // A workload that stands behind no service is not known.
  const workload = services.endpointAt(ipAddresses, namespace);
  const { LABELS, STATIC_LABELS } = proxy.node.metadata;
  const metadata = viewMetadata(proxy);
  // Of another cluster's workloads this registry knows where they are, but not what they are.
  const own = metadata.clusterId === "" || metadata.clusterId === registry.mesh.clusterId ? workload : undefined;
  const labels = own ? { ...stringMap(STATIC_LABELS), ...own.labels } : stringMap(LABELS);
  const view: ProxyView = {
    type: proxy.type,
    generator: proxy.generator,
    namespace: proxy.namespace,
    dnsDomain: proxy.dnsDomain,
    labels,
    locality: workload?.locality ? parseLocality(workload.locality) : proxy.node.locality,
    ipFamilies: families(proxy.ipAddresses),
    metadata: { ...metadata, otelService: namesByConvention(registry) ? otelService(proxy, labels) : "" },
    serviceTargets,
    istioFilters: hasIstioFilters(proxy),
    addresses: needsAddresses(proxy, serviceTargets, registry) ? [...proxy.ipAddresses].sort() : [],
    nodeMetadata: askedTexts(proxy, asked),
    patches: null,
    ingressAddresses: mayHaveIngress(registry, proxy) ? proxy.ipAddresses : [],
    workloadName: text(proxy.node.metadata.WORKLOAD_NAME),
    nodeName: "",
  };
  const json = canonicalJson(view);
  const id = viewId(hash(json));
  return { id, json, view, asPlain: { id, json, plain: true } };
}

function askedTexts({ node: { metadata } }: ProxyIdentity, asked: ReadonlySet<string>): Record<string, string> {
  const out: Record<string, string> = {};
  for (const key of asked) {
    const value = metadata[key];
    if (typeof value === "string") out[key] = value;
  }
  return out;
}

/**
 * Listeners of a headless TCP service stand on the addresses of its endpoints, without the proxy's own: only proxies
 * of such services need their address in the view.
 */
function needsAddresses(proxy: ProxyIdentity, targets: ProxyView["serviceTargets"], registry: Registry): boolean {
  if (proxy.type !== "sidecar") return false;
  return targets.some((target) =>
    registry.services.services(target).some((s) => s.resolution === "passthrough" && s.addresses.length === 0),
  );
}

/**
 * Whether the proxy is of Istio's build. Every Envoy lists what it was built with; what doesn't is taken for Istio's, as istiod takes all.
 * https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/core/v3/base.proto#config-core-v3-node
 */
function hasIstioFilters({ node: { extensions } }: ProxyIdentity): boolean {
  if (extensions === null) return true;
  for (const name of extensions) if (ISTIO_EXTENSION.test(name)) return true;
  return false;
}

function families(addresses: readonly string[]): IpFamilies {
  const ipv6 = addresses.some((a) => a.includes(":"));
  const ipv4 = addresses.some((a) => !a.includes(":"));
  return { ipv4: ipv4 || !ipv6, ipv6, ipv6First: addresses[0]?.includes(":") ?? false };
}

function viewMetadata(proxy: ProxyIdentity): ViewMetadata {
  const m = proxy.node.metadata;
  const flags: Record<string, string> = {};
  for (const name of FLAGS) if (m[name] !== undefined) flags[name] = text(m[name]);
  const proxyConfig = m.PROXY_CONFIG;
  const networkView = m.REQUESTED_NETWORK_VIEW;
  return {
    clusterId: text(m.CLUSTER_ID),
    meshId: text(m.MESH_ID),
    namespace: text(m.NAMESPACE),
    network: text(m.NETWORK),
    serviceCluster: proxy.node.cluster,
    otelService: "",
    istioVersion: text(m.ISTIO_VERSION),
    interceptionMode: text(m.INTERCEPTION_MODE),
    dnsCapture: flag(m.DNS_CAPTURE),
    dnsAutoAllocate: flag(m.DNS_AUTO_ALLOCATE),
    http10: text(m.HTTP10) === "1",
    idleTimeout: duration(text(m.IDLE_TIMEOUT)),
    inboundExactBalance: flag(m.INBOUND_LISTENER_EXACT_BALANCE),
    outboundExactBalance: flag(m.OUTBOUND_LISTENER_EXACT_BALANCE),
    hbone: flag(m.ENABLE_HBONE),
    httpProxyPort: Number(m.HTTP_PROXY_PORT ?? 0) || 0,
    unprivilegedPod: flag(m.UNPRIVILEGED_POD),
    statusPort: Number(m.ENVOY_STATUS_PORT ?? 0) || 0,
    prometheusPort: Number(m.ENVOY_PROMETHEUS_PORT ?? 0) || 0,
    tlsServerCertChain: text(m.TLS_SERVER_CERT_CHAIN),
    tlsServerKey: text(m.TLS_SERVER_KEY),
    tlsServerRootCert: text(m.TLS_SERVER_ROOT_CERT),
    tlsClientCertChain: text(m.TLS_CLIENT_CERT_CHAIN),
    tlsClientKey: text(m.TLS_CLIENT_KEY),
    tlsClientRootCert: text(m.TLS_CLIENT_ROOT_CERT),
    requestedNetworkView: text(networkView) === "" ? [] : text(networkView).split(",").sort(),
    proxyConfig:
      proxyConfig !== null && typeof proxyConfig === "object" ? (proxyConfig as Record<string, unknown>) : null,
    flags,
  };
}

/** `region/zone/subzone` */
function parseLocality(text: string): Locality {
  const [region = "", zone = "", ...rest] = text.split("/");
  return { region, zone, subZone: rest.join("/") };
}

/** A duration of Go's as proto3-JSON has it; "" where it can't be read or makes no sense, as if there were none. */
function duration(text: string): string {
  const nanos = parseGoDurationNanos(text);
  return nanos === undefined || nanos < 0n ? "" : formatSeconds(nanos);
}

/** Node metadata writes booleans as true, "true" or "1". */
function flag(value: unknown): boolean {
  return value === true || value === "true" || value === "1";
}

function text(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (Array.isArray(value)) return value.map(text).join(",");
  return "";
}

function stringMap(value: unknown): Record<string, string> {
  const out: Record<string, string> = {};
  if (value === null || typeof value !== "object") return out;
  for (const [k, v] of Object.entries(value)) out[k] = text(v);
  return out;
}
