// Names in statistics that the mesh's operator chose. Worker threads, pure.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig (outboundClusterStatName)
import type { ServicePort, ServiceRecord } from "../../../shared/model/service.ts";
import type { PushContext } from "../../context/push-context.ts";

/** The outbound pattern filled in, or undefined where the mesh has none. */
export function outboundStatName(
  ctx: PushContext,
  service: ServiceRecord,
  port: ServicePort,
  subset: string,
): string | undefined {
  return fill(ctx.mesh.mesh.outboundClusterStatName, service, port, subset);
}

/** The inbound pattern filled in, or undefined where the mesh has none. */
export function inboundStatName(ctx: PushContext, service: ServiceRecord, port: ServicePort): string | undefined {
  return fill(ctx.mesh.mesh.inboundClusterStatName, service, port, "");
}

function fill(
  pattern: string | undefined,
  service: ServiceRecord,
  port: ServicePort,
  subset: string,
): string | undefined {
  if (!pattern) return undefined;
  const kubernetes = service.registry === "Kubernetes";
  const [name = "", namespace = ""] = service.hostname.split(".");
  const values: Readonly<Record<string, string>> = {
    "%SERVICE%": kubernetes ? `${name}.${namespace}` : service.hostname,
    "%SERVICE_NAME%": kubernetes ? name : service.hostname,
    "%SERVICE_FQDN%": service.hostname,
    "%SERVICE_PORT%": String(port.port),
    "%TARGET_PORT%": String(port.targetPort ?? port.port),
    "%SERVICE_PORT_NAME%": port.name,
    "%SUBSET_NAME%": subset,
  };
  return pattern.replace(/%[A-Z_]+%/g, (key) => values[key] ?? key);
}
