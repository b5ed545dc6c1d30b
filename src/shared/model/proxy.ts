// Who is connected: the node that a proxy names itself with, and the view that decides what is generated for it. Any thread.
import type { ViewId } from "../ids.ts";

/** The node types that Istio's proxies name in the first part of their id. */
export type NodeType = "sidecar" | "router" | "waypoint" | "ztunnel";

/** The form of configuration that a client wants: Envoy's, or that of gRPC's own xDS client (metadata GENERATOR: grpc). */
export type GeneratorKind = "envoy" | "grpc";

export interface Locality {
  readonly region: string;
  readonly zone: string;
  readonly subZone: string;
}

/** `envoy.config.core.v3.Node`, decoded. */
export interface NodeInfo {
  readonly id: string;
  readonly cluster: string;
  /** The metadata struct as plain JSON. */
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly locality: Locality;
  /** Names of the extensions that this Envoy was built with; null when the node lists none. */
  readonly extensions: ReadonlySet<string> | null;
  readonly userAgentName: string;
}

/** A proxy's identity, from its node: fixed for the life of its stream. */
export interface ProxyIdentity {
  readonly type: NodeType;
  /** Addresses, the first one first named in the id, then those of INSTANCE_IPS. */
  readonly ipAddresses: readonly string[];
  /** `name.namespace`, the third part of the id. */
  readonly id: string;
  readonly namespace: string;
  /** Suffix that short host names get, such as `bookinfo.svc.cluster.local`. */
  readonly dnsDomain: string;
  readonly generator: GeneratorKind;
  readonly node: NodeInfo;
}

/**
 * Everything about a Proxy that can change what is generated for it, and nothing else. It is plain JSON;
 * `id` is a hash over it, so proxies with equal ids share all work and all bytes.
 * The streams treat it as opaque; src/shared/model/view.ts has what generators read.
 */
export interface ProxyViewRef {
  readonly id: ViewId;
  /** The canonical JSON of the view, for the workers. */
  readonly json: string;
  /** True where its namespace sees what all others see: what follows from that alone is then worked out for all together. */
  readonly plain?: boolean;
}
