// What one view may see: services, routes and rules. Worker threads.

import { canonicalJson } from "../../shared/canonical-json.ts";
import type {
  Networking_ConnectionPoolSettings,
  Networking_IstioIngressListener,
  Networking_Sidecar,
} from "../../shared/gen/istio.js";
import type { ConfigObject } from "../../shared/model/config.ts";
import type { ServiceRecord } from "../../shared/model/service.ts";
import type { ProxyView } from "../../shared/model/view.ts";
import { subsetKey } from "../../shared/names/cluster-name.ts";
import { MESH_GATEWAY } from "../../shared/names/gateway.ts";
import type { Dependency, PushContext } from "../context/push-context.ts";
import { type DestinationRule, destinationRuleFor, selectorLabels } from "./destination-rules.ts";
import { type EgressScope, limitToEgressHosts, routedServices } from "./egress-hosts.ts";
import { sidecarFor } from "./sidecars.ts";
import { virtualServicesFor } from "./virtual-services.ts";
import { compareServices, isExportedTo } from "./visibility.ts";

/** Where traffic to hosts that the mesh doesn't know goes; with ALLOW_ANY_DYNAMIC_DNS, HTTP to wherever its host is. */
export type OutboundPolicy = "ALLOW_ANY" | "ALLOW_ANY_DYNAMIC_DNS" | "REGISTRY_ONLY";

/** True where HTTP to hosts that the mesh doesn't know is sent by their names. */
export function resolvesUnknown({ outboundPolicy }: Pick<ProxyScope, "outboundPolicy">): boolean {
  return outboundPolicy === "ALLOW_ANY_DYNAMIC_DNS";
}

export interface ProxyScope {
  /** Names what the scope depends on; equal keys of one snapshot are one scope. */
  readonly key: string;
  /** Name of the Sidecar object in force, or "". */
  readonly sidecar: string;
  readonly egress: readonly EgressScope[];
  /** Of all egress scopes, and what their routes lead to; each host once. */
  readonly services: readonly ServiceRecord[];
  readonly byHostname: ReadonlyMap<string, ServiceRecord>;
  readonly outboundPolicy: OutboundPolicy;
  /** Cluster to which all traffic goes whose destination the mesh doesn't know; "" where that is let through as it is. */
  readonly egressProxy: string;
  readonly ingress: readonly Networking_IstioIngressListener[];
  readonly inboundConnectionPool: Networking_ConnectionPoolSettings | undefined;
  /** The rule in force for a service; the same object for the same service. */
  destinationRule(service: Pick<ServiceRecord, "hostname" | "namespace">): DestinationRule | undefined;
}

/** What a scope, and what follows from it alone, depends on. */
export const SCOPE_DEPENDENCIES: readonly Dependency[] = [
  "mesh",
  "services",
  "VirtualService",
  "DestinationRule",
  "Sidecar",
];

/** Services seen in a namespace, oldest first. */
export function visibleServices(ctx: PushContext, namespace: string): readonly ServiceRecord[] {
  return ctx.derive(`visible-services/${namespace}`, ["services"], () =>
    ctx
      .services()
      .filter((service) => isExportedTo(service.exportTo, namespace))
      .sort(compareServices),
  );
}

/** The namespace as whose member a proxy sees services, routes and rules. */
function sight({ sightNamespace, namespace }: ProxyView): string {
  return sightNamespace ?? namespace;
}

/** The scope of a view: one object for all that see the same. */
export function proxyScope(ctx: PushContext, view: ProxyView): ProxyScope {
  const sidecar = view.type === "sidecar" ? sidecarFor(ctx, view) : undefined;
  const asked = selectorLabels(ctx);
  const labels = Object.fromEntries(Object.entries(view.labels).filter(([label]) => asked.has(label)));
  const owner = sidecar ? `${sidecar.meta.namespace}/${sidecar.meta.name}` : "";
  const key = `scope/${view.type}|${sight(view)}|${owner}|${canonicalJson(labels)}`;
  return ctx.derive(key, SCOPE_DEPENDENCIES, () => buildScope(ctx, view, key, labels, sidecar));
}

function buildScope(
  ctx: PushContext,
  view: ProxyView,
  key: string,
  labels: Readonly<Record<string, string>>,
  sidecar: ConfigObject<Networking_Sidecar> | undefined,
): ProxyScope {
  const scopes = egressScopes(ctx, view, sidecar?.spec);
  const egress = scopes.map(({ scope }) => scope);
  const { services, byHostname } = sidecar ? onePerHost(scopes) : onePerHostOf(egress[0]!.services);
  const client = { namespace: sight(view), labels };
  // Rules don't depend on routes, which change often.
  const rules = ctx.derive(
    `rules/${client.namespace}|${canonicalJson(labels)}`,
    ["mesh", "services", "DestinationRule"],
    () => new Map<string, DestinationRule | undefined>(),
  );
  const { mode, egressProxy } = outboundTraffic(ctx, sidecar?.spec);
  return {
    key,
    sidecar: sidecar?.meta.name ?? "",
    egress,
    services,
    byHostname,
    outboundPolicy: mode,
    egressProxy,
    ingress: sidecar?.spec.ingress ?? [],
    inboundConnectionPool: sidecar?.spec.inboundConnectionPool,
    destinationRule(service) {
      const key = `${service.namespace}/${service.hostname}`;
      if (rules.has(key)) return rules.get(key);
      const rule = destinationRuleFor(ctx, client, service);
      rules.set(key, rule);
      return rule;
    },
  };
}

/** What a Sidecar says about unknown destinations replaces all that the mesh says. */
function outboundTraffic(
  ctx: PushContext,
  sidecar: Networking_Sidecar | undefined,
): { readonly mode: OutboundPolicy; readonly egressProxy: string } {
  const own = sidecar?.outboundTrafficPolicy;
  if (!own) {
    return { mode: ctx.mesh.mesh.outboundTrafficPolicy?.mode ?? "ALLOW_ANY", egressProxy: "" };
  }
  if (own.mode !== "ALLOW_ANY") return { mode: "REGISTRY_ONLY", egressProxy: "" };
  const { host = "", subset = "", port } = own.egressProxy ?? {};
  return { mode: own.mode, egressProxy: host && subsetKey("outbound", subset, host, port?.number ?? 0) };
}

interface Egress {
  readonly scope: EgressScope;
  /** Services that are reached by its routes alone. */
  readonly routed: readonly ServiceRecord[];
}

function egressScopes(ctx: PushContext, view: ProxyView, sidecar: Networking_Sidecar | undefined): Egress[] {
  const namespace = sight(view);
  const services = visibleServices(ctx, namespace);
  const virtualServices = virtualServicesFor(ctx, MESH_GATEWAY, namespace);
  const listeners = sidecar?.egress ?? [];
  if (listeners.length === 0) {
    return [{ scope: { port: null, bind: "", captureMode: "DEFAULT", services, virtualServices }, routed: [] }];
  }
  const visible = { services, virtualServices, byHost: () => visibleByHost(ctx, namespace) };
  return listeners.map((listener) => {
    const scope = limitToEgressHosts(listener, visible, namespace);
    return { scope, routed: routedServices(listener, scope, visible, namespace) };
  });
}

function visibleByHost(ctx: PushContext, namespace: string): ReadonlyMap<string, readonly ServiceRecord[]> {
  return ctx.derive(`visible-services/by-host/${namespace}`, ["services"], () => {
    const out = new Map<string, ServiceRecord[]>();
    for (const service of visibleServices(ctx, namespace)) {
      const list = out.get(service.hostname);
      if (list) list.push(service);
      else out.set(service.hostname, [service]);
    }
    return out;
  });
}

interface ScopeServices {
  readonly services: readonly ServiceRecord[];
  readonly byHostname: ReadonlyMap<string, ServiceRecord>;
}

function onePerHost(scopes: readonly Egress[]): ScopeServices {
  const services: ServiceRecord[] = [];
  const byHostname = new Map<string, ServiceRecord>();
  for (const { scope, routed } of scopes) {
    for (const service of [...scope.services, ...routed]) addService(services, byHostname, service);
  }
  return { services, byHostname };
}

const ofLists = new WeakMap<readonly ServiceRecord[], ScopeServices>();

/** Of one list, which is another one only when services change: worked out once. */
function onePerHostOf(list: readonly ServiceRecord[]): ScopeServices {
  let known = ofLists.get(list);
  if (!known) {
    const services: ServiceRecord[] = [];
    const byHostname = new Map<string, ServiceRecord>();
    for (const service of list) addService(services, byHostname, service);
    known = { services, byHostname };
    ofLists.set(list, known);
  }
  return known;
}

/** Takes a service in; of several for one host, those of one namespace add their ports to the first. */
function addService(services: ServiceRecord[], byHostname: Map<string, ServiceRecord>, service: ServiceRecord): void {
  const known = byHostname.get(service.hostname);
  if (!known) {
    byHostname.set(service.hostname, service);
    services.push(service);
    return;
  }
  if (known.namespace !== service.namespace || known.resolution !== service.resolution) return;
  const more = service.ports.filter((p) => !known.ports.some((q) => q.port === p.port));
  if (more.length === 0) return;
  const merged = { ...known, ports: [...known.ports, ...more] };
  byHostname.set(service.hostname, merged);
  services[services.indexOf(known)] = merged;
}
