// Sessions that stay on one endpoint by a cookie or header, as a label of the service asks for. Worker threads, pure.
import { envoy } from "../../shared/gen/envoy.js";
import type { ServiceRecord } from "../../shared/model/service.ts";
import type { PushContext } from "../context/push-context.ts";
import { any } from "../encode/values.ts";
import type { NamedFilter } from "./peer-metadata.ts";

const { StatefulSession, StatefulSessionPerRoute } = envoy.extensions.filters.http.stateful_session.v3;
const { CookieBasedSessionState } = envoy.extensions.http.stateful_session.cookie.v3;
const { HeaderBasedSessionState } = envoy.extensions.http.stateful_session.header.v3;

const FILTER = "envoy.filters.http.stateful_session";
const MESSAGES = "envoy.extensions.filters.http.stateful_session.v3";

/** The filter, which does nothing but where a virtual host turns it on. */
export const STATEFUL_SESSION: NamedFilter = {
  name: FILTER,
  typedConfig: any(`${MESSAGES}.StatefulSession`, StatefulSession, {}),
};

/** The per-route settings of a service's virtual hosts, or undefined where it keeps no sessions. */
export function statefulSession(
  ctx: PushContext,
  service: ServiceRecord | undefined,
): Readonly<Record<string, ReturnType<typeof any>>> | undefined {
  const { features } = ctx.mesh;
  if (!service || !features.persistentSessionFilter) return undefined;
  const header = service.labels[features.persistentSessionHeaderLabel];
  const cookie = service.labels[features.persistentSessionLabel];
  const sessionState = header ? headerState(header) : cookie ? cookieState(cookie) : undefined;
  if (!sessionState) return undefined;
  const config = { statefulSession: { sessionState } };
  return { [FILTER]: any(`${MESSAGES}.StatefulSessionPerRoute`, StatefulSessionPerRoute, config) };
}

function headerState(name: string): NamedFilter {
  return {
    name: "envoy.http.stateful_session.header",
    typedConfig: any(
      "envoy.extensions.http.stateful_session.header.v3.HeaderBasedSessionState",
      HeaderBasedSessionState,
      { name },
    ),
  };
}

/** The label's value is a cookie's name, maybe with a path behind a colon. */
function cookieState(value: string): NamedFilter {
  const [name = "", path = "/"] = value.split(":");
  return {
    name: "envoy.http.stateful_session.cookie",
    typedConfig: any(
      "envoy.extensions.http.stateful_session.cookie.v3.CookieBasedSessionState",
      CookieBasedSessionState,
      { cookie: { name, path } },
    ),
  };
}
