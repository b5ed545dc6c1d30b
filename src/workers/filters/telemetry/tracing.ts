// Tracing of HTTP connection managers: as Telemetry says, else as the mesh's and the proxy's settings do. Worker threads.
// https://istio.io/latest/docs/tasks/observability/distributed-tracing/
import type { envoy } from "../../../shared/gen/envoy.js";
import type { Mesh_ProxyConfig } from "../../../shared/gen/istio.js";
import type { ProxyView, ViewMetadata } from "../../../shared/model/view.ts";
import { PairMemo } from "../../../shared/pair-memo.ts";
import type { PushContext } from "../../context/push-context.ts";
import { workloadTelemetry } from "../../scope/workload-telemetry.ts";
import { type Direction, type Mode, modeOf } from "./modes.ts";
import { findProvider, problemOf, type TelemetryProblem, UNKNOWN } from "./providers.ts";
import { isAtLeast } from "./proxy-version.ts";
import { customTags, istioTags, sortedTags } from "./trace-tags.ts";
import { type Tracer, tracerOf } from "./tracers.ts";
import { type TracingChoice, tracingChoice } from "./tracing-choice.ts";

type Tracing = envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.ITracing;

/** How the requests of a direction are traced. */
export interface RequestTracing {
  /** Undefined where they aren't. */
  readonly tracing: Tracing | undefined;
  /** Whether the id of a request says if it was sampled. */
  readonly useRequestId: boolean;
  readonly problems: readonly TelemetryProblem[];
}

const NOT_TRACED: RequestTracing = { tracing: undefined, useRequestId: true, problems: [] };

const known = new PairMemo<PushContext, ProxyView, Map<Mode, RequestTracing>>();

/** The proxy's own settings: those that its node brings, else the mesh's. */
export function proxyConfigOf(
  ctx: PushContext,
  view: { readonly metadata: Pick<ViewMetadata, "proxyConfig"> },
): Mesh_ProxyConfig {
  return (view.metadata.proxyConfig as Mesh_ProxyConfig | null) ?? ctx.mesh.mesh.defaultConfig ?? {};
}

/** How a proxy traces; the same object for all its listeners of a mode. */
export function requestTracing(ctx: PushContext, view: ProxyView, direction: Direction): RequestTracing {
  const byMode = known.get(ctx, view, () => new Map());
  const mode = modeOf(direction);
  let out = byMode.get(mode);
  if (!out) {
    out = build(ctx, view, mode);
    byMode.set(mode, out);
  }
  return out;
}

function build(ctx: PushContext, view: ProxyView, mode: Mode): RequestTracing {
  const telemetry = workloadTelemetry(ctx, view);
  const entries = telemetry.objects.flatMap(({ spec }) => spec.tracing ?? []);
  const choice = tracingChoice(entries, ctx.mesh.mesh.defaultProviders?.tracing ?? [], mode);
  if (!choice) return { ...NOT_TRACED, tracing: meshTracing(ctx, view) };
  if (choice.disabled || choice.provider === undefined) return NOT_TRACED;
  const provider = findProvider(ctx, choice.provider);
  const tracer = provider ? tracerOf(ctx, view, provider) : { problem: UNKNOWN };
  if ("problem" in tracer) {
    return { ...NOT_TRACED, problems: [problemOf(telemetry, "tracing", choice.provider, tracer.problem)] };
  }
  return { tracing: tracedBy(ctx, view, tracer, choice), useRequestId: choice.useRequestId, problems: [] };
}

function tracedBy(ctx: PushContext, view: ProxyView, tracer: Tracer, choice: TracingChoice): Tracing {
  const own = proxyConfigOf(ctx, view).tracing;
  const given = Object.keys(choice.customTags).length > 0 ? choice.customTags : own?.customTags;
  const tags = [...(choice.istioTags ? istioTags(view) : []), ...customTags(given, view)];
  return {
    provider: tracer.provider,
    ...sampled(tracer.samples ? 100 : (choice.sampling ?? proxySampling(ctx, view))),
    ...pathTag(tracer.maxTagLength || own?.maxPathTagLength),
    ...(tracer.spawnsUpstreamSpan ? { spawnUpstreamSpan: { value: true } } : {}),
    ...(!choice.propagateContext && isAtLeast(view, 1, 30) ? { noContextPropagation: true } : {}),
    customTags: sortedTags(tags),
  };
}

/** Undefined where the mesh has tracing off. */
function meshTracing(ctx: PushContext, view: ProxyView): Tracing | undefined {
  if (ctx.mesh.mesh.enableTracing === false) return undefined;
  const own = proxyConfigOf(ctx, view).tracing;
  const tags = [...(own?.enableIstioTags === false ? [] : istioTags(view)), ...customTags(own?.customTags, view)];
  return {
    ...sampled(proxySampling(ctx, view)),
    ...pathTag(own?.maxPathTagLength),
    customTags: sortedTags(tags),
  };
}

function sampled(percentage: number): Tracing {
  const percent = (value: number): { value: number } => ({ value });
  return { clientSampling: percent(100), randomSampling: percent(percentage), overallSampling: percent(100) };
}

function pathTag(length: number | undefined): Tracing {
  return length ? { maxPathTagLength: { value: length } } : {};
}

/** In percent, as the proxy's settings say; more than all makes no sense, and counts as Istio's default. */
function proxySampling(ctx: PushContext, view: ProxyView): number {
  const sampling = proxyConfigOf(ctx, view).tracing?.sampling || ctx.mesh.features.traceSampling;
  return sampling > 100 ? 1 : sampling;
}
