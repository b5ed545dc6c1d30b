// Istio's metrics filters, as Telemetry says and else as the mesh's settings do. Worker threads.
// https://istio.io/latest/docs/tasks/observability/metrics/telemetry-api/
import { stats } from "../../../shared/gen/envoy.js";
import type { ProxyView } from "../../../shared/model/view.ts";
import type { PushContext } from "../../context/push-context.ts";
import { any, parseDuration } from "../../encode/values.ts";
import type { Workload } from "../../scope/workload-policies.ts";
import { type WorkloadTelemetry, workloadTelemetry } from "../../scope/workload-telemetry.ts";
import type { NamedFilter } from "../peer-metadata.ts";
import { METRICS, type MetricOverride, metricOverrides } from "./metric-overrides.ts";
import { type Direction, modeOf } from "./modes.ts";
import { findProvider, problemOf, type TelemetryProblem, UNKNOWN } from "./providers.ts";

const { PluginConfig } = stats;

/** What the metrics of a direction are. */
interface StatsFilters {
  readonly filters: readonly NamedFilter[];
  readonly problems: readonly TelemetryProblem[];
}

/** The filters of a direction, the same for connections and for requests; none for an Envoy without Istio's filters. */
export function statsFilters(ctx: PushContext, view: ProxyView, direction: Direction): readonly NamedFilter[] {
  return view.istioFilters ? statsOf(ctx, view, direction).filters : [];
}

/** What of the metrics can't be done as configured. */
export function metricsProblems(ctx: PushContext, view: ProxyView, direction: Direction): readonly TelemetryProblem[] {
  return view.istioFilters ? statsOf(ctx, view, direction).problems : [];
}

function statsOf(ctx: PushContext, workload: Workload, direction: Direction): StatsFilters {
  const telemetry = workloadTelemetry(ctx, workload);
  return ctx.derive(`stats-filters/${direction}|${telemetry.key}`, ["Telemetry", "mesh"], () =>
    buildFilters(ctx, telemetry, direction),
  );
}

function buildFilters(ctx: PushContext, telemetry: WorkloadTelemetry, direction: Direction): StatsFilters {
  const entries = telemetry.objects.flatMap(({ spec }) => spec.metrics ?? []);
  const filters: NamedFilter[] = [];
  const problems: TelemetryProblem[] = [];
  const byProvider = metricOverrides(entries, ctx.mesh.mesh.defaultProviders?.metrics ?? []);
  for (const name of [...byProvider.keys()].sort()) {
    const { interval, modes } = byProvider.get(name)!;
    const provider = findProvider(ctx, name);
    if (!provider?.prometheus) {
      const reason = provider ? "a provider of this kind takes no metrics" : UNKNOWN;
      problems.push(problemOf(telemetry, "metrics", name, reason));
      continue;
    }
    const { off, overrides } = modes[modeOf(direction)];
    if (off) continue;
    const duration = parseDuration(interval);
    const config: stats.IPluginConfig = {
      // Hosts of requests count as services only inside of the mesh.
      ...(direction === "outbound" ? {} : { disableHostHeaderFallback: true }),
      ...(duration ? { tcpReportingDuration: duration } : {}),
      metrics: [...overrides].sort(([a], [b]) => (a < b ? -1 : 1)).map(metricConfig),
    };
    filters.push({ name: "istio.stats", typedConfig: any("stats.PluginConfig", PluginConfig, config) });
  }
  return { filters, problems };
}

function metricConfig([name, { disabled, tags }]: readonly [string, MetricOverride]): stats.IMetricConfig {
  const dimensions: Record<string, string> = {};
  const tagsToRemove: string[] = [];
  for (const [tag, { operation, value = "" }] of [...tags].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (operation === "REMOVE") tagsToRemove.push(tag);
    else dimensions[tag] = value;
  }
  return { name: METRICS[name] ?? name, dimensions, tagsToRemove, ...(disabled ? { drop: true } : {}) };
}
