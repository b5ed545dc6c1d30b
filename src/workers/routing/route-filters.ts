// Settings of HTTP filters that a route carries: faults and cross-origin rules. Worker threads, pure.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPFaultInjection
import { envoy } from "../../shared/gen/envoy.js";
import type {
  Networking_CorsPolicy,
  Networking_HTTPFaultInjection,
  Networking_Percent,
} from "../../shared/gen/istio.js";
import { any, durationToMs, parseDuration } from "../encode/values.ts";
import { stringMatcher } from "./string-match.ts";

const { HTTPFault } = envoy.extensions.filters.http.fault.v3;
const { CorsPolicy } = envoy.extensions.filters.http.cors.v3;

export type FractionalPercent = envoy.type.v3.IFractionalPercent;

const MILLION = 2;

/** A percentage with four decimals, as Envoy takes it. */
export function fraction(percent: Networking_Percent | undefined): FractionalPercent {
  return { numerator: Math.round((percent?.value ?? 0) * 10_000), denominator: MILLION };
}

/** gRPC's status codes by name (https://github.com/grpc/grpc/blob/master/doc/statuscodes.md). */
const GRPC_STATUS: Readonly<Record<string, number>> = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
};

/** The fault filter's setting for a route. */
export function faultConfig(fault: Networking_HTTPFaultInjection): ReturnType<typeof any> {
  const out: envoy.extensions.filters.http.fault.v3.IHTTPFault = {};
  const { delay, abort } = fault;
  if (delay) {
    const fixed = parseDuration(delay.fixedDelay);
    const percentage = delay.percentage ? fraction(delay.percentage) : { numerator: delay.percent ?? 100 };
    out.delay = { percentage, ...(fixed && durationToMs(delay.fixedDelay) > 0 ? { fixedDelay: fixed } : {}) };
  }
  if (abort) {
    const grpc = abort.grpcStatus;
    out.abort = {
      ...(abort.percentage ? { percentage: fraction(abort.percentage) } : {}),
      ...(abort.httpStatus ? { httpStatus: abort.httpStatus } : {}),
      ...(grpc !== undefined ? { grpcStatus: GRPC_STATUS[grpc] ?? Number(grpc) } : {}),
    };
  }
  return any("envoy.extensions.filters.http.fault.v3.HTTPFault", HTTPFault, out);
}

/** The CORS filter's setting for a route. */
export function corsConfig(cors: Networking_CorsPolicy): ReturnType<typeof any> {
  const out: envoy.extensions.filters.http.cors.v3.ICorsPolicy = {
    filterEnabled: { defaultValue: { numerator: 100 } },
  };
  const origins = [
    ...(cors.allowOrigins ?? []).map(stringMatcher),
    ...(cors.allowOrigin ?? []).map((exact) => ({ exact })),
  ];
  if (origins.length > 0) out.allowOriginStringMatch = origins;
  if (cors.allowMethods?.length) out.allowMethods = cors.allowMethods.join(",");
  if (cors.allowHeaders?.length) out.allowHeaders = cors.allowHeaders.join(",");
  if (cors.exposeHeaders?.length) out.exposeHeaders = cors.exposeHeaders.join(",");
  if (cors.maxAge !== undefined) out.maxAge = String(Math.trunc(durationToMs(cors.maxAge) / 1000));
  if (cors.allowCredentials !== undefined) out.allowCredentials = { value: cors.allowCredentials };
  out.forwardNotMatchingPreflights = { value: cors.unmatchedPreflights !== "IGNORE" };
  return any("envoy.extensions.filters.http.cors.v3.CorsPolicy", CorsPolicy, out);
}
