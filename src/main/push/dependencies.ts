// Which xDS types a kind of configuration can change. Main thread, pure.
import type { IstioKind } from "../../shared/model/config.ts";
import type { NodeType } from "../../shared/model/proxy.ts";
import type { XdsType } from "../../shared/xds-types.ts";

const ALL: readonly XdsType[] = ["CDS", "EDS", "LDS", "RDS", "SDS", "ECDS", "NDS", "PCDS"];
const NONE: readonly XdsType[] = [];
/** What patches can change; each says more. */
const PATCHED: readonly XdsType[] = ["CDS", "LDS", "RDS", "ECDS"];

const BY_KIND: Readonly<
  Record<IstioKind, { readonly sidecar: readonly XdsType[]; readonly router: readonly XdsType[] }>
> = {
  // TCP and TLS routes live in listeners; a delegate or a host may add clusters to a filtered gateway.
  VirtualService: { sidecar: ["LDS", "RDS"], router: ["CDS", "LDS", "RDS"] },
  // Consistent hashing and subsets reach routes and TCP proxies; locality settings reach endpoints.
  DestinationRule: { sidecar: ["CDS", "EDS", "LDS", "RDS"], router: ["CDS", "EDS", "LDS", "RDS"] },
  Gateway: { sidecar: NONE, router: ["CDS", "LDS", "RDS"] },
  // These reach proxies as services and endpoints.
  ServiceEntry: { sidecar: NONE, router: NONE },
  WorkloadEntry: { sidecar: NONE, router: NONE },
  WorkloadGroup: { sidecar: NONE, router: NONE },
  Sidecar: { sidecar: ["CDS", "EDS", "LDS", "RDS", "NDS"], router: NONE },
  EnvoyFilter: { sidecar: PATCHED, router: PATCHED },
  ProxyConfig: { sidecar: ALL, router: ALL },
  AuthorizationPolicy: { sidecar: ["LDS"], router: ["LDS"] },
  // Auto mTLS follows the server's policy into clusters and endpoints.
  PeerAuthentication: { sidecar: ["CDS", "EDS", "LDS"], router: ["CDS", "EDS", "LDS"] },
  RequestAuthentication: { sidecar: ["CDS", "LDS"], router: ["CDS", "LDS"] },
  Telemetry: { sidecar: ["LDS"], router: ["LDS"] },
  WasmPlugin: { sidecar: ["LDS", "ECDS"], router: ["LDS", "ECDS"] },
  TrafficExtension: { sidecar: ["LDS", "ECDS"], router: ["LDS", "ECDS"] },
};

/** Types that a change of mesh settings, or a view that is another one now, can touch. */
export const ALL_TYPES: readonly XdsType[] = ALL;

/** Types that a service's own description can touch: clusters, their endpoints, listeners, routes, and names. */
export const SERVICE_TYPES: readonly XdsType[] = ["CDS", "EDS", "LDS", "RDS", "NDS"];

/** Kinds that only count in their own namespace, or everywhere when they stand in the root namespace. */
const NAMESPACE_LOCAL: ReadonlySet<IstioKind> = new Set<IstioKind>([
  "Sidecar",
  "EnvoyFilter",
  "ProxyConfig",
  "AuthorizationPolicy",
  "RequestAuthentication",
  "Telemetry",
  "WasmPlugin",
  "TrafficExtension",
]);

/** What decides which objects count for a proxy. */
export interface Audience {
  readonly type: NodeType;
  readonly namespace: string;
  readonly rootNamespace: string;
  /** True where a Sidecar may say what the proxy sees. */
  readonly limited: boolean;
}

/** The types that an object of this kind and namespace can change for a proxy. */
export function typesOfKind(kind: IstioKind, objectNamespace: string, proxy: Audience): readonly XdsType[] {
  if (NAMESPACE_LOCAL.has(kind) && objectNamespace !== proxy.namespace && objectNamespace !== proxy.rootNamespace) {
    return NONE;
  }
  // The destinations of its routes are seen too, whatever the Sidecar lists.
  if (kind === "VirtualService" && proxy.limited) return SERVICE_TYPES;
  const entry = BY_KIND[kind];
  return proxy.type === "sidecar" ? entry.sidecar : entry.router;
}
