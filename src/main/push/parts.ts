// Which of a sidecar's parts of a type a change can touch, given that it touches the type at all. Main thread, pure.
import type { IstioKind } from "../../shared/model/config.ts";
import type { ChangedConfig, RegistryChange, ServiceKey } from "../../shared/model/push-request.ts";
import type { TypePart } from "../../shared/model/resource.ts";
import type { ProxyView } from "../../shared/model/view.ts";
import { type HostSlice, sliceOf } from "../../shared/names/host-slice.ts";
import { hostsMatch } from "../../shared/names/hostname.ts";
import { commonDomain, routeSliceOf } from "../../shared/names/route-slice.ts";
import type { XdsType } from "../../shared/xds-types.ts";

/** A part of a type, for the proxies that are alike in what it depends on. */
export interface ProxyPart extends TypePart {
  readonly type: XdsType;
  readonly proxy: ProxyView;
}

/** Kinds that say who may come in, or have no effect without Kubernetes: they are not in listeners that several workloads share. */
const NEVER_SHARED: ReadonlySet<string> = new Set<IstioKind>([
  "AuthorizationPolicy",
  "RequestAuthentication",
  "WasmPlugin",
]);

/** Says of each part whether the change can touch it. */
export function partsTouched(change: RegistryChange): (part: ProxyPart) => boolean {
  const configs = [...change.configs.values()];
  const hosts = hostsTouched(change.services.values(), configs);
  const routed = routedHosts(change);
  const shared = configs.filter(({ kind }) => !NEVER_SHARED.has(kind));
  // A service that comes or goes may take an address from another one, or leave it one.
  const listeners = change.services.size > 0 ? "all" : hostsTouched([], shared);
  return ({ type, part, slice, proxy }) => {
    if (type === "CDS" && part === "own") return servesOne(proxy, hosts);
    if (type === "CDS" && slice) return inSlice(slice, hosts);
    if (type === "LDS" && part === "shared") return slice ? inSlice(slice, listeners) : !isNone(listeners);
    if (type === "RDS" && slice) return inRouteSlice(slice, proxy, routed);
    return true;
  };
}

/** Hosts that a change is about, some of them with a wildcard; "all" where it doesn't say. */
type Hosts = "all" | ExactHosts;

interface ExactHosts {
  readonly exact: ReadonlySet<string>;
  readonly wildcards: readonly string[];
}

/** Rules and services count for the hosts that they are about, and everything else for all. */
function hostsTouched(services: Iterable<ServiceKey>, configs: readonly ChangedConfig[]): Hosts {
  const exact = new Set<string>();
  for (const { hostname } of services) exact.add(hostname);
  const wildcards: string[] = [];
  for (const { kind, hosts } of configs) {
    if (kind !== "DestinationRule" || !hosts) return "all";
    for (const host of hosts) {
      if (host.startsWith("*")) wildcards.push(host);
      else exact.add(host);
    }
  }
  return { exact, wildcards };
}

/** A sidecar has clusters of its own for its application's ports. */
function servesOne({ serviceTargets }: ProxyView, hosts: Hosts): boolean {
  if (hosts === "all") return true;
  const { exact, wildcards } = hosts;
  return serviceTargets.some(
    ({ hostname }) => exact.has(hostname) || wildcards.some((wildcard) => hostsMatch(wildcard, hostname)),
  );
}

function isNone(hosts: Hosts): boolean {
  return hosts !== "all" && hosts.exact.size === 0 && hosts.wildcards.length === 0;
}

function inSlice({ index, of }: HostSlice, hosts: Hosts): boolean {
  if (hosts === "all" || hosts.wildcards.length > 0) return true;
  return slicesOf(hosts, of, "", (host) => sliceOf(host, of)).has(index);
}

/** Slices by how they are cut: the same for the many facets of which each is looked at. */
const touchedSlices = new WeakMap<ExactHosts, Map<string, ReadonlySet<number>>>();

function slicesOf(
  hosts: ExactHosts,
  of: number,
  how: string,
  sliceOfHost: (host: string) => number,
): ReadonlySet<number> {
  let known = touchedSlices.get(hosts);
  if (!known) {
    known = new Map();
    touchedSlices.set(hosts, known);
  }
  const key = `${of} ${how}`;
  let slices = known.get(key);
  if (!slices) {
    slices = new Set([...hosts.exact].map(sliceOfHost));
    known.set(key, slices);
  }
  return slices;
}

/** Hosts whose routes a change can touch: what VirtualServices say of them, and nothing else, is about their hosts alone. */
function routedHosts(change: RegistryChange): Hosts {
  const exact = new Set<string>();
  if (change.services.size > 0) return "all";
  for (const { kind, hosts } of change.configs.values()) {
    if (kind !== "VirtualService" || !hosts) return "all";
    for (const host of hosts) {
      if (host.startsWith("*")) return "all";
      exact.add(host);
    }
  }
  return { exact, wildcards: [] };
}

function inRouteSlice({ index, of }: HostSlice, { type, dnsDomain }: ProxyView, hosts: Hosts): boolean {
  if (hosts === "all") return true;
  if (type !== "sidecar") return inSlice({ index, of }, hosts);
  const common = commonDomain(dnsDomain);
  return slicesOf(hosts, of, common, (host) => routeSliceOf(host, common, of)).has(index);
}
