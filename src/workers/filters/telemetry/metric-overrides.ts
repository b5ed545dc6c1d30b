// What a workload's Telemetry says about the metrics of each provider. Worker threads, pure.
// https://istio.io/latest/docs/reference/config/telemetry/#Metrics
import type {
  Telemetry_MetricSelector as MetricSelector,
  Telemetry_Metrics as Metrics,
  Telemetry_MetricsOverrides_TagOverride as TagOverride,
} from "../../../shared/gen/istio.js";
import { type Mode, modesOf } from "./modes.ts";
import { namesOf } from "./providers.ts";

/** Names of Istio's metrics, as Telemetry and as Prometheus have them. */
export const METRICS: Readonly<Record<string, string>> = {
  REQUEST_COUNT: "requests_total",
  REQUEST_DURATION: "request_duration_milliseconds",
  REQUEST_SIZE: "request_bytes",
  RESPONSE_SIZE: "response_bytes",
  TCP_OPENED_CONNECTIONS: "tcp_connections_opened_total",
  TCP_CLOSED_CONNECTIONS: "tcp_connections_closed_total",
  TCP_SENT_BYTES: "tcp_sent_bytes_total",
  TCP_RECEIVED_BYTES: "tcp_received_bytes_total",
  GRPC_REQUEST_MESSAGES: "request_messages_total",
  GRPC_RESPONSE_MESSAGES: "response_messages_total",
};

/** What is said of one metric; what is said later wins, tag by tag. */
export interface MetricOverride {
  disabled: boolean;
  readonly tags: Map<string, TagOverride>;
}

/** What is said of one mode. */
export interface ModeMetrics {
  /** True where all metrics are switched off. */
  off: boolean;
  /** By the metric's name in Telemetry, or its own. */
  readonly overrides: Map<string, MetricOverride>;
}

export interface ProviderMetrics {
  /** Time between reports of TCP connections, in proto3-JSON form; undefined for the filter's own. */
  interval: string | undefined;
  readonly modes: Readonly<Record<Mode, ModeMetrics>>;
}

/** The metrics of each provider by its name. `entries` are those of all Telemetries, the closest to the workload last. */
export function metricOverrides(
  entries: readonly Metrics[],
  defaults: readonly string[],
): ReadonlyMap<string, ProviderMetrics> {
  // Providers of the last entry that names any replace those before.
  const last = entries.findLast((entry) => namesOf(entry).length > 0);
  const there = last ? namesOf(last) : defaults;
  const out = new Map<string, ProviderMetrics>();
  if (entries.length === 0) for (const name of defaults) out.set(name, nothingSaid());
  let inherited = defaults;
  for (const entry of entries) {
    if (namesOf(entry).length > 0) inherited = namesOf(entry);
    for (const name of inherited) {
      if (!there.includes(name)) continue;
      const metrics = out.get(name) ?? nothingSaid();
      out.set(name, metrics);
      take(metrics, entry);
    }
  }
  return out;
}

function nothingSaid(): ProviderMetrics {
  const mode = (): ModeMetrics => ({ off: false, overrides: new Map() });
  return { interval: undefined, modes: { CLIENT: mode(), SERVER: mode() } };
}

function take(metrics: ProviderMetrics, { reportingInterval, overrides = [] }: Metrics): void {
  if (reportingInterval !== undefined) metrics.interval = reportingInterval;
  for (const { match = {}, disabled, tagOverrides = {} } of overrides) {
    const all = match.customMetric === undefined && (match.metric ?? "ALL_METRICS") === "ALL_METRICS";
    for (const mode of modesOf(match.mode)) {
      const said = metrics.modes[mode];
      // Switching all of them off keeps what was said of each, for a later entry that switches them on again.
      said.off = all && disabled === true;
      if (said.off) continue;
      for (const name of matchedNames(match)) {
        const override = said.overrides.get(name) ?? { disabled: false, tags: new Map() };
        said.overrides.set(name, override);
        if (disabled !== undefined) override.disabled = disabled;
        for (const [tag, value] of Object.entries(tagOverrides)) override.tags.set(tag, value);
      }
    }
  }
}

function matchedNames({ customMetric, metric = "ALL_METRICS" }: MetricSelector): readonly string[] {
  if (customMetric !== undefined) return [customMetric];
  return metric === "ALL_METRICS" ? Object.keys(METRICS) : [metric];
}
