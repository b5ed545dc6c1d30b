// Finds the service that mesh settings or policies name by host, whoever sees it. Worker threads.
import { subsetKey } from "../../shared/names/cluster-name.ts";
import type { PushContext } from "../context/push-context.ts";

export interface ProviderService {
  readonly hostname: string;
  /** Of all its endpoints at the port, without a subset. */
  readonly cluster: string;
}

/**
 * The service of `namespace/host`, or of a host that only one namespace has; else why there is none.
 * https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig-ExtensionProvider
 */
export function findProviderService(
  ctx: PushContext,
  reference: string,
  port: number,
): ProviderService | { readonly problem: string } {
  const parts = reference.split("/");
  const [namespace, hostname = ""] = parts.length === 2 ? parts : [undefined, reference];
  const namespaces = hostNamespaces(ctx).get(hostname) ?? new Set();
  if (namespace === undefined && namespaces.size > 1) {
    const several = [...namespaces].sort().join(", ");
    return { problem: `service ${hostname} is in several namespaces (${several}): name one as namespace/host` };
  }
  if (namespace === undefined ? namespaces.size === 0 : !namespaces.has(namespace)) {
    return { problem: `there is no service ${reference || '""'}` };
  }
  return { hostname, cluster: subsetKey("outbound", "", hostname, port) };
}

function hostNamespaces(ctx: PushContext): ReadonlyMap<string, ReadonlySet<string>> {
  return ctx.derive("host-namespaces", ["services"], () => {
    const out = new Map<string, Set<string>>();
    for (const { hostname, namespace } of ctx.services()) {
      const known = out.get(hostname);
      if (known) known.add(namespace);
      else out.set(hostname, new Set([namespace]));
    }
    return out;
  });
}
