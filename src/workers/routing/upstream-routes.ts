// Virtual hosts for upstream Envoys, which warn of a deprecated field that Istio's build takes. Worker threads.
import type { envoy } from "../../shared/gen/envoy.js";
import type { ProxyView } from "../../shared/model/view.ts";

type VirtualHost = envoy.config.route.v3.IVirtualHost;
type Route = envoy.config.route.v3.IRoute;

/**
 * The virtual host as it is for proxies of Istio's build; for others with `max_grpc_timeout` said in the field that
 * replaces it. The input, which may be shared, stays as it is.
 */
export function virtualHostFor(view: ProxyView, host: VirtualHost): VirtualHost {
  return view.istioFilters ? host : { ...host, routes: (host.routes ?? []).map(replaced) };
}

function replaced(route: Route): Route {
  const { maxGrpcTimeout, ...action } = route.route ?? {};
  if (!maxGrpcTimeout) return route;
  const maxStreamDuration = { ...action.maxStreamDuration, grpcTimeoutHeaderMax: maxGrpcTimeout };
  return { ...route, route: { ...action, maxStreamDuration } };
}
