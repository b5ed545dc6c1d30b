// Route configurations for upstream Envoys, which warn of deprecated fields that Istio's build takes. Worker threads.
import type { envoy } from "../../../shared/gen/envoy.js";

type RouteConfiguration = envoy.config.route.v3.IRouteConfiguration;
type Route = envoy.config.route.v3.IRoute;

/** The same routes with `max_grpc_timeout` said in the field that replaces it. The input, which may be shared, stays. */
export function forUpstreamEnvoy(config: RouteConfiguration): RouteConfiguration {
  return {
    ...config,
    virtualHosts: (config.virtualHosts ?? []).map((host) => ({ ...host, routes: (host.routes ?? []).map(replaced) })),
  };
}

function replaced(route: Route): Route {
  const { maxGrpcTimeout, ...action } = route.route ?? {};
  if (!maxGrpcTimeout) return route;
  const maxStreamDuration = { ...action.maxStreamDuration, grpcTimeoutHeaderMax: maxGrpcTimeout };
  return { ...route, route: { ...action, maxStreamDuration } };
}
