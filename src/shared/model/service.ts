// Services and endpoints as the registry joins them from ServiceEntries, WorkloadEntries and Kubernetes objects. Any thread.

/** Protocols as Istio names them; "Unsupported" means that the sidecar detects HTTP or TCP by itself. */
export type Protocol =
  | "HTTP"
  | "HTTP2"
  | "HTTP_PROXY"
  | "GRPC"
  | "GRPC-Web"
  | "HTTPS"
  | "TLS"
  | "TCP"
  | "UDP"
  | "Mongo"
  | "Redis"
  | "MySQL"
  | "HBONE"
  | "Unsupported";

/** How a client finds the endpoints of a service. */
export type Resolution =
  /** From the control plane, over EDS. */
  | "static"
  /** By DNS, every answer an endpoint. */
  | "dns"
  /** By DNS, one logical endpoint. */
  | "dnsRoundRobin"
  /** By DNS at request time, for a wildcard host. */
  | "dynamicDns"
  /** To the address that the client meant. */
  | "passthrough"
  /** Another service's (ExternalName). */
  | "alias";

export interface ServicePort {
  readonly name: string;
  readonly port: number;
  readonly protocol: Protocol;
  /** Port of the endpoints, where the object gives it as a number and it is another one. */
  readonly targetPort?: number;
}

/** Address that a service without one has: listeners bind to the wildcard. */
export const UNSPECIFIED_ADDRESS = "0.0.0.0";

export interface ServiceRecord {
  readonly hostname: string;
  readonly namespace: string;
  /** The `name` of telemetry metadata: a ServiceEntry's is its host, a Kubernetes service's its own. */
  readonly name: string;
  readonly registry: "External" | "Kubernetes";
  /** Name of the object behind it, to break ties and for messages. */
  readonly objectName: string;
  readonly creationTimestamp: number;
  readonly resolution: Resolution;
  readonly meshExternal: boolean;
  /** The first is the main one; empty when there is none. May hold CIDR blocks. */
  readonly addresses: readonly string[];
  readonly autoAllocatedIpv4: string;
  readonly autoAllocatedIpv6: string;
  readonly ports: readonly ServicePort[];
  readonly labels: Readonly<Record<string, string>>;
  /** Namespaces that see it; `["*"]` for all, "." resolved to its own. */
  readonly exportTo: readonly string[];
  /** Labels of the workloads that it chooses, or null. */
  readonly selector: Readonly<Record<string, string>> | null;
  /** Identities a server may prove besides those of its endpoints (ServiceEntry subjectAltNames). */
  readonly subjectAltNames: readonly string[];
  /** Host that an alias stands for, else "". */
  readonly externalName: string;
  /** Kubernetes' trafficDistribution or its annotation, else "". */
  readonly trafficDistribution: string;
  readonly nodeLocal: boolean;
  readonly publishNotReady: boolean;
}

/** Health as the registry knows it; Envoy's names. */
export type EndpointHealth = "HEALTHY" | "UNHEALTHY" | "DRAINING" | "TERMINATING";

/** One address and port behind one service port. */
export interface EndpointRecord {
  /** The first is the main one; a dual-stack workload has two. A Unix socket is `unix://path`. */
  readonly addresses: readonly string[];
  readonly port: number;
  readonly servicePortName: string;
  readonly labels: Readonly<Record<string, string>>;
  /** SPIFFE identity, or "". */
  readonly serviceAccount: string;
  readonly network: string;
  readonly clusterId: string;
  /** `region/zone/subzone`, or "". */
  readonly locality: string;
  /** 0 when none is set. */
  readonly weight: number;
  /** `istio` or `disabled`: whether the workload speaks mesh mTLS. */
  readonly tlsMode: string;
  readonly workloadName: string;
  readonly namespace: string;
  readonly health: EndpointHealth;
  /** The pod's own host and subdomain, for headless names. */
  readonly hostname: string;
  readonly subdomain: string;
  readonly nodeName: string;
}

/** A service port that a proxy itself serves. */
export interface ServiceTarget {
  readonly hostname: string;
  readonly namespace: string;
  readonly port: ServicePort;
  readonly targetPort: number;
  readonly tlsMode: string;
}

const HTTP_PROTOCOLS: ReadonlySet<Protocol> = new Set<Protocol>(["HTTP", "HTTP2", "HTTP_PROXY", "GRPC", "GRPC-Web"]);
const TCP_PROTOCOLS: ReadonlySet<Protocol> = new Set<Protocol>(["TCP", "HTTPS", "TLS", "Mongo", "Redis", "MySQL"]);

export function isHttp(protocol: Protocol): boolean {
  return HTTP_PROTOCOLS.has(protocol);
}

export function isHttp2(protocol: Protocol): boolean {
  return protocol === "HTTP2" || protocol === "GRPC" || protocol === "GRPC-Web";
}

export function isTcp(protocol: Protocol): boolean {
  return TCP_PROTOCOLS.has(protocol);
}

export function isTls(protocol: Protocol): boolean {
  return protocol === "HTTPS" || protocol === "TLS";
}

/** True where a sidecar has to look at the first bytes to know. */
export function isAutoDetected(protocol: Protocol): boolean {
  return protocol === "Unsupported";
}

/** True where requests may come: what is HTTP, and what may turn out to be. */
export function mayBeHttp(protocol: Protocol): boolean {
  return isHttp(protocol) || isAutoDetected(protocol);
}

/** The protocol that a `protocol` field or appProtocol names; anything else is detected at run time. */
export function parseProtocol(text: string): Protocol {
  switch (text.toLowerCase()) {
    case "tcp":
      return "TCP";
    case "udp":
      return "UDP";
    case "grpc":
      return "GRPC";
    case "grpc-web":
      return "GRPC-Web";
    case "http":
      return "HTTP";
    case "http_proxy":
      return "HTTP_PROXY";
    case "http2":
      return "HTTP2";
    case "https":
      return "HTTPS";
    case "tls":
      return "TLS";
    case "hbone":
      return "HBONE";
    case "mongo":
      return "Mongo";
    case "redis":
      return "Redis";
    case "mysql":
      return "MySQL";
    default:
      return "Unsupported";
  }
}
