// Retry policies of routes. Worker threads, pure.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPRetry
import { envoy } from "../../shared/gen/envoy.js";
import type { Networking_HTTPRetry } from "../../shared/gen/istio.js";
import { any, parseDuration } from "../encode/values.ts";

type RetryPolicy = envoy.config.route.v3.IRetryPolicy;

const { PreviousHostsPredicate } = envoy.extensions.retry.host.previous_hosts.v3;

const DEFAULT_RETRY_ON = "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes";
const DEFAULT_RETRIES = 2;
const HOST_ATTEMPTS = 5;

/** A retry goes to another host than the ones that failed. */
const PREVIOUS_HOSTS = {
  name: "envoy.retry_host_predicates.previous_hosts",
  typedConfig: any("envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate", PreviousHostsPredicate, {}),
};

/** Another locality may be retried, one priority after the other. */
const PREVIOUS_PRIORITIES_FREQUENCY = 2;

/**
 * The policy of a route; undefined where the route turns retries off. Where hosts are chosen by a hash, a retry must
 * not look for another one.
 */
export function retryPolicy(retry: Networking_HTTPRetry | undefined, hashed: boolean): RetryPolicy | null {
  if (retry?.attempts !== undefined && retry.attempts <= 0) return null;
  const on = retryOn(retry?.retryOn);
  const policy: RetryPolicy = {
    retryOn: on.conditions,
    numRetries: { value: retry?.attempts ?? DEFAULT_RETRIES },
    hostSelectionRetryMaxAttempts: HOST_ATTEMPTS,
  };
  if (on.statusCodes.length > 0) policy.retriableStatusCodes = on.statusCodes;
  const ignorePrevious = retry?.retryIgnorePreviousHosts;
  if (ignorePrevious ?? !hashed) policy.retryHostPredicate = [PREVIOUS_HOSTS];
  const perTry = parseDuration(retry?.perTryTimeout);
  if (perTry) policy.perTryTimeout = perTry;
  const backoff = parseDuration(retry?.backoff);
  if (backoff) policy.retryBackOff = { baseInterval: backoff };
  if (retry?.retryRemoteLocalities) policy.retryPriority = previousPriorities();
  return policy;
}

/** Names of conditions, and numbers that mean status codes. */
function retryOn(text: string | undefined): { conditions: string; statusCodes: number[] } {
  if (!text) return { conditions: DEFAULT_RETRY_ON, statusCodes: [] };
  const conditions: string[] = [];
  const statusCodes: number[] = [];
  for (const part of text.split(",").map((p) => p.trim())) {
    if (/^\d+$/.test(part)) statusCodes.push(Number(part));
    else if (part !== "") conditions.push(part);
  }
  if (statusCodes.length > 0 && !conditions.includes("retriable-status-codes")) {
    conditions.push("retriable-status-codes");
  }
  return { conditions: conditions.join(","), statusCodes };
}

function previousPriorities(): NonNullable<RetryPolicy["retryPriority"]> {
  // PreviousPrioritiesConfig { int32 update_frequency = 1 }
  return {
    name: "envoy.retry_priorities.previous_priorities",
    typedConfig: {
      type_url: "type.googleapis.com/envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig",
      value: new Uint8Array([8, PREVIOUS_PRIORITIES_FREQUENCY]),
    },
  };
}
