// User configuration as it leaves a source: validated, normalised, plain data. Any thread.

/** Istio's configuration kinds. `ProxyConfig` is the resource, not the part of MeshConfig. */
export type IstioKind =
  | "VirtualService"
  | "DestinationRule"
  | "Gateway"
  | "ServiceEntry"
  | "WorkloadEntry"
  | "WorkloadGroup"
  | "Sidecar"
  | "EnvoyFilter"
  | "ProxyConfig"
  | "AuthorizationPolicy"
  | "PeerAuthentication"
  | "RequestAuthentication"
  | "Telemetry"
  | "WasmPlugin"
  | "TrafficExtension";

export const ISTIO_KINDS: readonly IstioKind[] = [
  "VirtualService",
  "DestinationRule",
  "Gateway",
  "ServiceEntry",
  "WorkloadEntry",
  "WorkloadGroup",
  "Sidecar",
  "EnvoyFilter",
  "ProxyConfig",
  "AuthorizationPolicy",
  "PeerAuthentication",
  "RequestAuthentication",
  "Telemetry",
  "WasmPlugin",
  "TrafficExtension",
];

/** What every object has, whatever its kind. */
export interface ObjectMeta {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Milliseconds since the epoch; 0 when the object has none, which counts as the oldest. */
  readonly creationTimestamp: number;
  /** As the source gives it; "" from files. */
  readonly resourceVersion: string;
}

/** Where an object was read, for messages to people. `line` counts from 1. */
export interface Origin {
  /** A path, or a cluster's name. */
  readonly source: string;
  readonly line?: number;
}

/** One validated piece of Istio configuration. `spec` has the proto3-JSON shape that src/shared/gen/istio.d.ts types. */
export interface ConfigObject<S = unknown> {
  readonly kind: IstioKind;
  readonly apiVersion: string;
  readonly meta: ObjectMeta;
  /** lowerCamelCase names, enum values as names, durations as strings such as "1.5s"; absent fields have their default. */
  readonly spec: S;
  /** As read, not validated: ServiceEntry has allocated addresses here, WorkloadEntry its health. */
  readonly status?: unknown;
  readonly origin: Origin;
}

/** What identifies an object in the mesh. */
export interface ObjectKey {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** `Kind/namespace/name`: for maps and messages. */
export function keyString(key: ObjectKey): string {
  return `${key.kind}/${key.namespace}/${key.name}`;
}
