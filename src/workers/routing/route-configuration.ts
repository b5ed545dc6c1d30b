// What all route configurations have alike. Worker threads, pure.
import type { envoy } from "../../shared/gen/envoy.js";
import type { VirtualHost } from "./default-routes.ts";

const MAX_DIRECT_RESPONSE_BYTES = 1 << 20;

/** A route configuration with the given virtual hosts. Clusters may come after the routes to them. */
export function routeConfiguration(
  name: string,
  virtualHosts: VirtualHost[],
): envoy.config.route.v3.IRouteConfiguration {
  return {
    name,
    virtualHosts,
    validateClusters: { value: false },
    maxDirectResponseBodySizeBytes: { value: MAX_DIRECT_RESPONSE_BYTES },
    ignorePortInHostMatching: true,
  };
}
