// Tracing of HTTP connection managers: sampling, and the tags that say which workload it was. Worker threads, pure.
// https://istio.io/latest/docs/tasks/observability/distributed-tracing/
import type { envoy } from "../../shared/gen/envoy.js";
import type { Mesh_ProxyConfig } from "../../shared/gen/istio.js";
import type { ProxyView } from "../../shared/model/view.ts";
import type { PushContext } from "../context/push-context.ts";

type Tracing = envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.ITracing;
type CustomTag = envoy.type.tracing.v3.ICustomTag;

/** The proxy's own settings: those that its node brings, else the mesh's. */
export function proxyConfigOf(ctx: PushContext, view: ProxyView): Mesh_ProxyConfig {
  return (view.metadata.proxyConfig as Mesh_ProxyConfig | null) ?? ctx.mesh.mesh.defaultConfig ?? {};
}

/** The setting of a proxy, or undefined where the mesh has tracing off. */
export function tracing(ctx: PushContext, view: ProxyView): Tracing | undefined {
  if (ctx.mesh.mesh.enableTracing === false) return undefined;
  const config = proxyConfigOf(ctx, view).tracing;
  const percent = (value: number): { value: number } => ({ value });
  return {
    clientSampling: percent(100),
    randomSampling: percent(config?.sampling || ctx.mesh.features.traceSampling),
    overallSampling: percent(100),
    ...(config?.maxPathTagLength ? { maxPathTagLength: { value: config.maxPathTagLength } } : {}),
    customTags: [...DRY_RUN_TAGS, ...serviceTags(view)].sort((a, b) => ((a.tag ?? "") < (b.tag ?? "") ? -1 : 1)),
  };
}

function dryRunTag(tag: string, key: string): CustomTag {
  return {
    tag: `istio.authorization.dry_run.${tag}`,
    metadata: { kind: { request: {} }, metadataKey: { key: "envoy.filters.http.rbac", path: [{ key }] } },
  };
}

const DRY_RUN_TAGS: readonly CustomTag[] = [
  dryRunTag("allow_policy.name", "istio_dry_run_allow_shadow_effective_policy_id"),
  dryRunTag("allow_policy.result", "istio_dry_run_allow_shadow_engine_result"),
  dryRunTag("deny_policy.name", "istio_dry_run_deny_shadow_effective_policy_id"),
  dryRunTag("deny_policy.result", "istio_dry_run_deny_shadow_engine_result"),
];

function serviceTags(view: ProxyView): CustomTag[] {
  const { labels } = view;
  const literal = (tag: string, value: string): CustomTag => ({ tag: `istio.${tag}`, literal: { value } });
  return [
    literal("canonical_revision", labels["service.istio.io/canonical-revision"] || "latest"),
    literal("canonical_service", labels["service.istio.io/canonical-name"] || "unknown"),
    literal("cluster_id", view.metadata.clusterId || "unknown"),
    literal("mesh_id", view.metadata.meshId || "unknown"),
    literal("namespace", view.namespace || "default"),
  ];
}
