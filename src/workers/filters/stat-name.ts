// Names in statistics that the mesh's operator chose. Worker threads, pure.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig (outboundClusterStatName)
import type { ServicePort, ServiceRecord } from "../../shared/model/service.ts";
import type { PushContext } from "../context/push-context.ts";
import type { InboundPort } from "../scope/inbound-ports.ts";
import type { ProxyScope } from "../scope/proxy-scope.ts";

type Named = Pick<ServiceRecord, "hostname" | "registry">;

/** The outbound pattern filled in, or undefined where the mesh has none. */
export function outboundStatName(
  ctx: PushContext,
  service: Named,
  port: Pick<ServicePort, "name" | "port">,
  subset: string,
): string | undefined {
  // Istio leaves the target port of clients at 0: endpoints may have different ones.
  return fill(ctx.mesh.mesh.outboundClusterStatName, service, port, { subset, targetPort: 0 });
}

/** The inbound pattern filled in, or undefined where the mesh has none. */
export function inboundStatName(ctx: PushContext, scope: ProxyScope, inbound: InboundPort): string | undefined {
  const { target, host, port, targetPort } = inbound;
  const known = target && scope.byHostname.get(target.hostname);
  const registry = known?.namespace === target?.namespace ? (known?.registry ?? "External") : "External";
  const named = { hostname: target?.hostname ?? host, registry };
  return fill(ctx.mesh.mesh.inboundClusterStatName, named, port, { subset: "", targetPort });
}

/** The inbound pattern for what comes to a port that no service has. */
export function passthroughStatName(ctx: PushContext): string | undefined {
  const nobody: Named = { hostname: "", registry: "External" };
  return fill(ctx.mesh.mesh.inboundClusterStatName, nobody, { name: "", port: 0 }, { subset: "", targetPort: 0 });
}

function fill(
  pattern: string | undefined,
  service: Named,
  port: Pick<ServicePort, "name" | "port">,
  { subset, targetPort }: { readonly subset: string; readonly targetPort: number },
): string | undefined {
  if (!pattern) return undefined;
  const kubernetes = service.registry === "Kubernetes";
  const [name = "", namespace = ""] = service.hostname.split(".");
  const values: Readonly<Record<string, string>> = {
    "%SERVICE%": kubernetes ? `${name}.${namespace}` : service.hostname,
    "%SERVICE_NAME%": kubernetes ? name : service.hostname,
    "%SERVICE_FQDN%": service.hostname,
    "%SERVICE_PORT%": String(port.port),
    "%TARGET_PORT%": String(targetPort),
    "%SERVICE_PORT_NAME%": port.name,
    "%SUBSET_NAME%": subset,
  };
  return pattern.replace(/%[A-Z_]+%/g, (key) => values[key] ?? key);
}
