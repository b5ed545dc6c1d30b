// What telemetry adds to chains of TCP, with a name by which equal ones are known. Worker threads.
import { createHash } from "node:crypto";
import type { ProxyView } from "../../../shared/model/view.ts";
import { PairMemo } from "../../../shared/pair-memo.ts";
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

type ByDirection = Partial<Record<Direction, NetworkTelemetry>>;

const known = new PairMemo<PushContext, ProxyView, ByDirection>();

/** What a TCP chain of a proxy has; asked for each service, and so remembered by proxy. */
export function networkTelemetry(ctx: PushContext, view: ProxyView, direction: Direction): NetworkTelemetry {
  const byDirection = known.get(ctx, view, () => ({}));
  byDirection[direction] ??= shared(ctx, view, direction);
  return byDirection[direction];
}

/** The same object for all proxies that the same Telemetries apply to. */
function shared(ctx: PushContext, view: ProxyView, direction: Direction): NetworkTelemetry {
  const { key } = workloadTelemetry(ctx, view);
  return ctx.derive(
    `network-telemetry/${direction}|${view.istioFilters}|${key}`,
    ["Telemetry", "mesh", "services"],
    () => {
      const filters = statsFilters(ctx, view, direction);
      const accessLog = accessLogs(ctx, view, direction, "tcp");
      // Of the mesh's settings alone it is the same for all.
      const settled = key === "" && !ctx.mesh.mesh.defaultProviders?.accessLogging?.length;
      const content = JSON.stringify([filters, accessLog]);
      return { filters, accessLog, id: settled ? "" : createHash("sha256").update(content).digest("base64") };
    },
  );
}
