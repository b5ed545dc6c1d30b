// Workloads: what runs at an address, from WorkloadEntries and pods. Main thread, pure.
import type { Networking_WorkloadEntry } from "../../shared/gen/istio.js";
import type { ConfigObject } from "../../shared/model/config.ts";
import type { KubeNode, KubePod } from "../../shared/model/kube.ts";
import type { EndpointHealth, EndpointRecord } from "../../shared/model/service.ts";
import { spiffeId } from "../../shared/names/spiffe.ts";
import type { PodNetworks } from "./pod-network.ts";

type Labels = Readonly<Record<string, string>>;

const TLS_MODE_LABEL = "security.istio.io/tlsMode";
const LOCALITY_LABEL = "istio-locality";
/** Names the network of a pod, of all pods (on the control plane's namespace), or behind a gateway (on a service). */
export const NETWORK_LABEL = "topology.istio.io/network";

/** One thing that runs at one or two addresses and may stand behind several services. */
export interface Workload {
  readonly name: string;
  readonly namespace: string;
  readonly addresses: readonly string[];
  readonly labels: Labels;
  readonly serviceAccount: string;
  readonly network: string;
  readonly locality: string;
  readonly weight: number;
  readonly tlsMode: string;
  readonly health: EndpointHealth;
  readonly nodeName: string;
  /** Ports by the name of the service port. */
  readonly ports: Readonly<Record<string, number>>;
  readonly kind: "WorkloadEntry" | "Pod" | "inline";
}

export type WorkloadEntryObject = ConfigObject<Networking_WorkloadEntry>;

/** What of the mesh workload conversion needs. */
export interface WorkloadContext {
  readonly trustDomain: string;
  readonly drainingLabel: string;
  readonly podNetwork: PodNetworks;
  node(name: string): KubeNode | undefined;
}

/** Where labels and a service account decide whether a workload speaks mesh mTLS. */
function tlsModeOf(labels: Labels, hasAccount: boolean): string {
  return labels[TLS_MODE_LABEL] ?? (hasAccount ? "istio" : "disabled");
}

/** Of each WorkloadEntry, what was made of it last: a change of one looks at all in its namespace. */
const ofEntries = new WeakMap<object, { readonly settings: string; readonly workload: Workload }>();

/** The workload of a WorkloadEntry; its labels are those of its spec and of the object, which win. */
export function workloadOfEntry(config: WorkloadEntryObject, ctx: WorkloadContext): Workload {
  const settings = `${ctx.trustDomain} ${ctx.drainingLabel}`;
  const known = ofEntries.get(config);
  if (known?.settings === settings) return known.workload;
  const workload = newWorkload(config, ctx);
  ofEntries.set(config, { settings, workload });
  return workload;
}

function newWorkload(config: WorkloadEntryObject, ctx: WorkloadContext): Workload {
  const { meta, spec } = config;
  const labels = { ...spec.labels, ...meta.labels };
  return workloadOfSpec(spec, meta.namespace, labels, ctx, {
    name: meta.annotations["istio.io/autoRegistrationGroup"] ?? meta.name,
    health: entryHealth(config, labels, ctx.drainingLabel),
    kind: "WorkloadEntry",
  });
}

/** An endpoint written inline in a ServiceEntry. */
export function inlineWorkload(
  entry: Networking_WorkloadEntry,
  owner: { readonly name: string; readonly namespace: string },
  index: number,
  ctx: WorkloadContext,
): Workload {
  const labels = entry.labels ?? {};
  return workloadOfSpec(entry, owner.namespace, labels, ctx, {
    name: `${owner.name}-${index}`,
    health: labels[ctx.drainingLabel] !== undefined ? "DRAINING" : "HEALTHY",
    kind: "inline",
  });
}

/** `own.name` is for one whose labels give it none. */
function workloadOfSpec(
  spec: Networking_WorkloadEntry,
  namespace: string,
  labels: Labels,
  ctx: WorkloadContext,
  own: Pick<Workload, "name" | "health" | "kind">,
): Workload {
  return {
    name: labels["service.istio.io/workload-name"] ?? own.name,
    namespace,
    addresses: spec.address ? [spec.address] : [],
    labels,
    serviceAccount: spec.serviceAccount ? spiffeId(ctx.trustDomain, namespace, spec.serviceAccount) : "",
    // The label is for pods.
    network: spec.network ?? "",
    locality: spec.locality ?? localityLabel(labels),
    weight: spec.weight ?? 0,
    tlsMode: tlsModeOf(labels, !!spec.serviceAccount),
    health: own.health,
    nodeName: "",
    ports: spec.ports ?? {},
    kind: own.kind,
  };
}

/** The workload of a pod, or undefined while it has no address or has ended. */
export function workloadOfPod(pod: KubePod, ctx: WorkloadContext): Workload | undefined {
  if (pod.ips.length === 0 || pod.phase === "Failed" || pod.phase === "Succeeded") return undefined;
  const labels = pod.meta.labels;
  const account = pod.serviceAccount || "default";
  return {
    name: pod.workloadName || pod.meta.name,
    namespace: pod.meta.namespace,
    addresses: pod.ips,
    labels,
    serviceAccount: spiffeId(ctx.trustDomain, pod.meta.namespace, account),
    network: labels[NETWORK_LABEL] ?? ctx.podNetwork(pod.ips[0]!),
    locality: localityLabel(labels) || nodeLocality(ctx.node(pod.nodeName)),
    weight: 0,
    // Only the injector's label says that a pod has a sidecar.
    tlsMode: labels[TLS_MODE_LABEL] ?? "disabled",
    health: podHealth(pod, labels, ctx.drainingLabel),
    nodeName: pod.nodeName,
    ports: Object.fromEntries(pod.namedPorts.map((p) => [p.name, p.port])),
    kind: "Pod",
  };
}

/** A workload behind a service's port, on a port of its own. */
export function endpointOfWorkload(
  workload: Workload,
  servicePortName: string,
  port: number,
  clusterId: string,
): EndpointRecord {
  return {
    addresses: workload.addresses,
    port,
    servicePortName,
    labels: workload.labels,
    serviceAccount: workload.serviceAccount,
    network: workload.network,
    clusterId,
    locality: workload.locality,
    weight: workload.weight,
    tlsMode: workload.tlsMode,
    workloadName: workload.name,
    namespace: workload.namespace,
    health: workload.health,
    hostname: "",
    subdomain: "",
    nodeName: workload.nodeName,
  };
}

/** `region/zone/subzone` of a node's topology labels, or "". */
export function nodeLocality(node: KubeNode | undefined): string {
  if (!node) return "";
  const labels = node.meta.labels;
  const region = labels["topology.kubernetes.io/region"] ?? labels["failure-domain.beta.kubernetes.io/region"] ?? "";
  const zone = labels["topology.kubernetes.io/zone"] ?? labels["failure-domain.beta.kubernetes.io/zone"] ?? "";
  const subZone = labels["topology.istio.io/subzone"] ?? "";
  return region || zone || subZone ? `${region}/${zone}/${subZone}` : "";
}

/** The label form of a locality separates its parts by dots, since labels cannot hold slashes. */
function localityLabel(labels: Labels): string {
  const value = labels[LOCALITY_LABEL] ?? "";
  return value.includes("/") ? value : value.replaceAll(".", "/");
}

/**
 * A WorkloadEntry with health checks counts as healthy only when its status says so
 * (https://istio.io/latest/docs/reference/config/networking/workload-group/).
 */
function entryHealth(config: ConfigObject, labels: Labels, drainingLabel: string): EndpointHealth {
  if (labels[drainingLabel] !== undefined) return "DRAINING";
  if (config.meta.annotations["proxy.istio.io/health-checks-enabled"] !== "true") return "HEALTHY";
  const status = config.status as { conditions?: readonly { type?: string; status?: string }[] } | undefined;
  const healthy = status?.conditions?.find((c) => c.type === "Healthy");
  return healthy?.status === "True" ? "HEALTHY" : "UNHEALTHY";
}

function podHealth(pod: KubePod, labels: Labels, drainingLabel: string): EndpointHealth {
  if (labels[drainingLabel] !== undefined) return "DRAINING";
  return pod.ready && !pod.deleting ? "HEALTHY" : "UNHEALTHY";
}
