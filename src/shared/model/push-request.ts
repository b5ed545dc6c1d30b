// PushRequest: what changed and why, merged while debouncing. Main thread.
import type { Labels } from "../names/labels.ts";
import type { XdsType } from "../xds-types.ts";
import type { ObjectKey } from "./config.ts";
import type { NodeType } from "./proxy.ts";

/** Names of the `type` label of pilot_push_triggers; `depdendentresource` is misspelt in istiod's metric too. */
export type PushReason =
  | "endpoint"
  | "headlessendpoint"
  | "config"
  | "service"
  | "proxy"
  | "global"
  | "unknown"
  | "debug"
  | "secret"
  | "networks"
  | "proxyrequest"
  | "depdendentresource"
  | "namespace"
  | "cluster";

/** Identifies a service of the registry: a host may stand in several namespaces. */
export interface ServiceKey {
  readonly hostname: string;
  readonly namespace: string;
}

/** `namespace/hostname`. */
export function serviceKeyString(key: ServiceKey): string {
  return `${key.namespace}/${key.hostname}`;
}

/** What of the mesh a change of an object can touch at most, where its content tells more than its kind. */
export interface ConfigReach {
  readonly types?: ReadonlySet<XdsType> | undefined;
  /** Hosts in full, or with a wildcard, that it is or was about. */
  readonly hosts?: ReadonlySet<string> | undefined;
  /** Labels of the workloads that it is or was for: a workload that has those of one of them. Undefined: all workloads. */
  readonly selectors?: readonly Labels[] | undefined;
  /** Gateways that it is or was bound to, as `namespace/name`, or "mesh". */
  readonly gateways?: ReadonlySet<string> | undefined;
  /** Kinds of proxies that it is or was for. */
  readonly nodes?: ReadonlySet<NodeType> | undefined;
  /** Types of which it touches what is a sidecar's own, and not only what several share. */
  readonly ownParts?: ReadonlySet<XdsType> | undefined;
}

/** A changed object. */
export interface ChangedConfig extends ObjectKey, ConfigReach {}

/**
 * What the registry says has changed in one step, or the sum of several steps.
 * Maps are keyed by `keyString` and `serviceKeyString`, so that merging is a union.
 */
export interface RegistryChange {
  /** Configuration objects added, changed or removed. Metadata-only edits that cannot matter are not in here. */
  readonly configs: ReadonlyMap<string, ChangedConfig>;
  /** Services whose own description changed (ports, addresses, resolution, visibility), or that came or went. */
  readonly services: ReadonlyMap<string, ServiceKey>;
  /** Services of which only endpoints changed. */
  readonly endpoints: ReadonlyMap<string, ServiceKey>;
  /** Addresses of workloads whose labels or service targets may have changed: their proxies' views are made anew. */
  readonly workloadAddresses: ReadonlySet<string>;
  /** MeshConfig or MeshNetworks changed: everything may differ. */
  readonly mesh: boolean;
  /** How often each reason occurred. */
  readonly reasons: ReadonlyMap<PushReason, number>;
}

/** A RegistryChange with the times that the ledger and the metrics need. All in milliseconds of the monotonic clock. */
export interface PushRequest {
  readonly change: RegistryChange;
  /** When the first of the merged changes arrived. */
  readonly firstChangeMs: number;
  /** When the last of them arrived. */
  readonly lastChangeMs: number;
  /** How many changes were merged. */
  readonly merged: number;
}

/**
 * True when nothing but endpoints changed: only EDS can differ, but for proxies at `workloadAddresses`, whose views may be
 * other ones now.
 */
export function isEndpointsOnly(change: RegistryChange): boolean {
  return !change.mesh && change.configs.size === 0 && change.services.size === 0;
}

/** The sum of two changes of the same object: anything, where one of them doesn't say. */
export function mergeConfigs(a: ChangedConfig | undefined, b: ChangedConfig): ChangedConfig {
  if (!a) return b;
  return {
    ...b,
    types: union(a.types, b.types),
    hosts: union(a.hosts, b.hosts),
    selectors: a.selectors && b.selectors ? [...a.selectors, ...b.selectors] : undefined,
    gateways: union(a.gateways, b.gateways),
    nodes: union(a.nodes, b.nodes),
    ownParts: union(a.ownParts, b.ownParts),
  };
}

function union<T>(a: ReadonlySet<T> | undefined, b: ReadonlySet<T> | undefined): ReadonlySet<T> | undefined {
  return a && b ? new Set([...a, ...b]) : undefined;
}

/** A change to which others can be added. */
export interface ChangeSum extends RegistryChange {
  readonly configs: Map<string, ChangedConfig>;
  readonly services: Map<string, ServiceKey>;
  readonly endpoints: Map<string, ServiceKey>;
  readonly workloadAddresses: Set<string>;
  mesh: boolean;
  readonly reasons: Map<PushReason, number>;
}

/** The sum of changes, which stay as they are. */
export function sumOfChanges(...changes: readonly RegistryChange[]): ChangeSum {
  const sum: ChangeSum = {
    configs: new Map(),
    services: new Map(),
    endpoints: new Map(),
    workloadAddresses: new Set(),
    mesh: false,
    reasons: new Map(),
  };
  for (const change of changes) addChange(sum, change);
  return sum;
}

/** Adds a change; what is in the sum already costs nothing, so that a storm of changes costs what each of them holds. */
export function addChange(sum: ChangeSum, change: RegistryChange): void {
  for (const [id, changed] of change.configs) sum.configs.set(id, mergeConfigs(sum.configs.get(id), changed));
  for (const [id, key] of change.services) sum.services.set(id, key);
  for (const [id, key] of change.endpoints) sum.endpoints.set(id, key);
  for (const address of change.workloadAddresses) sum.workloadAddresses.add(address);
  sum.mesh ||= change.mesh;
  for (const [reason, count] of change.reasons) sum.reasons.set(reason, (sum.reasons.get(reason) ?? 0) + count);
}
