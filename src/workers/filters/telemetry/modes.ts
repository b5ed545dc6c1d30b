// Which side of a call a listener stands on, as Telemetry's matches ask. Worker threads, pure.
// https://istio.io/latest/docs/reference/config/telemetry/#WorkloadMode

/** Where a listener stands: before the application, behind it, or at a gateway. */
export type Direction = "inbound" | "outbound" | "gateway";

/** A gateway counts as a client of what is behind it. */
export type Mode = "CLIENT" | "SERVER";

/** A match's mode. */
export type MatchedMode = Mode | "CLIENT_AND_SERVER" | undefined;

export function modeOf(direction: Direction): Mode {
  return direction === "inbound" ? "SERVER" : "CLIENT";
}

/** The modes that a match is about. */
export function modesOf(matched: MatchedMode): readonly Mode[] {
  return matched === "CLIENT" || matched === "SERVER" ? [matched] : ["CLIENT", "SERVER"];
}
