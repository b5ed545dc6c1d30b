// What sources hand over: counted, applied to the registry, and passed on as a change; rejections are logged and kept
// for people to see. Main thread.
import { ISTIO_KINDS, keyString } from "../../shared/model/config.ts";
import type { MeshObject, Rejection, SourceDelta } from "../../shared/model/delta.ts";
import type { MeshSettings } from "../../shared/model/mesh.ts";
import type { RegistryChange } from "../../shared/model/push-request.ts";
import type { Logger } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { ResolvedNames } from "./network-gateways.ts";
import type { Registry } from "./registry.ts";

const CONFIG_KINDS: ReadonlySet<string> = new Set(ISTIO_KINDS);

/** Kinds that are no configuration, as `pilot_k8s_reg_events` names them. */
const REGISTRY_TYPES: Readonly<Record<string, string>> = {
  Service: "Services",
  EndpointSlice: "EndpointSlice",
  Pod: "Pods",
  Node: "Nodes",
  Namespace: "Namespaces",
};

/** Where objects go, and who is told of them. */
export interface IntakeOptions {
  readonly registry: Registry;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Gets what changed, when anything did. */
  readonly changed: (change: RegistryChange) => void;
  /** Gets the names that DNS has to be asked for, after each change. */
  readonly names: (names: readonly string[]) => void;
}

/** The one way into the registry. */
export class Intake {
  private readonly options: IntakeOptions;
  private readonly rejections = new Map<string, readonly Rejection[]>();

  constructor(options: IntakeOptions) {
    this.options = options;
  }

  /** Applies objects that really changed. */
  apply(delta: SourceDelta): void {
    const { registry } = this.options;
    for (const object of delta.upserts) {
      const { namespace, name } = object.meta;
      this.countEvent(object.kind, registry.objects.get(object.kind, namespace, name) ? "update" : "add");
    }
    for (const key of delta.deletes) this.countEvent(key.kind, "delete");
    this.pass(registry.apply(delta));
  }

  /** Takes new mesh settings in force. */
  setMesh(settings: MeshSettings): void {
    this.pass(this.options.registry.setMesh(settings));
  }

  /** Takes the addresses that names of gateways have now. */
  resolved(addresses: ResolvedNames): void {
    this.pass(this.options.registry.setResolved(addresses));
  }

  /** Replaces all rejections of a file or folder; an empty list when it is clean now. Each is logged once. */
  rejected(source: string, rejections: readonly Rejection[]): void {
    const { log, metrics } = this.options;
    const known = new Set((this.rejections.get(source) ?? []).map(textOf));
    if (rejections.length > 0) this.rejections.set(source, rejections);
    else if (this.rejections.delete(source)) log.info({ file: source }, "configuration is accepted again");
    for (const rejection of rejections) {
      if (known.has(textOf(rejection))) continue;
      const { line, key, field, reason } = rejection;
      metrics.rejectedConfigs.inc({ type: key?.kind ?? "", name: key?.name ?? "" });
      log.error(
        {
          file: source,
          ...(line === undefined ? {} : { line }),
          ...(key ? { object: keyString(key) } : {}),
          ...(field === "" ? {} : { field }),
          reason,
        },
        "configuration rejected; what was in force stays in force",
      );
    }
  }

  /** All rejections that hold now, by file or folder. */
  allRejections(): ReadonlyMap<string, readonly Rejection[]> {
    return this.rejections;
  }

  private pass(change: RegistryChange): void {
    const { changed, metrics, names, registry } = this.options;
    if (change.configs.size > 0) metrics.inboundUpdates.inc({ type: "config" }, change.configs.size);
    if (change.services.size > 0) metrics.inboundUpdates.inc({ type: "svc" }, change.services.size);
    if (change.endpoints.size > 0) metrics.inboundUpdates.inc({ type: "eds" }, change.endpoints.size);
    if (isChange(change)) changed(change);
    names(registry.gatewayNames);
  }

  private countEvent(kind: MeshObject["kind"] | string, event: "add" | "update" | "delete"): void {
    const { metrics } = this.options;
    if (CONFIG_KINDS.has(kind)) metrics.cfgEvents.inc({ type: kind, event });
    else metrics.regEvents.inc({ type: REGISTRY_TYPES[kind] ?? kind, event });
  }
}

function isChange(change: RegistryChange): boolean {
  return (
    change.mesh ||
    change.configs.size > 0 ||
    change.services.size > 0 ||
    change.endpoints.size > 0 ||
    change.workloadAddresses.size > 0 ||
    change.reasons.size > 0
  );
}

function textOf({ line, key, field, reason }: Rejection): string {
  return JSON.stringify([line, key, field, reason]);
}
