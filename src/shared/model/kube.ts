// Kubernetes objects, reduced at the sources to what a mesh needs. Nothing past src/main/sources sees the raw form. Any thread.
import type { ObjectMeta, Origin } from "./config.ts";

interface KubeBase<K extends string> {
  readonly kind: K;
  readonly meta: ObjectMeta;
  readonly origin: Origin;
}

/** Cluster-scoped: `meta.namespace` is "". */
export interface KubeNamespace extends KubeBase<"Namespace"> {}

/** Cluster-scoped: `meta.namespace` is "". Its topology labels give endpoints their locality. */
export interface KubeNode extends KubeBase<"Node"> {
  readonly addresses: readonly { readonly type: string; readonly address: string }[];
}

export interface KubeServicePort {
  readonly name: string;
  readonly protocol: "TCP" | "UDP" | "SCTP";
  readonly appProtocol?: string;
  readonly port: number;
  /** A number, or the name of a container port; the port's own number when the object has none. */
  readonly targetPort: number | string;
  readonly nodePort: number;
}

export interface KubeService extends KubeBase<"Service"> {
  readonly type: "ClusterIP" | "NodePort" | "LoadBalancer" | "ExternalName";
  /** Empty, ["None"] for a headless service, else one or two addresses. */
  readonly clusterIPs: readonly string[];
  readonly externalName: string;
  readonly externalIPs: readonly string[];
  readonly loadBalancerAddresses: readonly string[];
  /** null where there is none: its endpoints are then given by hand. */
  readonly selector: Readonly<Record<string, string>> | null;
  readonly ports: readonly KubeServicePort[];
  readonly publishNotReadyAddresses: boolean;
  readonly trafficDistribution: string;
  readonly internalTrafficPolicy: string;
}

export interface KubeEndpoint {
  readonly addresses: readonly string[];
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  /** Name of the pod in the same namespace, "" when the target is not a pod. */
  readonly podName: string;
  readonly nodeName: string;
  readonly zone: string;
  readonly hostname: string;
}

/** EndpointSlice, and Endpoints converted to the same form (`meta.name` is then the service's own). */
export interface KubeEndpointSlice extends KubeBase<"EndpointSlice"> {
  readonly serviceName: string;
  readonly addressType: "IPv4" | "IPv6" | "FQDN";
  readonly ports: readonly { readonly name: string; readonly port: number; readonly protocol: string }[];
  readonly endpoints: readonly KubeEndpoint[];
}

export interface KubePod extends KubeBase<"Pod"> {
  readonly phase: string;
  readonly ready: boolean;
  readonly ips: readonly string[];
  readonly nodeName: string;
  readonly serviceAccount: string;
  readonly hostNetwork: boolean;
  readonly deleting: boolean;
  /** Container ports with a name, to resolve named target ports. */
  readonly namedPorts: readonly { readonly name: string; readonly port: number; readonly protocol: string }[];
  /** Name and kind of the controller that made the pod ("" when none); a ReplicaSet is given as its Deployment. */
  readonly workloadName: string;
  readonly workloadKind: string;
}

export interface KubeSecret extends KubeBase<"Secret"> {
  readonly type: string;
  /** Values in base64, as Kubernetes writes them. */
  readonly data: Readonly<Record<string, string>>;
}

export interface KubeConfigMap extends KubeBase<"ConfigMap"> {
  readonly data: Readonly<Record<string, string>>;
}

export type KubeObject =
  | KubeNamespace
  | KubeNode
  | KubeService
  | KubeEndpointSlice
  | KubePod
  | KubeSecret
  | KubeConfigMap;
