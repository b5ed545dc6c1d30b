// Tells what of a proxy's telemetry can't be done as configured. Worker threads.
import type { ProxyView } from "../../../shared/model/view.ts";
import type { PushContext } from "../../context/push-context.ts";
import type { ResourceSink } from "../../encode/resource-sink.ts";
import { accessLogProblems } from "./access-logs.ts";
import { metricsProblems } from "./metrics.ts";
import { type Direction, modeOf } from "./modes.ts";
import { requestTracing } from "./tracing.ts";

/** Warns of all problems in the directions that a proxy has listeners for. */
export function warnOfTelemetry(ctx: PushContext, view: ProxyView, sink: ResourceSink): void {
  const directions: readonly Direction[] = view.type === "sidecar" ? ["inbound", "outbound"] : ["gateway"];
  for (const direction of directions) {
    for (const { object, reason } of [
      ...accessLogProblems(ctx, view, modeOf(direction)),
      ...metricsProblems(ctx, view, direction),
      ...requestTracing(ctx, view, direction).problems,
    ]) {
      sink.warn(object, reason);
    }
  }
}
