// What telemetry adds to chains of TCP, with a name by which equal ones are known. Worker threads.
import { createHash } from "node:crypto";
import type { ProxyView } from "../../../shared/model/view.ts";
import type { PushContext } from "../../context/push-context.ts";
import { workloadTelemetry } from "../../scope/workload-telemetry.ts";
import type { NamedFilter } from "../peer-metadata.ts";
import { accessLogs } from "./access-logs.ts";
import type { AccessLog } from "./log-services.ts";
import { statsFilters } from "./metrics.ts";
import type { Direction } from "./modes.ts";

export interface NetworkTelemetry {
  /** Of metrics, before the filter that ends the chain. */
  readonly filters: readonly NamedFilter[];
  /** Of the TCP proxy that ends it. */
  readonly accessLog: readonly AccessLog[];
  /** Equal for equal content while the mesh's settings are the same. */
  readonly id: string;
}

/** What a TCP chain of a proxy has; the same object for all that the same Telemetries apply to. */
export function networkTelemetry(ctx: PushContext, view: ProxyView, direction: Direction): NetworkTelemetry {
  const { key } = workloadTelemetry(ctx, view);
  return ctx.derive(
    `network-telemetry/${direction}|${view.istioFilters}|${key}`,
    ["Telemetry", "mesh", "services"],
    () => {
      const filters = statsFilters(ctx, view, direction);
      const accessLog = accessLogs(ctx, view, direction, "tcp");
      const id = createHash("sha256")
        .update(JSON.stringify([filters, accessLog]))
        .digest("base64");
      return { filters, accessLog, id };
    },
  );
}
