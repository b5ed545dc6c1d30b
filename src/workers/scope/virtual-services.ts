// VirtualServices with all names in full, delegates merged in, by the gateway they bind to. Worker threads.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/
import type {
  Networking_Destination,
  Networking_HTTPMatchRequest,
  Networking_HTTPRoute,
  Networking_VirtualService,
} from "../../shared/gen/istio.js";
import type { ConfigObject } from "../../shared/model/config.ts";
import { gatewayName, MESH_GATEWAY } from "../../shared/names/gateway.ts";
import { resolveShortName } from "../../shared/names/hostname.ts";
import type { PushContext } from "../context/push-context.ts";
import { Fragments } from "../encode/fragments.ts";
import { mergeDelegate } from "./delegates.ts";
import { compareConfigs, exportToOf, isExportedTo } from "./visibility.ts";

export interface VirtualService {
  readonly namespace: string;
  readonly name: string;
  readonly creationTimestamp: number;
  /** In full. */
  readonly hosts: readonly string[];
  /** `namespace/name`, or MESH_GATEWAY. */
  readonly gateways: readonly string[];
  readonly exportTo: readonly string[];
  /** With destinations in full, and routes of delegates in place of the delegations. */
  readonly spec: Networking_VirtualService;
}

/** All VirtualServices that have hosts, oldest first. */
export function allVirtualServices(ctx: PushContext): readonly VirtualService[] {
  return ctx.derive("virtual-services", ["VirtualService", "mesh"], () => {
    const objects = [...ctx.configs<Networking_VirtualService>("VirtualService")].sort(compareConfigs);
    const resolved = objects.map((object) => resolve(object, ctx));
    const delegates = new Map(
      resolved.filter((vs) => vs.hosts.length === 0).map((vs) => [`${vs.namespace}/${vs.name}`, vs]),
    );
    return resolved.filter((vs) => vs.hosts.length > 0).map((vs) => withDelegates(vs, delegates));
  });
}

/** Those bound to a gateway that are seen in a namespace, oldest first. */
export function virtualServicesFor(ctx: PushContext, gateway: string, namespace: string): readonly VirtualService[] {
  return ctx.derive(`virtual-services/${gateway}/${namespace}`, ["VirtualService", "mesh"], () =>
    allVirtualServices(ctx).filter((vs) => vs.gateways.includes(gateway) && isExportedTo(vs.exportTo, namespace)),
  );
}

/** By object, so that an unchanged object is an identical service in the next version. */
const known = new Fragments<VirtualService>();

function resolve(object: ConfigObject<Networking_VirtualService>, ctx: PushContext): VirtualService {
  return known.get(object, "", [ctx.mesh], () => resolveNames(object, ctx));
}

function resolveNames(object: ConfigObject<Networking_VirtualService>, ctx: PushContext): VirtualService {
  const { meta, spec } = object;
  const full = (host: string | undefined): string =>
    resolveShortName(host ?? "", meta.namespace, ctx.mesh.domainSuffix);
  const gateway = (name: string): string => gatewayName(name, meta.namespace);
  const destination = (d: Networking_Destination | undefined): Networking_Destination => ({
    ...d,
    host: full(d?.host),
  });
  const withGateways = <M extends { readonly gateways?: readonly string[] }>(matches: readonly M[] | undefined): M[] =>
    (matches ?? []).map((m) => (m.gateways?.length ? { ...m, gateways: m.gateways.map(gateway) } : m));
  const http = (route: Networking_HTTPRoute): Networking_HTTPRoute => ({
    ...route,
    ...(route.match ? { match: withGateways<Networking_HTTPMatchRequest>(route.match) } : {}),
    ...(route.route ? { route: route.route.map((r) => ({ ...r, destination: destination(r.destination) })) } : {}),
    ...(route.mirror ? { mirror: destination(route.mirror) } : {}),
    ...(route.mirrors
      ? { mirrors: route.mirrors.map((m) => ({ ...m, destination: destination(m.destination) })) }
      : {}),
  });
  return {
    namespace: meta.namespace,
    name: meta.name,
    creationTimestamp: meta.creationTimestamp,
    hosts: (spec.hosts ?? []).map(full),
    gateways: spec.gateways?.length ? spec.gateways.map(gateway) : [MESH_GATEWAY],
    exportTo: exportToOf(spec.exportTo, meta.namespace, ctx.mesh.mesh.defaultVirtualServiceExportTo),
    spec: {
      ...spec,
      ...(spec.http ? { http: spec.http.map(http) } : {}),
      ...(spec.tcp
        ? {
            tcp: spec.tcp.map((t) => ({
              ...t,
              ...(t.match ? { match: withGateways(t.match) } : {}),
              route: (t.route ?? []).map((r) => ({ ...r, destination: destination(r.destination) })),
            })),
          }
        : {}),
      ...(spec.tls
        ? {
            tls: spec.tls.map((t) => ({
              ...t,
              match: withGateways(t.match),
              route: (t.route ?? []).map((r) => ({ ...r, destination: destination(r.destination) })),
            })),
          }
        : {}),
    },
  };
}

function withDelegates(vs: VirtualService, delegates: ReadonlyMap<string, VirtualService>): VirtualService {
  if (!vs.spec.http?.some((route) => route.delegate)) return vs;
  const http = vs.spec.http.flatMap((route): Networking_HTTPRoute[] => {
    if (!route.delegate) return [route];
    const namespace = route.delegate.namespace || vs.namespace;
    const delegate = delegates.get(`${namespace}/${route.delegate.name}`);
    // A delegate that doesn't exist or isn't exported to the root's namespace leads nowhere, as in istiod.
    if (!delegate || !isExportedTo(delegate.exportTo, vs.namespace)) return [];
    return mergeDelegate(route, delegate.spec.http ?? []);
  });
  return { ...vs, spec: { ...vs.spec, http } };
}

/** The hosts that a VirtualService sends to, mirrors included. */
export function destinationHosts(vs: VirtualService): string[] {
  return destinationsOf(vs).flatMap(({ host }) => (host ? [host] : []));
}

/** The ports of those hosts that it names, with 0 where a destination names none. */
export function destinationPorts(vs: VirtualService): ReadonlyMap<string, ReadonlySet<number>> {
  const out = new Map<string, Set<number>>();
  for (const { host, port } of destinationsOf(vs)) {
    if (!host) continue;
    const ports = out.get(host);
    if (ports) ports.add(port?.number ?? 0);
    else out.set(host, new Set([port?.number ?? 0]));
  }
  return out;
}

function destinationsOf({ spec }: VirtualService): Networking_Destination[] {
  const http = (spec.http ?? []).flatMap(({ route, mirror, mirrors }) => [
    ...(route ?? []).map((r) => r.destination),
    mirror,
    ...(mirrors ?? []).map((m) => m.destination),
  ]);
  const others = [...(spec.tcp ?? []), ...(spec.tls ?? [])].flatMap(({ route }) =>
    (route ?? []).map((r) => r.destination),
  );
  return [...http, ...others].filter((d) => d !== undefined);
}
