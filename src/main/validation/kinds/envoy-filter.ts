// Rules of EnvoyFilter. Main thread.
import type {
  Networking_EnvoyFilter,
  Networking_EnvoyFilter_EnvoyConfigObjectPatch,
} from "../../../shared/gen/istio.js";
import { checkTargets, checkWorkloadSelector } from "../common/labels.ts";
import { regexProblem } from "../common/values.ts";
import { newReport, type Report, reject, warn } from "../report.ts";
import type { RuleInput } from "../rules.ts";
import { patchValueProblem } from "./envoy-patch-value.ts";

export const ENVOY_FILTER_WARNING =
  "EnvoyFilter exposes internal implementation details that may change at any time. Prefer other APIs if possible, and exercise extreme caution, especially around upgrades.";

export function checkEnvoyFilter({ spec }: RuleInput, report: Report): void {
  const filter = spec as Networking_EnvoyFilter;
  warn(report, ENVOY_FILTER_WARNING);
  checkWorkloadSelector(report, "spec.workloadSelector", filter.workloadSelector, "Envoy filter");
  checkTargets(report, {
    ...(filter.workloadSelector ? { selector: filter.workloadSelector } : {}),
    targetRefs: filter.targetRefs ?? [],
  });
  for (const [i, patch] of (filter.configPatches ?? []).entries()) {
    const found = newReport();
    checkPatch(found, `spec.configPatches[${i}]`, patch);
    for (const { field, reason } of found.errors) {
      // This one says first what may be done about it.
      const named = /^referenced type unknown/.test(reason) ? reason : `Envoy filter: ${reason}`;
      reject(report, field, named);
    }
    for (const warning of found.warnings) warn(report, `Envoy filter: ${warning}`);
  }
}

const MAX_PROXY_VERSION = 1024;

function checkPatch(report: Report, field: string, item: Networking_EnvoyFilter_EnvoyConfigObjectPatch): void {
  const { applyTo = "INVALID", patch } = item;
  if (applyTo === "INVALID") {
    reject(report, `${field}.applyTo`, "missing applyTo");
    return;
  }
  // Patches of waypoints are checked by the schema alone.
  if (item.match?.waypoint) return;
  if (!patch) {
    reject(report, `${field}.patch`, "missing patch");
    return;
  }
  const { operation = "INVALID" } = patch;
  if (operation === "INVALID") {
    reject(report, `${field}.patch.operation`, "missing patch operation");
    return;
  }
  if (operation !== "REMOVE" && patch.value === undefined) {
    reject(report, `${field}.patch.value`, "missing patch value for non-remove operation");
    return;
  }
  const version = item.match?.proxy?.proxyVersion ?? "";
  if (version.length > MAX_PROXY_VERSION) {
    warn(report, `proxyVersion match exceeds ${MAX_PROXY_VERSION} characters and will be ignored`);
  } else if (version !== "") {
    const problem = regexProblem(version);
    if (problem !== undefined) {
      reject(report, `${field}.match.proxy.proxyVersion`, `invalid regex for proxy version, [${problem}]`);
    }
  }
  checkMatch(report, `${field}.match`, item);
  if (operation !== "REMOVE" && patch.value !== undefined) {
    const problem = patchValueProblem(applyTo, patch.value);
    if (problem !== undefined) reject(report, `${field}.patch.value`, problem);
  }
}

const HCM = "envoy.filters.network.http_connection_manager";

function checkMatch(report: Report, field: string, item: Networking_EnvoyFilter_EnvoyConfigObjectPatch): void {
  const { applyTo, match } = item;
  if (!match) return;
  const other = (own: "listener" | "routeConfiguration" | "cluster"): boolean =>
    (["listener", "routeConfiguration", "cluster"] as const).some((kind) => kind !== own && match[kind] !== undefined);
  switch (applyTo) {
    case "LISTENER":
    case "FILTER_CHAIN":
    case "LISTENER_FILTER":
    case "NETWORK_FILTER":
    case "HTTP_FILTER":
      if (other("listener")) {
        reject(report, field, "applyTo for listener class objects cannot have non listener match");
        return;
      }
      checkListenerMatch(report, field, item);
      return;
    case "ROUTE_CONFIGURATION":
    case "VIRTUAL_HOST":
    case "HTTP_ROUTE":
      if (other("routeConfiguration")) {
        reject(report, field, "applyTo for http route class objects cannot have non route configuration match");
      }
      return;
    case "CLUSTER":
      if (other("cluster")) reject(report, field, "applyTo for cluster class objects cannot have non cluster match");
      return;
    default:
  }
}

function checkListenerMatch(report: Report, field: string, item: Networking_EnvoyFilter_EnvoyConfigObjectPatch): void {
  const filter = item.match?.listener?.filterChain?.filter;
  if (!filter) return;
  const path = `${field}.listener.filterChain.filter`;
  if (!filter.name) {
    reject(report, `${path}.name`, "filter match has no name to match on");
    return;
  }
  if (!filter.subFilter) return;
  if (item.applyTo !== "HTTP_FILTER") {
    reject(report, `${path}.subFilter`, "subfilter match can be used with applyTo HTTP_FILTER only");
  } else if (filter.name !== HCM && filter.name !== "envoy.http_connection_manager") {
    reject(report, `${path}.name`, `subfilter match requires filter match with ${HCM}`);
  } else if (!filter.subFilter.name) {
    reject(report, `${path}.subFilter.name`, "subfilter match has no name to match on");
  }
}
