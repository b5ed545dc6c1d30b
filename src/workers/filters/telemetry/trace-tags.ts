// Tags of spans: Istio's own about the workload, and those that operators add. Worker threads, pure.
// https://istio.io/latest/docs/tasks/observability/distributed-tracing/telemetry-api/
import type { envoy } from "../../../shared/gen/envoy.js";
import type {
  Mesh_Tracing_CustomTag as ProxyTag,
  Telemetry_Tracing_CustomTag as TelemetryTag,
} from "../../../shared/gen/istio.js";
import type { ProxyView } from "../../../shared/model/view.ts";
import { isAtLeast } from "./proxy-version.ts";

type CustomTag = envoy.type.tracing.v3.ICustomTag;

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

/** Which workload it was, and what policies that aren't enforced would have done. */
export function istioTags(view: ProxyView): readonly CustomTag[] {
  const { labels } = view;
  const literal = (tag: string, value: string): CustomTag => ({ tag: `istio.${tag}`, literal: { value } });
  return [
    ...DRY_RUN_TAGS,
    literal("canonical_revision", labels["service.istio.io/canonical-revision"] || "latest"),
    literal("canonical_service", labels["service.istio.io/canonical-name"] || "unknown"),
    literal("cluster_id", view.metadata.clusterId || "unknown"),
    literal("mesh_id", view.metadata.meshId || "unknown"),
    literal("namespace", view.metadata.namespace || "default"),
  ];
}

/** Tags by name, as Telemetry and a proxy's own settings have them. A tag by format is left out for proxies before 1.29. */
export function customTags(
  tags: Readonly<Record<string, TelemetryTag | ProxyTag>> | undefined,
  view: ProxyView,
): CustomTag[] {
  return Object.entries(tags ?? {}).flatMap(([tag, given]): CustomTag[] => {
    const { literal, environment, header } = given;
    const formatter = "formatter" in given ? given.formatter : undefined;
    if (literal) return [{ tag, literal: { value: literal.value ?? "" } }];
    if (environment) return [{ tag, environment: withDefault(environment) }];
    if (header) return [{ tag, requestHeader: withDefault(header) }];
    if (formatter && isAtLeast(view, 1, 29)) return [{ tag, value: formatter.value ?? "" }];
    return [];
  });
}

function withDefault({ name = "", defaultValue }: { readonly name?: string; readonly defaultValue?: string }): {
  name: string;
  defaultValue?: string;
} {
  return { name, ...(defaultValue ? { defaultValue } : {}) };
}

/** In the order of their names. */
export function sortedTags(tags: readonly CustomTag[]): CustomTag[] {
  return [...tags].sort((a, b) => ((a.tag ?? "") < (b.tag ?? "") ? -1 : 1));
}
