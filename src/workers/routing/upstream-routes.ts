// Virtual hosts for upstream Envoys, which warn of a deprecated field that Istio's build takes. Worker threads.
import type { envoy, google } from "../../shared/gen/envoy.js";
import type { ProxyView } from "../../shared/model/view.ts";

type VirtualHost = envoy.config.route.v3.IVirtualHost;
type Route = envoy.config.route.v3.IRoute;

/**
 * The virtual host as it is for proxies of Istio's build; for others with `max_grpc_timeout` said in the field that
 * replaces it. The input, which may be shared, stays as it is.
 */
export function virtualHostFor(view: ProxyView, host: VirtualHost): VirtualHost {
  // gRPC's clients don't read it.
  return view.istioFilters || view.generator === "grpc" ? host : { ...host, routes: (host.routes ?? []).map(replaced) };
}

/**
 * A route with `max_stream_duration` counts for nothing with its `timeout`
 * (https://www.envoyproxy.io/docs/envoy/latest/faq/configuration/timeouts): where there is a timeout it holds for gRPC too, and
 * what callers say in `grpc-timeout` is theirs to keep.
 */
function replaced(route: Route): Route {
  const { maxGrpcTimeout, ...action } = route.route ?? {};
  if (!maxGrpcTimeout) return route;
  if (isSome(action.timeout)) return { ...route, route: action };
  const maxStreamDuration = { ...action.maxStreamDuration, grpcTimeoutHeaderMax: maxGrpcTimeout };
  return { ...route, route: { ...action, maxStreamDuration } };
}

/** True for a duration that isn't zero, which stands for none. */
function isSome(duration: google.protobuf.IDuration | null | undefined): boolean {
  return Number(duration?.seconds ?? 0) > 0 || (duration?.nanos ?? 0) > 0;
}
