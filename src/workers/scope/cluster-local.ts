// Services whose endpoints only clients of the same Kubernetes cluster are sent. Worker threads, pure.
// https://istio.io/latest/docs/ops/configuration/traffic-management/multicluster/
import { compareSpecificity, isSubsetOf } from "../../shared/names/hostname.ts";
import type { PushContext } from "../context/push-context.ts";

interface Setting {
  readonly host: string;
  readonly local: boolean;
}

/** True when the service of this host is local: of the mesh's settings the most specific one says, else Kubernetes' own are. */
export function isClusterLocal(ctx: PushContext, hostname: string): boolean {
  return settingsOf(ctx).find(({ host }) => isSubsetOf(hostname, host))?.local ?? false;
}

/** Most specific first. */
function settingsOf(ctx: PushContext): readonly Setting[] {
  return ctx.derive("cluster-local", ["mesh"], () => {
    const { mesh, domainSuffix } = ctx.mesh;
    // What every cluster has for itself.
    const byHost = new Map([
      [`kubernetes.default.svc.${domainSuffix}`, true],
      [`*.kube-system.svc.${domainSuffix}`, true],
    ]);
    for (const { settings, hosts } of mesh.serviceSettings ?? []) {
      for (const host of hosts ?? []) byHost.set(host, settings?.clusterLocal ?? false);
    }
    return [...byHost].map(([host, local]) => ({ host, local })).sort((a, b) => compareSpecificity(a.host, b.host));
  });
}
