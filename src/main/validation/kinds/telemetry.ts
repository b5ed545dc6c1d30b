// Rules of Telemetry. Main thread.
import type { Telemetry_Metrics, Telemetry_Telemetry, Telemetry_Tracing } from "../../../shared/gen/istio.js";
import { checkPolicySelector, checkTargets } from "../common/labels.ts";
import { checkDuration } from "../common/values.ts";
import { type Report, reject, warn } from "../report.ts";
import type { RuleInput } from "../rules.ts";

export function checkTelemetry({ spec }: RuleInput, report: Report): void {
  const telemetry = spec as Telemetry_Telemetry;
  checkPolicySelector(report, "spec.selector", telemetry.selector);
  checkTargets(report, telemetry);
  const tracing = telemetry.tracing ?? [];
  if (tracing.length > 1) warn(report, "multiple tracing is not currently supported");
  for (const [i, item] of tracing.entries()) checkTracing(report, `spec.tracing[${i}]`, item);
  for (const [i, item] of (telemetry.metrics ?? []).entries()) checkMetrics(report, `spec.metrics[${i}]`, item);
  for (const [i, item] of (telemetry.accessLogging ?? []).entries()) {
    const field = `spec.accessLogging[${i}]`;
    checkProviders(report, `${field}.providers`, item.providers);
    if (item.filter && !item.filter.expression) {
      reject(report, `${field}.filter.expression`, "filter.expression may not be empty");
    }
  }
}

function checkProviders(
  report: Report,
  field: string,
  providers: readonly { readonly name?: string }[] | undefined,
): void {
  for (const [i, provider] of (providers ?? []).entries()) {
    if (!provider.name) reject(report, `${field}[${i}].name`, "providers.name may not be empty");
  }
}

function checkTracing(report: Report, field: string, tracing: Telemetry_Tracing): void {
  checkProviders(report, `${field}.providers`, tracing.providers);
  if ((tracing.providers ?? []).length > 1) warn(report, "multiple providers is not currently supported");
  const sampling = tracing.randomSamplingPercentage ?? 0;
  if (sampling < 0 || sampling > 100) {
    reject(report, `${field}.randomSamplingPercentage`, "randomSamplingPercentage must be in range [0.0, 100.0]");
  }
  for (const [name, tag] of Object.entries(tracing.customTags ?? {})) {
    const path = `${field}.customTags[${JSON.stringify(name)}]`;
    if (name === "") reject(report, path, "customTags name may not be empty");
    if (tag.literal) {
      if (!tag.literal.value) reject(report, path, "literal tag value may not be empty");
    } else if (tag.environment) {
      if (!tag.environment.name) reject(report, path, "environment tag name may not be empty");
    } else if (tag.header) {
      if (!tag.header.name) reject(report, path, "header tag name may not be empty");
    } else if (tag.formatter) {
      if (!tag.formatter.value) reject(report, path, "formatter tag value may not be empty");
    } else {
      reject(report, path, "customTags type must be set");
    }
  }
}

function checkMetrics(report: Report, field: string, metrics: Telemetry_Metrics): void {
  checkProviders(report, `${field}.providers`, metrics.providers);
  checkDuration(report, `${field}.reportingInterval`, metrics.reportingInterval);
  for (const [i, override] of (metrics.overrides ?? []).entries()) {
    const path = `${field}.overrides[${i}]`;
    if (override.match?.customMetric === "") {
      reject(report, `${path}.match.customMetric`, "customMetric may not be empty");
    }
    for (const [name, tag] of Object.entries(override.tagOverrides ?? {})) {
      const at = `${path}.tagOverrides[${JSON.stringify(name)}]`;
      if (name === "") reject(report, at, "tagOverrides.name may not be empty");
      const upsert = (tag.operation ?? "UPSERT") === "UPSERT";
      if (upsert && !tag.value) reject(report, at, "tagOverrides.value must be set when operation is UPSERT");
      if (!upsert && tag.value) reject(report, at, "tagOverrides.value may only be set when operation is UPSERT");
    }
  }
}
