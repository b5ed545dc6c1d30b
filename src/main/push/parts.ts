// Whether a change can touch the clusters that a sidecar has for itself: those of its application's ports. Main thread, pure.

import type { RegistryChange } from "../../shared/model/push-request.ts";
import type { ProxyView } from "../../shared/model/view.ts";
import { hostsMatch } from "../../shared/names/hostname.ts";

/**
 * Given that clusters of some sidecars are touched, says of which applications they may be: rules and services count for the
 * hosts that an application serves, and everything else for all.
 */
export function ownClustersTouched(change: RegistryChange): (view: ProxyView) => boolean {
  const hosts = new Set<string>();
  for (const { hostname } of change.services.values()) hosts.add(hostname);
  const wildcards: string[] = [];
  for (const { kind, hosts: about } of change.configs.values()) {
    // The services of an entry are in the change themselves.
    if (kind === "ServiceEntry") continue;
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
