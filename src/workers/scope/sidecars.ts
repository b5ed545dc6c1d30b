// Which Sidecar object a workload gets. Worker threads.
// https://istio.io/latest/docs/reference/config/networking/sidecar/
import type { Networking_Sidecar } from "../../shared/gen/istio.js";
import type { ConfigObject } from "../../shared/model/config.ts";
import type { ProxyView } from "../../shared/model/view.ts";
import { isEmptyLabels, labelsMatch } from "../../shared/names/labels.ts";
import type { PushContext } from "../context/push-context.ts";
import { compareConfigs } from "./visibility.ts";

/** The one that chooses it by label, else its namespace's one without a selector, else the root namespace's. */
export function sidecarFor(
  ctx: PushContext,
  view: Pick<ProxyView, "namespace" | "labels">,
): ConfigObject<Networking_Sidecar> | undefined {
  const own = sidecarsIn(ctx, view.namespace);
  const chosen = own.find((s) => {
    const labels = s.spec.workloadSelector?.labels;
    return !isEmptyLabels(labels) && labelsMatch(labels!, view.labels);
  });
  return chosen ?? own.find(isForAll) ?? sidecarsIn(ctx, ctx.mesh.rootNamespace).find(isForAll);
}

function sidecarsIn(ctx: PushContext, namespace: string): readonly ConfigObject<Networking_Sidecar>[] {
  return ctx.derive(`sidecars/${namespace}`, ["Sidecar"], () =>
    [...ctx.configsIn<Networking_Sidecar>("Sidecar", namespace)].sort(compareConfigs),
  );
}

function isForAll(sidecar: ConfigObject<Networking_Sidecar>): boolean {
  return isEmptyLabels(sidecar.spec.workloadSelector?.labels);
}
