// Which of a sidecar's parts of a type a change can touch, given that it touches the type at all. Main thread, pure.
import type { IstioKind } from "../../shared/model/config.ts";
import type { RegistryChange } from "../../shared/model/push-request.ts";
import type { WantPart } from "../../shared/model/resource.ts";
import type { ProxyView } from "../../shared/model/view.ts";
import { hostsMatch } from "../../shared/names/hostname.ts";
import type { XdsType } from "../../shared/xds-types.ts";

/** A part of a type, for the proxies that are alike in what it depends on. */
export interface TypePart {
  readonly type: XdsType;
  readonly part?: WantPart;
  readonly proxy: ProxyView;
}

/** Kinds that say who may come in: they are not in listeners that several workloads share. */
const INBOUND_ONLY: ReadonlySet<string> = new Set<IstioKind>(["AuthorizationPolicy", "RequestAuthentication"]);

/** Says of each part whether the change can touch it. */
export function partsTouched(change: RegistryChange): (part: TypePart) => boolean {
  const ownClusters = ownClustersTouched(change);
  const sharedListeners =
    change.services.size > 0 || [...change.configs.values()].some((c) => !INBOUND_ONLY.has(c.kind));
  return ({ type, part, proxy }) => {
    if (type === "CDS" && part === "own") return ownClusters(proxy);
    if (type === "LDS" && part === "shared") return sharedListeners;
    return true;
  };
}

/** A sidecar has clusters of its own for its application's ports: rules and services count for the hosts that it serves. */
function ownClustersTouched(change: RegistryChange): (view: ProxyView) => boolean {
  const hosts = new Set<string>();
  for (const { hostname } of change.services.values()) hosts.add(hostname);
  const wildcards: string[] = [];
  for (const { kind, hosts: about } of change.configs.values()) {
    if (kind !== "DestinationRule" || !about) return () => true;
    for (const host of about) {
      if (host.startsWith("*")) wildcards.push(host);
      else hosts.add(host);
    }
  }
  return ({ serviceTargets }) =>
    serviceTargets.some(
      ({ hostname }) => hosts.has(hostname) || wildcards.some((wildcard) => hostsMatch(wildcard, hostname)),
    );
}
