// Which proxies may have a Sidecar with ingress listeners: those are named by the proxy's own address. Main thread.
import type { Networking_Sidecar } from "../../shared/gen/istio.js";
import type { ConfigObject } from "../../shared/model/config.ts";
import type { MeshObject } from "../../shared/model/delta.ts";
import type { ProxyIdentity } from "../../shared/model/proxy.ts";
import type { RegistryChange } from "../../shared/model/push-request.ts";
import type { Registry } from "../registry/registry.ts";

type Sidecar = ConfigObject<Networking_Sidecar> & MeshObject;

/** True where a Sidecar that may be a proxy's has ingress listeners; which one is the proxy's the workers decide. */
export function mayHaveIngress(registry: Registry, { type, namespace }: ProxyIdentity): boolean {
  if (type !== "sidecar") return false;
  return hasIngress(registry, namespace) || hasIngress(registry, registry.mesh.rootNamespace);
}

function hasIngress(registry: Registry, namespace: string): boolean {
  for (const { spec } of registry.objects.inNamespace<Sidecar>("Sidecar", namespace)) {
    if (spec.ingress?.length) return true;
  }
  return false;
}

/** Follows in which namespaces there is ingress, since proxies there have other views from then on. */
export class IngressNamespaces {
  private known: ReadonlySet<string> = new Set();

  /** Looks again where Sidecars changed; true when another namespace has ingress now, or one has none any more. */
  update(registry: Registry, change: RegistryChange | undefined): boolean {
    if (change && ![...change.configs.values()].some((c) => c.kind === "Sidecar")) return false;
    const now = new Set<string>();
    for (const { spec, meta } of registry.objects.all<Sidecar>("Sidecar")) {
      if (spec.ingress?.length) now.add(meta.namespace);
    }
    const before = this.known;
    this.known = now;
    return now.size !== before.size || [...now].some((namespace) => !before.has(namespace));
  }
}
