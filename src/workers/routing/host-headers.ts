// Headers that virtual hosts add about a request itself. Worker threads, pure.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#ProxyConfig-ProxyHeaders
import type { envoy } from "../../shared/gen/envoy.js";

type VirtualHost = envoy.config.route.v3.IVirtualHost;

export interface HostHeaders {
  /** Which try it is, in x-envoy-attempt-count. */
  readonly attempts: boolean;
  /** The host that a client named, in x-forwarded-host, where a route gives the server another one. */
  readonly forwardedHost: boolean;
}

/** For keys of what is kept by them. */
export function hostHeadersKey({ attempts, forwardedHost }: HostHeaders): string {
  return `${attempts} ${forwardedHost}`;
}

/** The virtual host with these headers. The input, whose routes may be shared, stays as it is. */
export function withHostHeaders(host: VirtualHost, { attempts, forwardedHost }: HostHeaders): VirtualHost {
  const out = { ...host, includeRequestAttemptCount: attempts };
  if (!forwardedHost) return out;
  const routes = (host.routes ?? []).map((route) =>
    route.route ? { ...route, route: { ...route.route, appendXForwardedHost: true } } : route,
  );
  return { ...out, routes };
}
