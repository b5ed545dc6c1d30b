// Rules of what an HTTP route of a VirtualService adds to a request: faults, CORS, retries, headers. Main thread.
import type {
  Networking_CorsPolicy,
  Networking_Headers,
  Networking_HTTPFaultInjection,
  Networking_HTTPRetry,
} from "../../../shared/gen/istio.js";
import { checkDuration, checkDurationOrZero, checkPercent, checkStringMatch, durationMs } from "../common/values.ts";
import { type Report, reject, warn } from "../report.ts";

export function checkFault(report: Report, field: string, fault: Networking_HTTPFaultInjection): void {
  const { abort, delay } = fault;
  if (!abort && !delay) reject(report, field, "HTTP fault injection must have an abort and/or a delay");
  if (abort) {
    const path = `${field}.abort`;
    if (abort.percentage) checkPercent(report, `${path}.percentage`, abort.percentage.value);
    if (abort.httpStatus !== undefined) {
      if (abort.httpStatus < 200 || abort.httpStatus > 599) {
        reject(report, `${path}.httpStatus`, `HTTP status ${abort.httpStatus} is not in range 200..599`);
      }
    } else if (abort.grpcStatus !== undefined) {
      if (!GRPC_CODES.has(abort.grpcStatus)) {
        reject(report, `${path}.grpcStatus`, `gRPC status ${JSON.stringify(abort.grpcStatus)} is not supported`);
      }
    } else if (abort.http2Error !== undefined) {
      reject(report, `${path}.http2Error`, "HTTP/2 abort fault injection not supported yet");
    } else {
      reject(report, path, "HTTP abort needs a status");
    }
  }
  if (delay) {
    const path = `${field}.delay`;
    if (delay.percentage) checkPercent(report, `${path}.percentage`, delay.percentage.value);
    if (delay.percent !== undefined) {
      checkPercent(report, `${path}.percent`, delay.percent);
      warn(report, 'using deprecated setting "percent", use "percentage" instead');
    }
    if (delay.fixedDelay !== undefined) checkDuration(report, `${path}.fixedDelay`, delay.fixedDelay);
    else if (delay.exponentialDelay !== undefined) {
      reject(report, `${path}.exponentialDelay`, "exponentialDelay not supported yet");
    } else {
      reject(report, path, "HTTP delay needs a fixedDelay");
    }
  }
}

const GRPC_CODES = new Set(
  `OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED UNAUTHENTICATED
  RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS`.split(
    /\s+/,
  ),
);

const METHODS = new Set(["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE", "*"]);

export function checkCors(report: Report, field: string, cors: Networking_CorsPolicy): void {
  for (const [i, origin] of (cors.allowOrigins ?? []).entries()) {
    const path = `${field}.allowOrigins[${i}]`;
    if (!origin.exact && !origin.prefix && !origin.regex) {
      reject(report, path, "'' is not a valid match type for CORS allow origins");
    }
    checkStringMatch(report, path, origin);
  }
  for (const [i, method] of (cors.allowMethods ?? []).entries()) {
    if (!METHODS.has(method)) reject(report, `${field}.allowMethods[${i}]`, `${method} is not a supported HTTP method`);
  }
  for (const list of ["allowHeaders", "exposeHeaders"] as const) {
    for (const [i, name] of (cors[list] ?? []).entries()) {
      if (name !== "*") checkHeaderName(report, `${field}.${list}[${i}]`, name);
    }
  }
  if (cors.maxAge !== undefined) {
    checkDurationOrZero(report, `${field}.maxAge`, cors.maxAge);
    if (durationMs(cors.maxAge) % 1000 !== 0) {
      reject(report, `${field}.maxAge`, "max_age duration is accurate only to seconds precision");
    }
  }
}

export function checkRetries(report: Report, field: string, retries: Networking_HTTPRetry): void {
  const { attempts = 0, retryOn = "" } = retries;
  if (attempts < 0) reject(report, `${field}.attempts`, "attempts cannot be negative");
  if (attempts === 0 && (retries.perTryTimeout !== undefined || retryOn !== "" || retries.retryRemoteLocalities)) {
    reject(report, field, "http retry policy configured when attempts are set to 0 (disabled)");
  }
  checkDurationOrZero(report, `${field}.perTryTimeout`, retries.perTryTimeout);
  checkDurationOrZero(report, `${field}.backoff`, retries.backoff);
  for (const condition of retryOn.split(",")) {
    const name = condition.trim();
    if (name === "" || RETRY_CONDITIONS.has(name)) continue;
    // Numbers stand for status codes that are retried.
    if (!/^\d+$/.test(name))
      reject(report, `${field}.retryOn`, `${JSON.stringify(name)} is not a valid retryOn policy`);
    else if (Number(name) < 100 || Number(name) > 599) {
      reject(report, `${field}.retryOn`, `HTTP status ${name} is not in range 100..599`);
    }
  }
}

const RETRY_CONDITIONS = new Set(
  `5xx gateway-error reset reset-before-request connect-failure retriable-4xx refused-stream retriable-status-codes
  retriable-headers envoy-ratelimited http3-post-connect-failure
  cancelled deadline-exceeded internal resource-exhausted unavailable`.split(/\s+/),
);

export function checkHeaders(report: Report, field: string, headers: Networking_Headers | undefined): void {
  for (const side of ["request", "response"] as const) {
    for (const operation of ["set", "add"] as const) {
      for (const name of Object.keys(headers?.[side]?.[operation] ?? {})) {
        checkHeaderName(report, `${field}.${side}.${operation}[${JSON.stringify(name)}]`, name, true);
      }
    }
    for (const [i, name] of (headers?.[side]?.remove ?? []).entries()) {
      checkHeaderName(report, `${field}.${side}.remove[${i}]`, name);
    }
  }
}

const AUTHORITY = new Set([":authority", "host"]);

/** `mayBePseudo` where the name of a pseudo-header makes sense. */
export function checkHeaderName(report: Report, field: string, name: string, mayBePseudo = false): void {
  if (name === "") reject(report, field, "header name cannot be empty");
  else if (mayBePseudo && AUTHORITY.has(name.toLowerCase())) return;
  else if (!/^[-!#$%&'*+.^_`|~0-9A-Za-z:]+$/.test(name))
    reject(report, field, `header name ${name} is not a valid header name`);
}
