// Whether any router passes mesh TLS on, and so has clusters that are named as in SNI. Main thread.
import type { Networking_Gateway } from "../../shared/gen/istio.js";
import { type ConfigObject, keyString } from "../../shared/model/config.ts";
import type { MeshObject } from "../../shared/model/delta.ts";
import type { RegistryChange } from "../../shared/model/push-request.ts";
import type { Registry } from "../registry/registry.ts";

type Gateway = ConfigObject<Networking_Gateway> & MeshObject;

/** Follows the Gateways object by object. */
export class PassingGateways {
  private readonly passing = new Set<string>();

  any(): boolean {
    return this.passing.size > 0;
  }

  /** Looks at what changed, or at everything. */
  update(registry: Registry, change: RegistryChange | undefined): void {
    if (!change) {
      this.passing.clear();
      for (const gateway of registry.objects.all<Gateway>("Gateway")) this.take(keyOf(gateway), gateway);
      return;
    }
    for (const [id, { kind, namespace, name }] of change.configs) {
      if (kind === "Gateway") this.take(id, registry.objects.get<Gateway>("Gateway", namespace, name));
    }
  }

  private take(id: string, gateway: Gateway | undefined): void {
    if (gateway?.spec.servers?.some((s) => s.tls?.mode === "AUTO_PASSTHROUGH")) this.passing.add(id);
    else this.passing.delete(id);
  }
}

function keyOf({ kind, meta }: Gateway): string {
  return keyString({ kind, namespace: meta.namespace, name: meta.name });
}
