// Serialized virtual hosts, and route configurations that are joined of them. Worker threads, pure.
import { envoy } from "../../shared/gen/envoy.js";
import type { ProxyView } from "../../shared/model/view.ts";
import { joinRepeated } from "../encode/join.ts";
import type { VirtualHost } from "./default-routes.ts";
import { type HostHeaders, withHostHeaders } from "./host-headers.ts";
import { virtualHostFor } from "./upstream-routes.ts";

const { RouteConfiguration, VirtualHost: VirtualHostCodec } = envoy.config.route.v3;

/** Number of RouteConfiguration.virtual_hosts. */
const VIRTUAL_HOSTS = 2;

/** The virtual host as proxies like this one get it. The input stays as it is. */
export function encodedVirtualHost(view: ProxyView, host: VirtualHost, headers: HostHeaders): Uint8Array {
  return VirtualHostCodec.encode(virtualHostFor(view, withHostHeaders(host, headers))).finish();
}

/** A route configuration with these virtual hosts after those that it has. */
export function joinedRoutes(
  configuration: envoy.config.route.v3.IRouteConfiguration,
  virtualHosts: readonly Uint8Array[],
): Uint8Array {
  return joinRepeated(RouteConfiguration, configuration, VIRTUAL_HOSTS, virtualHosts);
}
