// Which mTLS mode a server asks for, by workload and port. Worker threads.
// https://istio.io/latest/docs/reference/config/security/peer_authentication/
import type { Security_PeerAuthentication } from "../../shared/gen/istio.js";
import type { ConfigObject } from "../../shared/model/config.ts";
import { isEmptyLabels, labelsMatch } from "../../shared/names/labels.ts";
import type { PushContext } from "../context/push-context.ts";
import { compareConfigs } from "./visibility.ts";

export type MtlsMode = "DISABLE" | "PERMISSIVE" | "STRICT";

type Policy = ConfigObject<Security_PeerAuthentication>;

function policiesIn(ctx: PushContext, namespace: string): readonly Policy[] {
  return ctx.derive(`peer-authentication/${namespace}`, ["PeerAuthentication"], () =>
    [...ctx.configsIn<Security_PeerAuthentication>("PeerAuthentication", namespace)].sort(compareConfigs),
  );
}

function selects(policy: Policy): boolean {
  return !isEmptyLabels(policy.spec.selector?.matchLabels);
}

function modeOf(policy: Policy | undefined): MtlsMode | undefined {
  const mode = policy?.spec.mtls?.mode;
  return mode === undefined || mode === "UNSET" ? undefined : mode;
}

/** The mesh-wide mode: of the oldest policy without a selector in the root namespace. */
function meshMode(ctx: PushContext): MtlsMode {
  return modeOf(policiesIn(ctx, ctx.mesh.rootNamespace).find((p) => !selects(p))) ?? "PERMISSIVE";
}

/** The mode of a namespace, the mesh's where it has none; undefined when nobody says anything. */
export function namespaceMode(ctx: PushContext, namespace: string): MtlsMode {
  if (namespace === ctx.mesh.rootNamespace) return meshMode(ctx);
  return modeOf(policiesIn(ctx, namespace).find((p) => !selects(p))) ?? meshMode(ctx);
}

/** The modes of one workload: by port, and for all others. */
export interface WorkloadMtls {
  readonly mode: MtlsMode;
  readonly ports: ReadonlyMap<number, MtlsMode>;
}

/** What holds for a workload: the oldest policy that chooses it, then its namespace's, then the mesh's. */
export function workloadMtls(
  ctx: PushContext,
  namespace: string,
  labels: Readonly<Record<string, string>>,
): WorkloadMtls {
  const chosen = policiesIn(ctx, namespace).find(
    (p) => selects(p) && labelsMatch(p.spec.selector!.matchLabels!, labels),
  );
  const mode = modeOf(chosen) ?? namespaceMode(ctx, namespace);
  const ports = new Map<number, MtlsMode>();
  for (const [port, { mode: portMode }] of Object.entries(chosen?.spec.portLevelMtls ?? {})) {
    ports.set(Number(port), portMode === undefined || portMode === "UNSET" ? mode : portMode);
  }
  return { mode, ports };
}
