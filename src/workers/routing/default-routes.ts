// Routes that no VirtualService gives: to a service as it is, to the application, to the outside. Worker threads, pure.

import type { envoy } from "../../shared/gen/envoy.js";
import type { Networking_HTTPRetry } from "../../shared/gen/istio.js";
import { ZERO_DURATION } from "../encode/values.ts";
import type { OutboundPolicy } from "../scope/proxy-scope.ts";
import type { HashPolicy, Route } from "./http-route.ts";
import { retryPolicy } from "./retry.ts";

export type VirtualHost = envoy.config.route.v3.IVirtualHost;

/** Everything to one cluster, with the mesh's default retries. */
export function defaultOutboundRoute(
  cluster: string,
  operation: string,
  retries: Networking_HTTPRetry | undefined,
  hashPolicies: readonly HashPolicy[],
): Route {
  const policy = retryPolicy(retries, false);
  return {
    name: "default",
    match: { prefix: "/" },
    decorator: { operation },
    route: {
      cluster,
      timeout: ZERO_DURATION,
      maxGrpcTimeout: ZERO_DURATION,
      ...(policy ? { retryPolicy: policy } : {}),
      ...(hashPolicies.length > 0 ? { hashPolicy: [...hashPolicies] } : {}),
    },
  };
}

/** Everything to a cluster of the application beside the proxy. Only what never reached it is tried again. */
export function inboundRoute(
  cluster: string,
  operation: string,
  retry: { readonly retries: Networking_HTTPRetry | undefined; readonly enabled: boolean },
): Route {
  const byDefault = { retryOn: "reset-before-request", numRetries: { value: 2 } };
  const policy = retry.retries ? retryPolicy(retry.retries, true) : retry.enabled ? byDefault : null;
  return {
    name: "default",
    match: { prefix: "/" },
    decorator: { operation },
    route: {
      cluster,
      timeout: ZERO_DURATION,
      maxStreamDuration: { maxStreamDuration: ZERO_DURATION, grpcTimeoutHeaderMax: ZERO_DURATION },
      ...(policy ? { retryPolicy: policy } : {}),
    },
  };
}

/** The cluster that resolves the hosts of requests. */
export const UNKNOWN_HOSTS_CLUSTER = "AllowAnyDynamicDNSCluster";

const CATCH_ALL_NAMES: Readonly<Record<OutboundPolicy, string>> = {
  ALLOW_ANY: "allow_any",
  ALLOW_ANY_DYNAMIC_DNS: "allow_any_dynamic_dns",
  REGISTRY_ONLY: "block_all",
};

/** What happens to requests for hosts that the mesh doesn't know; where they are let through, maybe by way of a proxy. */
export function catchAllVirtualHost(policy: OutboundPolicy, egressProxy: string): VirtualHost {
  const cluster = policy === "ALLOW_ANY_DYNAMIC_DNS" ? UNKNOWN_HOSTS_CLUSTER : egressProxy || "PassthroughCluster";
  const name = CATCH_ALL_NAMES[policy];
  return {
    name,
    domains: ["*"],
    routes: [
      {
        name,
        match: { prefix: "/" },
        ...(policy === "REGISTRY_ONLY"
          ? { directResponse: { status: 502 } }
          : { route: { cluster, timeout: ZERO_DURATION, maxGrpcTimeout: ZERO_DURATION } }),
      },
    ],
  };
}
