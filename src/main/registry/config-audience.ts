// Whom an object is for: the workloads that it chooses, and the gateways that it binds to. Main thread, pure.
import type {
  Networking_EnvoyFilter,
  Networking_Gateway,
  Networking_ProxyConfig,
  Networking_Sidecar,
  Networking_VirtualService,
  Security_AuthorizationPolicy,
  Security_RequestAuthentication,
  Telemetry_Telemetry,
} from "../../shared/gen/istio.js";
import type { ConfigObject } from "../../shared/model/config.ts";
import { GATEWAY_NAME_LABEL, gatewayName, MESH_GATEWAY } from "../../shared/names/gateway.ts";
import type { Labels } from "../../shared/names/labels.ts";
import { isEmptyLabels } from "../../shared/names/labels.ts";

/** Any of these labels is enough; undefined when it is for all workloads of its namespace, or when its kind has no selector. */
export function selectorsOf(versions: readonly (ConfigObject | undefined)[]): readonly Labels[] | undefined {
  const out: Labels[] = [];
  for (const version of versions) {
    if (!version) continue;
    const own = selectors(version);
    if (!own) return undefined;
    out.push(...own);
  }
  return out;
}

/**
 * The gateways, as `namespace/name`, or "mesh", that a VirtualService is bound to. Undefined for other kinds, and for a
 * delegate, which is bound to whatever its roots are.
 */
export function gatewaysOf(versions: readonly (ConfigObject | undefined)[]): ReadonlySet<string> | undefined {
  const out = new Set<string>();
  for (const version of versions) {
    if (!version) continue;
    if (version.kind !== "VirtualService") return undefined;
    const { spec, meta } = version as ConfigObject<Networking_VirtualService>;
    if (!spec.hosts?.length) return undefined;
    for (const name of spec.gateways?.length ? spec.gateways : [MESH_GATEWAY])
      out.add(gatewayName(name, meta.namespace));
  }
  return out;
}

/** What kinds with a selector and references have in common. */
type Policy = Pick<
  Security_AuthorizationPolicy & Security_RequestAuthentication & Telemetry_Telemetry,
  "selector" | "targetRef" | "targetRefs"
>;

function selectors({ kind, spec }: ConfigObject): readonly Labels[] | undefined {
  switch (kind) {
    case "AuthorizationPolicy":
    case "RequestAuthentication":
    case "Telemetry":
    case "WasmPlugin":
    case "TrafficExtension": {
      const { selector, targetRef, targetRefs } = spec as Policy;
      return chosen(selector?.matchLabels, [...(targetRef ? [targetRef] : []), ...(targetRefs ?? [])]);
    }
    case "EnvoyFilter": {
      const { workloadSelector, targetRefs } = spec as Networking_EnvoyFilter;
      return chosen(workloadSelector?.labels, targetRefs ?? []);
    }
    case "Sidecar":
      return chosen((spec as Networking_Sidecar).workloadSelector?.labels, []);
    case "ProxyConfig":
      return chosen((spec as Networking_ProxyConfig).selector?.matchLabels, []);
    case "Gateway":
      return chosen((spec as Networking_Gateway).selector, []);
    default:
      return undefined;
  }
}

function chosen(labels: Labels | undefined, targets: NonNullable<Policy["targetRefs"]>): Labels[] | undefined {
  const out: Labels[] = [];
  for (const { kind, name } of targets) {
    // Services and the like are for waypoints, whatever their labels.
    if (kind !== "Gateway") return undefined;
    out.push({ [GATEWAY_NAME_LABEL]: name ?? "" });
  }
  if (!isEmptyLabels(labels)) out.push(labels!);
  return out.length > 0 ? out : undefined;
}
