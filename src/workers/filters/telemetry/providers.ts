// The providers that the mesh's settings name, as Telemetry refers to them. Worker threads.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig-ExtensionProvider
import type {
  Mesh_MeshConfig_ExtensionProvider,
  Telemetry_ProviderRef as ProviderRef,
  Telemetry_Telemetry as Spec,
} from "../../../shared/gen/istio.js";
import type { PushContext } from "../../context/push-context.ts";
import type { WorkloadTelemetry } from "../../scope/workload-telemetry.ts";

export type Provider = Mesh_MeshConfig_ExtensionProvider;

/** Something that can't be done as configured, and is left out. */
export interface TelemetryProblem {
  /** `Telemetry/namespace/name`, or "" for what the mesh's settings say. */
  readonly object: string;
  readonly reason: string;
}

/** The provider of a name, whatever its case; the first of several. */
export function findProvider({ mesh }: PushContext, name: string): Provider | undefined {
  const wanted = name.toLowerCase();
  return mesh.mesh.extensionProviders?.find((provider) => provider.name?.toLowerCase() === wanted);
}

/** The names of a list of references. */
export function namesOf({ providers }: { readonly providers?: readonly ProviderRef[] }): readonly string[] {
  return (providers ?? []).map(({ name = "" }) => name);
}

/** The problem with a provider, at the object that named it last. */
export function problemOf(
  { objects }: WorkloadTelemetry,
  part: "accessLogging" | "metrics" | "tracing",
  provider: string,
  reason: string,
): TelemetryProblem {
  const entries = (spec: Spec): readonly { readonly providers?: readonly ProviderRef[] }[] => spec[part] ?? [];
  const owner = objects.findLast(({ spec }) => entries(spec).some((entry) => namesOf(entry).includes(provider)));
  return {
    object: owner ? `Telemetry/${owner.meta.namespace}/${owner.meta.name}` : "",
    reason: `${part}: provider ${provider}: ${reason}`,
  };
}

/** Where the mesh's settings have no provider of the name. */
export const UNKNOWN = "the mesh's settings have no extension provider of this name";

/** The hosts of all providers that are reached by a service. */
export function providerHosts({ mesh }: PushContext): string[] {
  return (mesh.mesh.extensionProviders ?? []).flatMap(({ name: _name, ...kinds }) =>
    Object.values(kinds).flatMap((settings: object) => {
      const service = "service" in settings && typeof settings.service === "string" ? settings.service : "";
      return service === "" ? [] : [service.slice(service.indexOf("/") + 1)];
    }),
  );
}
