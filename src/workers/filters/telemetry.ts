// Metrics that the mesh's settings ask for. Worker threads, pure.
// https://istio.io/latest/docs/tasks/observability/metrics/
import { stats } from "../../shared/gen/envoy.js";
import type { ProxyView } from "../../shared/model/view.ts";
import type { PushContext } from "../context/push-context.ts";
import { any } from "../encode/values.ts";
import type { NamedFilter } from "./peer-metadata.ts";

export type Direction = "inbound" | "outbound" | "gateway";

const { PluginConfig } = stats;

function wantsMetrics(ctx: PushContext, view: ProxyView): boolean {
  const providers = ctx.mesh.mesh.defaultProviders?.metrics ?? [];
  return view.istioFilters && providers.includes("prometheus");
}

/** Istio's metrics of TCP connections, where the mesh has a Prometheus provider by default. */
export function tcpStatsFilters(ctx: PushContext, view: ProxyView, direction: Direction): NamedFilter[] {
  if (!wantsMetrics(ctx, view)) return [];
  return [
    {
      name: "istio.stats",
      typedConfig: any(
        "stats.PluginConfig",
        PluginConfig,
        direction === "outbound" ? {} : { disableHostHeaderFallback: true },
      ),
    },
  ];
}

/** Istio's metrics of HTTP requests. Hosts of requests count as services only inside of the mesh. */
export function httpStatsFilters(ctx: PushContext, view: ProxyView, direction: Direction): NamedFilter[] {
  if (!wantsMetrics(ctx, view)) return [];
  const disableHostHeaderFallback = direction !== "outbound";
  return [
    {
      name: "istio.stats",
      typedConfig: any(
        "stats.PluginConfig",
        PluginConfig,
        disableHostHeaderFallback ? { disableHostHeaderFallback } : {},
      ),
    },
  ];
}
