// Which services a router needs clusters of. Worker threads.
import type { ServiceRecord } from "../../../shared/model/service.ts";
import { isSubsetOf } from "../../../shared/names/hostname.ts";
import { jwksHosts } from "../../filters/jwt/jwt-keys.ts";
import { providerHosts } from "../../filters/telemetry/providers.ts";
import { mergedGateway } from "../../scope/gateways.ts";
import type { ProxyScope } from "../../scope/proxy-scope.ts";
import { destinationHosts, virtualServicesFor } from "../../scope/virtual-services.ts";
import type { GenerateInput } from "../generator.ts";

/**
 * The hosts that a router's VirtualServices lead to and those that its filters ask, where the mesh wants routers to have no
 * others (PILOT_FILTER_GATEWAY_CLUSTER_CONFIG); undefined where every service is wanted.
 */
export function routedHosts({ ctx, view, viewId }: GenerateInput): ReadonlySet<string> | undefined {
  if (view.type === "sidecar" || !ctx.mesh.features.filterGatewayClusterConfig) return undefined;
  const hosts = new Set([...providerHosts(ctx), ...jwksHosts(ctx, view)]);
  for (const gateway of mergedGateway(ctx, view, viewId).gateways) {
    for (const vs of virtualServicesFor(ctx, gateway, view.namespace)) {
      for (const host of destinationHosts(vs)) hosts.add(host);
    }
  }
  return hosts;
}

/** The services whose mesh TLS a router between networks passes on by SNI. */
export function passedOnServices({ ctx, view, viewId }: GenerateInput, scope: ProxyScope): ServiceRecord[] {
  if (view.type === "sidecar") return [];
  const servers = mergedGateway(ctx, view, viewId)
    .listeners.flatMap((l) => l.servers)
    .filter((s) => s.server.tls?.mode === "AUTO_PASSTHROUGH");
  if (servers.length === 0) return [];
  const hosts = servers.flatMap((s) => s.hosts.map((h) => h.host));
  return scope.services.filter((s) => !s.meshExternal && hosts.some((host) => isSubsetOf(s.hostname, host)));
}
