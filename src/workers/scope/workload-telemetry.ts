// Which Telemetry objects say something about a workload. Worker threads.
// https://istio.io/latest/docs/tasks/observability/telemetry/#scope-inheritance-and-overrides
import type { Telemetry_Telemetry } from "../../shared/gen/istio.js";
import type { ConfigObject } from "../../shared/model/config.ts";
import { PairMemo } from "../../shared/pair-memo.ts";
import type { PushContext } from "../context/push-context.ts";
import { compareConfigs } from "./visibility.ts";
import { appliesTo, isForAll, type Workload } from "./workload-policies.ts";

export type Telemetry = ConfigObject<Telemetry_Telemetry>;

/** The objects of a workload. */
export interface WorkloadTelemetry {
  /** Names the objects: equal keys of one snapshot are the same ones. */
  readonly key: string;
  /** The root namespace's, its own namespace's, then those that choose it; each adds to the ones before or replaces them. */
  readonly objects: readonly Telemetry[];
}

/** The objects of one namespace, oldest first. */
interface NamespaceTelemetry {
  /** The oldest one without a selector; others of these don't count. */
  readonly forAll: Telemetry | undefined;
  readonly choosing: readonly Telemetry[];
}

const NOTHING: WorkloadTelemetry = { key: "", objects: [] };

const known = new PairMemo<PushContext, Workload, WorkloadTelemetry>();

/** The objects that apply to a workload: one answer for all that the same ones apply to. */
export function workloadTelemetry(ctx: PushContext, workload: Workload): WorkloadTelemetry {
  if (ctx.configs("Telemetry").length === 0) return NOTHING;
  return known.get(ctx, workload, () => {
    const root = inNamespace(ctx, ctx.mesh.rootNamespace);
    const own = inNamespace(ctx, workload.namespace);
    const chosen = own.choosing.filter((object) => appliesTo(object, workload));
    const objects = [...new Set([root.forAll, own.forAll, ...chosen])].filter((object) => object !== undefined);
    return { key: objects.map(({ meta }) => `${meta.namespace}/${meta.name}`).join(), objects };
  });
}

function inNamespace(ctx: PushContext, namespace: string): NamespaceTelemetry {
  return ctx.derive(`telemetry/${namespace}`, ["Telemetry"], () => {
    const objects = [...ctx.configsIn<Telemetry_Telemetry>("Telemetry", namespace)].sort(compareConfigs);
    return { forAll: objects.find(isForAll), choosing: objects.filter((object) => !isForAll(object)) };
  });
}
