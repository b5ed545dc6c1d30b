// Connection pool and outlier detection of a policy. Worker threads, pure.
// https://istio.io/latest/docs/reference/config/networking/destination-rule/#ConnectionPoolSettings
import type { envoy } from "../../../shared/gen/envoy.js";
import type {
  Networking_ConnectionPoolSettings,
  Networking_ConnectionPoolSettings_TCPSettings_TcpKeepalive,
  Networking_OutlierDetection,
  Networking_TrafficPolicy_RetryBudget,
} from "../../../shared/gen/istio.js";
import { durationToMs, parseDuration, wrap } from "../../encode/values.ts";
import { type Cluster, type HttpProtocolOptions, UNLIMITED } from "./cluster-base.ts";

/** Sets limits, timeouts and keepalive, and gives what belongs into the HTTP protocol options. */
export function applyConnectionPool(
  cluster: Cluster,
  pool: Networking_ConnectionPoolSettings | undefined,
  meshKeepalive: Networking_ConnectionPoolSettings_TCPSettings_TcpKeepalive | undefined,
): HttpProtocolOptions["commonHttpProtocolOptions"] {
  const tcp = pool?.tcp;
  const http = pool?.http;
  if (pool) {
    const limit = (n: number | undefined): { value: number } => ({ value: n || UNLIMITED });
    cluster.circuitBreakers = {
      thresholds: [
        {
          ...cluster.circuitBreakers?.thresholds?.[0],
          maxConnections: limit(tcp?.maxConnections),
          maxPendingRequests: limit(http?.http1MaxPendingRequests),
          maxRequests: limit(http?.http2MaxRequests),
          maxRetries: limit(http?.maxRetries),
        },
      ],
    };
    const timeout = parseDuration(tcp?.connectTimeout);
    if (timeout) cluster.connectTimeout = timeout;
  }
  applyKeepalive(cluster, tcp?.tcpKeepalive ?? meshKeepalive);

  const common: NonNullable<HttpProtocolOptions["commonHttpProtocolOptions"]> = {};
  const idle = parseDuration(http?.idleTimeout ?? tcp?.idleTimeout);
  if (idle) common.idleTimeout = idle;
  if (http?.maxRequestsPerConnection) common.maxRequestsPerConnection = { value: http.maxRequestsPerConnection };
  const longest = parseDuration(tcp?.maxConnectionDuration);
  if (longest) common.maxConnectionDuration = longest;
  return Object.keys(common).length > 0 ? common : null;
}

/** TCP keepalive; an empty setting turns it on with the system's values. */
function applyKeepalive(
  cluster: Cluster,
  keepalive: Networking_ConnectionPoolSettings_TCPSettings_TcpKeepalive | undefined,
): void {
  if (!keepalive) return;
  const seconds = (text: string | undefined): number | undefined =>
    text === undefined ? undefined : Math.trunc(durationToMs(text) / 1000);
  cluster.upstreamConnectionOptions = {
    tcpKeepalive: {
      keepaliveProbes: wrap(keepalive.probes || undefined),
      keepaliveTime: wrap(seconds(keepalive.time) || undefined),
      keepaliveInterval: wrap(seconds(keepalive.interval) || undefined),
    },
  };
}

/** What istiod fills in where a budget leaves it out; the share is Envoy's percentage, so that these are 0.2 %. */
const RETRY_PERCENT = 0.2;
const RETRY_CONCURRENCY = 3;

/** How many of the requests under way may be retries. Envoy's interval is its own: there is no field for it. */
export function applyRetryBudget(cluster: Cluster, budget: Networking_TrafficPolicy_RetryBudget | undefined): void {
  if (!budget) return;
  const threshold = {
    ...cluster.circuitBreakers?.thresholds?.[0],
    retryBudget: {
      budgetPercent: { value: budget.percent ?? RETRY_PERCENT },
      minRetryConcurrency: { value: budget.minRetryConcurrency || RETRY_CONCURRENCY },
    },
  };
  cluster.circuitBreakers = { thresholds: [threshold] };
}

/** Pings on HTTP/2 connections, by which one that is dead is found out. */
export function http2KeepAlive(
  http: Networking_ConnectionPoolSettings["http"] | undefined,
): Pick<envoy.config.core.v3.IHttp2ProtocolOptions, "connectionKeepalive"> {
  const asked = http?.http2KeepAlive;
  if (!asked) return {};
  const interval = parseDuration(asked.interval);
  const timeout = parseDuration(asked.timeout);
  return { connectionKeepalive: { ...(interval ? { interval } : {}), ...(timeout ? { timeout } : {}) } };
}

/** Ejection of hosts that fail. Istio never ejects by success rate. */
export function applyOutlierDetection(cluster: Cluster, outlier: Networking_OutlierDetection | undefined): void {
  if (!outlier) return;
  const out: envoy.config.cluster.v3.IOutlierDetection = { enforcingSuccessRate: { value: 0 } };
  const interval = parseDuration(outlier.interval);
  if (interval) out.interval = interval;
  const base = parseDuration(outlier.baseEjectionTime);
  if (base) out.baseEjectionTime = base;
  const enforcing = (n: number): { value: number } => ({ value: n > 0 ? 100 : 0 });
  const errors = outlier.consecutive5xxErrors;
  if (errors !== undefined) {
    out.consecutive_5xx = { value: errors };
    out.enforcingConsecutive_5xx = enforcing(errors);
  }
  const gateway = outlier.consecutiveGatewayErrors;
  if (gateway !== undefined) {
    out.consecutiveGatewayFailure = { value: gateway };
    out.enforcingConsecutiveGatewayFailure = enforcing(gateway);
  }
  if (outlier.maxEjectionPercent) out.maxEjectionPercent = { value: outlier.maxEjectionPercent };
  if (outlier.splitExternalLocalOriginErrors) {
    out.splitExternalLocalOriginErrors = true;
    const local = outlier.consecutiveLocalOriginFailures;
    if (local !== undefined && local > 0) {
      out.consecutiveLocalOriginFailure = { value: local };
      out.enforcingConsecutiveLocalOriginFailure = { value: 100 };
    }
    out.enforcingLocalOriginSuccessRate = { value: 0 };
  }
  cluster.outlierDetection = out;
  // With enough hosts ejected Envoy would send to all of them: only where the rule wants it.
  const percent = outlier.minHealthPercent ?? 0;
  if (percent >= 0) cluster.commonLbConfig = { ...cluster.commonLbConfig, healthyPanicThreshold: { value: percent } };
}

/** The answers that count as errors besides those of 5xx, where the rule lists some. */
export function outlierErrors(
  outlier: Networking_OutlierDetection | undefined,
): HttpProtocolOptions["outlierDetection"] {
  const codes = outlier?.outlierDetectionHttpErrorCodes ?? [];
  if (codes.length === 0) return null;
  const rules = codes.map((code) => ({
    httpResponseHeadersMatch: { headers: [{ name: ":status", stringMatch: { exact: String(code) } }] },
  }));
  return { errorMatcher: rules.length === 1 ? rules[0]! : { orMatch: { rules } } };
}
