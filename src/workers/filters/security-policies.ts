// What security policies add to the chains through which a workload is reached. Worker threads.
import type { ProxyView } from "../../shared/model/view.ts";
import type { PushContext } from "../context/push-context.ts";
import type { ResourceSink } from "../encode/resource-sink.ts";
import { authorization } from "./authorization/authorization.ts";
import type { PolicyProblem } from "./authorization/custom-action.ts";
import { requestAuthentication } from "./jwt/jwt-filter.ts";
import type { NamedFilter } from "./peer-metadata.ts";

/** Filters in the order of the fields. */
export interface HttpPolicies {
  /** External authorization, which sees requests before their tokens are checked. */
  readonly custom: readonly NamedFilter[];
  readonly authentication: readonly NamedFilter[];
  readonly authorization: readonly NamedFilter[];
}

/** Filters in the order of the fields. */
export interface TcpPolicies {
  readonly custom: readonly NamedFilter[];
  readonly authorization: readonly NamedFilter[];
}

export interface SecurityPolicies {
  readonly http: HttpPolicies;
  readonly tcp: TcpPolicies;
  readonly problems: readonly PolicyProblem[];
}

/** The policies of a sidecar's application, or of a gateway. */
export function securityPolicies(
  ctx: PushContext,
  view: ProxyView,
  direction: "inbound" | "gateway",
): SecurityPolicies {
  const http = authorization(ctx, view, "http");
  const tcp = authorization(ctx, view, "tcp");
  const tokens = requestAuthentication(ctx, view, { clearRouteCache: direction === "gateway" });
  return {
    http: { custom: http.custom, authentication: tokens.filters, authorization: http.local },
    tcp: { custom: tcp.custom, authorization: tcp.local },
    problems: [...http.problems, ...tokens.problems],
  };
}

/** Tells what of the policies couldn't be done as configured. */
export function warnOfProblems({ problems }: SecurityPolicies, sink: ResourceSink): void {
  for (const { object, reason } of problems) sink.warn(object, reason);
}
