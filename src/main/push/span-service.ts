// What spans call a proxy's service where a provider goes by OpenTelemetry's conventions. Main thread, pure.
// https://opentelemetry.io/docs/specs/semconv/non-normative/k8s-attributes/#service-attributes
import type { ProxyIdentity } from "../../shared/model/proxy.ts";
import type { Labels } from "../../shared/names/labels.ts";
import type { Registry } from "../registry/registry.ts";

/** True where some provider wants such names: other proxies' views need not differ by them. */
export function namesByConvention({ mesh: { mesh } }: Registry): boolean {
  return (mesh.extensionProviders ?? []).some(
    ({ opentelemetry }) => opentelemetry?.serviceAttributeEnrichment === "OTEL_SEMANTIC_CONVENTIONS",
  );
}

/** From the pod's annotation, its labels, its owner, or its own name. */
export function otelService({ node: { metadata } }: ProxyIdentity, labels: Labels): string {
  const annotations = metadata.ANNOTATIONS as Readonly<Record<string, unknown>> | undefined;
  const candidates = [
    annotations?.["resource.opentelemetry.io/service.name"],
    labels["app.kubernetes.io/instance"],
    labels["app.kubernetes.io/name"],
    metadata.WORKLOAD_NAME,
    metadata.NAME,
  ];
  return candidates.find((name): name is string => typeof name === "string" && name !== "") ?? "unknown_service";
}
