// Rules of the parts of a traffic policy: outlier detection, connection pools, load balancing. Main thread.
import type {
  Networking_ConnectionPoolSettings,
  Networking_LoadBalancerSettings,
  Networking_LocalityLoadBalancerSetting,
  Networking_OutlierDetection,
} from "../../../shared/gen/istio.js";
import { checkDuration, checkDurationOrZero, checkPercent, durationMs } from "../common/values.ts";
import { type Report, reject, warn } from "../report.ts";

export function checkOutlierDetection(
  report: Report,
  field: string,
  outlier: Networking_OutlierDetection | undefined,
): void {
  if (!outlier) return;
  checkDuration(report, `${field}.interval`, outlier.interval);
  checkDuration(report, `${field}.baseEjectionTime`, outlier.baseEjectionTime);
  if (outlier.consecutiveErrors !== undefined) {
    warn(
      report,
      "outlier detection consecutive errors is deprecated, use consecutiveGatewayErrors or consecutive5xxErrors instead",
    );
  }
  if (!outlier.splitExternalLocalOriginErrors && (outlier.consecutiveLocalOriginFailures ?? 0) > 0) {
    const reason = "consecutiveLocalOriginFailures cannot be set without splitExternalLocalOriginErrors";
    reject(report, `${field}.consecutiveLocalOriginFailures`, reason);
  }
  checkPercent(report, `${field}.maxEjectionPercent`, outlier.maxEjectionPercent);
  checkPercent(report, `${field}.minHealthPercent`, outlier.minHealthPercent);
}

export function checkConnectionPool(
  report: Report,
  field: string,
  pool: Networking_ConnectionPoolSettings | undefined,
): void {
  if (!pool) return;
  const { http, tcp } = pool;
  if (!http && !tcp) {
    reject(report, field, "connection pool must have at least one field");
    return;
  }
  if (http) {
    const limits = [
      "http1MaxPendingRequests",
      "http2MaxRequests",
      "maxRequestsPerConnection",
      "maxRetries",
      "maxConcurrentStreams",
    ] as const;
    for (const limit of limits) {
      if ((http[limit] ?? 0) < 0) reject(report, `${field}.http.${limit}`, `${limit} must not be negative`);
    }
    checkDurationOrZero(report, `${field}.http.idleTimeout`, http.idleTimeout);
    if (http.h2UpgradePolicy === "UPGRADE" && http.useClientProtocol) {
      const reason = "use client protocol must not be true when H2UpgradePolicy is UPGRADE";
      reject(report, `${field}.http.useClientProtocol`, reason);
    }
    if (http.http2KeepAlive) {
      checkDuration(report, `${field}.http.http2KeepAlive.interval`, http.http2KeepAlive.interval);
      checkDuration(report, `${field}.http.http2KeepAlive.timeout`, http.http2KeepAlive.timeout);
    }
  }
  if (tcp) {
    if ((tcp.maxConnections ?? 0) < 0)
      reject(report, `${field}.tcp.maxConnections`, "max connections must be non-negative");
    checkDuration(report, `${field}.tcp.connectTimeout`, tcp.connectTimeout);
    checkDuration(report, `${field}.tcp.maxConnectionDuration`, tcp.maxConnectionDuration);
    checkDurationOrZero(report, `${field}.tcp.idleTimeout`, tcp.idleTimeout);
    if (tcp.tcpKeepalive) {
      checkSeconds(report, `${field}.tcp.tcpKeepalive.time`, tcp.tcpKeepalive.time);
      checkSeconds(report, `${field}.tcp.tcpKeepalive.interval`, tcp.tcpKeepalive.interval);
    }
  }
}

function checkSeconds(report: Report, field: string, text: string | undefined): void {
  if (text === undefined) return;
  if (durationMs(text) % 1000 !== 0) reject(report, field, "only durations to seconds precision are supported");
}

export function checkLoadBalancer(
  report: Report,
  field: string,
  settings: Networking_LoadBalancerSettings | undefined,
  hasOutlierDetection: boolean,
): void {
  if (!settings) return;
  const { consistentHash: hash, warmup, simple } = settings;
  // Warming up needs an algorithm that knows how old an endpoint is.
  if (settings.warmupDurationSecs !== undefined) {
    checkDuration(report, `${field}.warmupDurationSecs`, settings.warmupDurationSecs);
    if (warmup) reject(report, `${field}.warmup`, "only one of warmupDurationSecs or warmup can be set");
  }
  const canWarmUp = !hash && (simple === undefined || ["UNSPECIFIED", "ROUND_ROBIN", "LEAST_REQUEST"].includes(simple));
  if ((settings.warmupDurationSecs !== undefined || warmup) && !canWarmUp) {
    warn(report, "warmup is supported with ROUND_ROBIN and LEAST_REQUEST only");
  }
  if (warmup) {
    if (warmup.duration === undefined) reject(report, `${field}.warmup.duration`, "duration is required");
    else checkDuration(report, `${field}.warmup.duration`, warmup.duration);
    checkPercent(report, `${field}.warmup.minimumPercent`, warmup.minimumPercent);
    if (warmup.aggression !== undefined && warmup.aggression < 1) {
      reject(report, `${field}.warmup.aggression`, "aggression should be greater than 0");
    }
  }
  if (hash) checkConsistentHash(report, `${field}.consistentHash`, hash);
  checkLocality(report, `${field}.localityLbSetting`, settings.localityLbSetting, hasOutlierDetection);
}

type ConsistentHash = NonNullable<Networking_LoadBalancerSettings["consistentHash"]>;

function checkConsistentHash(report: Report, field: string, hash: ConsistentHash): void {
  const { httpCookie, ringHash, maglev } = hash;
  if (ringHash && maglev) reject(report, field, "only one of ringHash or maglev can be set");
  if (httpCookie) {
    if (!httpCookie.name) reject(report, `${field}.httpCookie.name`, "name required for HttpCookie");
    for (const [i, attribute] of (httpCookie.attributes ?? []).entries()) {
      if (!attribute.name) reject(report, `${field}.httpCookie.attributes[${i}].name`, "name required for attribute");
    }
    if (httpCookie.ttl !== undefined && durationMs(httpCookie.ttl) < 0) {
      reject(report, `${field}.httpCookie.ttl`, "ttl of HttpCookie must not be negative");
    }
  }
}

/** Also that of MeshConfig. */
export function checkLocality(
  report: Report,
  field: string,
  setting: Networking_LocalityLoadBalancerSetting | undefined,
  hasOutlierDetection: boolean,
): void {
  if (!setting) return;
  const distribute = setting.distribute ?? [];
  const failover = setting.failover ?? [];
  if (distribute.length > 0 && failover.length > 0) {
    reject(report, field, "can not simultaneously specify 'distribute' and 'failover'");
  }
  if (distribute.length > 0 && (setting.failoverPriority ?? []).length > 0) {
    reject(report, field, "can not simultaneously specify 'distribute' and 'failoverPriority'");
  }
  const sources: string[] = [];
  for (const [i, { from = "", to = {} }] of distribute.entries()) {
    const path = `${field}.distribute[${i}]`;
    sources.push(from);
    let total = 0;
    for (const [locality, weight] of Object.entries(to)) {
      const at = `${path}.to[${JSON.stringify(locality)}]`;
      if (weight <= 0 || weight > 100) reject(report, at, `locality weight must be in range [1, 100], found ${weight}`);
      total += weight;
    }
    if (total !== 100) reject(report, `${path}.to`, `total locality weight ${total} != 100`);
    checkLocalities(report, `${path}.to`, Object.keys(to));
  }
  checkLocalities(report, `${field}.distribute`, sources);
  for (const [i, { from = "", to = "" }] of failover.entries()) {
    const path = `${field}.failover[${i}]`;
    if (from === to) reject(report, path, `locality lb failover settings must specify different regions: ${from}`);
    if (/[/*]/.test(from + to)) reject(report, path, "locality lb failover only specify region");
  }
  if (failover.length > 0 && !hasOutlierDetection) {
    warn(report, "locality failover has no effect without outlierDetection");
  }
}

/** A wildcard stands at the end, and no locality is part of another one. */
function checkLocalities(report: Report, field: string, localities: readonly string[]): void {
  const prefixes: string[] = [];
  for (const locality of localities) {
    const star = locality.indexOf("*");
    if (star !== -1 && star !== locality.length - 1) {
      reject(report, field, `locality ${locality} wildcard '*' number can not exceed 1 and must be in the end`);
      continue;
    }
    const parts = locality.split("/");
    if (parts.length > 3 || parts.some((part) => part === "")) {
      reject(report, field, `locality ${locality} is not of the form region/zone/subZone`);
      continue;
    }
    prefixes.push(`${locality.replace(/\/?\*$/, "")}/`);
  }
  for (const [i, prefix] of prefixes.entries()) {
    for (const other of prefixes.slice(i + 1)) {
      if (prefix === "/" || other === "/" || prefix.startsWith(other) || other.startsWith(prefix)) {
        reject(report, field, `locality ${prefix.slice(0, -1)} overlaps with locality ${other.slice(0, -1)}`);
      }
    }
  }
}
