// The registry: objects in, services and endpoints joined, and what changed out. Main thread, no I/O, no timers.
import { isDeepStrictEqual } from "node:util";
import { type ConfigObject, ISTIO_KINDS, type ObjectKey } from "../../shared/model/config.ts";
import type { MeshObject, SourceDelta } from "../../shared/model/delta.ts";
import type { KubeEndpointSlice, KubeNamespace, KubePod, KubeService } from "../../shared/model/kube.ts";
import type { MeshSettings } from "../../shared/model/mesh.ts";
import type { ConfigReach, RegistryChange } from "../../shared/model/push-request.ts";
import { labelsMatch } from "../../shared/names/labels.ts";
import type { EnvoyFilter } from "../../shared/patches/patch-selection.ts";
import { ChangeCollector } from "./change-collector.ts";
import { gatewaysOf, selectorsOf } from "./config-audience.ts";
import { hostsOf, routedHosts, typesOfEdit } from "./config-impact.ts";
import { impactOfFilter, isSameChoice } from "./filter-impact.ts";
import { JoinWork } from "./join-work.ts";
import { mayBeNetworkGateway, networkGateways, type ResolvedNames } from "./network-gateways.ts";
import { sameMeaning, sameMetadata } from "./object-meaning.ts";
import { ObjectStore } from "./object-store.ts";
import { type PodNetworks, podNetworks } from "./pod-network.ts";
import type { ServiceEntryObject } from "./service-entries.ts";
import { ServiceIndex } from "./service-index.ts";
import { endpointContext, type JoinInput, joinServices } from "./service-joins.ts";
import { NETWORK_LABEL, type Workload, type WorkloadEntryObject, workloadOfEntry, workloadOfPod } from "./workloads.ts";

const ISTIO_KIND_SET: ReadonlySet<string> = new Set(ISTIO_KINDS);

/**
 * Indexed state of the mesh. A change costs work for the objects that it touches: a WorkloadEntry or pod makes anew the
 * endpoints of the services in its namespace whose selector chooses it, and nothing else.
 */
export class Registry {
  readonly objects = new ObjectStore();
  readonly services = new ServiceIndex();
  /** As they were given. */
  private given: MeshSettings;
  /** The given ones, with the gateways between networks that are known. */
  private settings: MeshSettings;
  private podNetwork: PodNetworks;
  private resolved: ResolvedNames = new Map();
  private names: readonly string[] = [];

  constructor(settings: MeshSettings) {
    this.given = settings;
    this.settings = settings;
    this.podNetwork = podNetworks(settings.networks, settings.clusterId, "");
    this.networksChanged();
  }

  get mesh(): MeshSettings {
    return this.settings;
  }

  /** Names of gateways between networks, of which DNS knows the addresses. */
  get gatewayNames(): readonly string[] {
    return this.names;
  }

  /** Takes what DNS says of the gateways' names. */
  setResolved(resolved: ResolvedNames): RegistryChange {
    const collector = new ChangeCollector();
    this.resolved = resolved;
    if (this.networksChanged()) collector.networksChanged();
    return collector.result();
  }

  /** Applies one batch from a source, and says what it changed. */
  apply(delta: SourceDelta): RegistryChange {
    const collector = new ChangeCollector();
    // Two rounds, so that joins see all objects of the batch: first the objects, then what follows from them.
    const touched: { before: MeshObject | undefined; after: MeshObject | undefined }[] = [];
    for (const key of delta.deletes) {
      const before = this.objects.delete(key);
      if (before) touched.push({ before, after: undefined });
    }
    for (const after of delta.upserts) touched.push({ before: this.objects.set(after), after });

    const work = new JoinWork();
    for (const { before, after } of touched) this.scope(before, after, collector, work);
    joinServices(work, this.joinInput(), this.services, collector);
    if (work.networks && this.networksChanged()) collector.networksChanged();
    return collector.result();
  }

  /** Takes new mesh settings in force. Everything is joined again, since defaults may decide what is seen where. */
  setMesh(settings: MeshSettings): RegistryChange {
    const collector = new ChangeCollector();
    if (isDeepStrictEqual(settings, this.given)) return collector.result();
    this.given = settings;
    this.settings = settings;
    this.networksChanged();
    collector.meshChanged();
    const work = new JoinWork();
    this.joinAll(work);
    joinServices(work, this.joinInput(), this.services, collector);
    return collector.result();
  }

  private joinAll(work: JoinWork): void {
    for (const entry of this.objects.all<ServiceEntryObject & MeshObject>("ServiceEntry")) work.entry(entry.meta);
    for (const service of this.objects.all<KubeService>("Service")) work.kube(service.meta);
  }

  /** Looks for the gateways between networks again; true when they are other ones now. */
  private networksChanged(): boolean {
    const { networks, clusterId } = this.given;
    this.podNetwork = podNetworks(networks, clusterId, this.ownNetwork());
    const { gateways, names } = networkGateways(this.objects.all<KubeService>("Service"), this.given, this.resolved);
    this.names = names;
    if (isDeepStrictEqual(gateways, this.settings.networkGateways)) return false;
    this.settings = { ...this.given, networkGateways: gateways };
    return true;
  }

  /** The network that the control plane's own namespace is labelled with, or "". */
  private ownNetwork(): string {
    return this.objects.get<KubeNamespace>("Namespace", "", this.given.rootNamespace)?.meta.labels[NETWORK_LABEL] ?? "";
  }

  /** Decides what has to be joined again because an object came, changed or went. */
  private scope(
    before: MeshObject | undefined,
    after: MeshObject | undefined,
    collector: ChangeCollector,
    work: JoinWork,
  ): void {
    const object = (after ?? before)!;
    const { namespace, name } = object.meta;
    switch (object.kind) {
      case "ServiceEntry":
        // What differs in its services and endpoints is all that it changes.
        work.entry({ namespace, name });
        return;
      case "WorkloadEntry":
        this.workloadMoved(namespace, this.entryWorkload(before), this.entryWorkload(after), collector, work);
        return;
      case "Pod": {
        const old = before && workloadOfPod(before as KubePod, endpointContext(this.joinInput()));
        const now = after && workloadOfPod(after as KubePod, endpointContext(this.joinInput()));
        if (isDeepStrictEqual(old, now)) return;
        this.workloadMoved(namespace, old, now, collector, work);
        // Slices name pods, and take labels and account from them.
        for (const slice of this.objects.inNamespace<KubeEndpointSlice>("EndpointSlice", namespace)) {
          if (slice.endpoints.some((e) => e.podName === name)) work.kube({ namespace, name: slice.serviceName });
        }
        return;
      }
      case "Service":
        work.kube({ namespace, name });
        work.networks ||= [before, after].some((s) => s && mayBeNetworkGateway(s as KubeService, this.given));
        return;
      case "EndpointSlice":
        for (const slice of [before, after] as (KubeEndpointSlice | undefined)[]) {
          if (slice) work.kube({ namespace, name: slice.serviceName });
        }
        return;
      case "Node":
        if (!sameMeaning(before, after)) this.nodeChanged(name, work);
        return;
      case "Namespace":
        if (sameMeaning(before, after)) return;
        collector.namespace();
        if (this.settings.mesh.serviceEntryVisibility?.applyToSidecars) {
          for (const entry of this.objects.inNamespace<ServiceEntryObject & MeshObject>("ServiceEntry", name)) {
            work.entry(entry.meta);
          }
        }
        if (name === this.given.rootNamespace && networkLabel(before) !== networkLabel(after)) {
          this.networksChanged();
          this.joinAll(work);
        }
        return;
      case "Secret":
        if (!sameMeaning(before, after)) collector.secret();
        return;
      case "ConfigMap":
        return;
      default:
        if (ISTIO_KIND_SET.has(object.kind) && !sameMeaning(before, after)) {
          collector.config(keyOf(object), this.reach(before as ConfigObject, after as ConfigObject));
        }
    }
  }

  private reach(before: ConfigObject | undefined, after: ConfigObject | undefined): ConfigReach {
    const edited = before && after && sameMetadata(before, after);
    if ((before ?? after)?.kind === "EnvoyFilter") {
      const [old, now] = [before as EnvoyFilter | undefined, after as EnvoyFilter | undefined];
      const selectors = selectorsOf([before, after]);
      return { ...impactOfFilter(old, now, !!edited && isSameChoice(old!, now!)), selectors };
    }
    const { domainSuffix } = this.settings;
    return {
      types: edited ? typesOfEdit(before, after) : undefined,
      hosts: (edited && routedHosts(before, after, domainSuffix)) || hostsOf([before, after], domainSuffix),
      selectors: selectorsOf([before, after]),
      gateways: gatewaysOf([before, after]),
    };
  }

  /** Endpoints have their locality from the node that they, or their pods, are on. */
  private nodeChanged(node: string, work: JoinWork): void {
    const pods = new Set<string>();
    for (const pod of this.objects.all<KubePod>("Pod")) {
      if (pod.nodeName !== node) continue;
      const { namespace, name } = pod.meta;
      pods.add(`${namespace}/${name}`);
      for (const entry of this.objects.inNamespace<ServiceEntryObject & MeshObject>("ServiceEntry", namespace)) {
        const selector = entry.spec.workloadSelector?.labels;
        if (selector && labelsMatch(selector, pod.meta.labels)) work.entryEndpoints(entry.meta);
      }
    }
    for (const slice of this.objects.all<KubeEndpointSlice>("EndpointSlice")) {
      const { namespace } = slice.meta;
      if (slice.endpoints.some((e) => e.nodeName === node || pods.has(`${namespace}/${e.podName}`))) {
        work.kube({ namespace, name: slice.serviceName });
      }
    }
  }

  private entryWorkload(object: MeshObject | undefined): Workload | undefined {
    return object && workloadOfEntry(object as WorkloadEntryObject, endpointContext(this.joinInput()));
  }

  /** A workload changed: the services that choose its old or its new form are joined again. */
  private workloadMoved(
    namespace: string,
    before: Workload | undefined,
    after: Workload | undefined,
    collector: ChangeCollector,
    work: JoinWork,
  ): void {
    if (isDeepStrictEqual(before, after)) return;
    const labelsChanged = !before || !after || !isDeepStrictEqual(before.labels, after.labels);
    for (const workload of [before, after]) {
      if (!workload) continue;
      // A proxy's view holds its workload's labels: only their change matters, and where it sits.
      if (labelsChanged || !isDeepStrictEqual(before?.addresses, after?.addresses)) {
        for (const address of workload.addresses) collector.workloadAddress(address);
      }
      if (workload.kind !== "Pod" || this.settings.features.serviceEntrySelectPods) {
        for (const entry of this.objects.inNamespace<ServiceEntryObject & MeshObject>("ServiceEntry", namespace)) {
          const selector = entry.spec.workloadSelector?.labels;
          if (selector && labelsMatch(selector, workload.labels)) work.entryEndpoints(entry.meta);
        }
      }
      if (workload.kind === "WorkloadEntry" && this.settings.features.k8sSelectWorkloadEntries) {
        for (const service of this.objects.inNamespace<KubeService>("Service", namespace)) {
          if (service.selector && labelsMatch(service.selector, workload.labels)) work.kube(service.meta);
        }
      }
    }
  }

  private joinInput(): JoinInput {
    return { objects: this.objects, settings: this.settings, podNetwork: this.podNetwork };
  }
}

function networkLabel(object: MeshObject | undefined): string | undefined {
  return object?.meta.labels[NETWORK_LABEL];
}

function keyOf(object: MeshObject): ObjectKey {
  return { kind: object.kind, namespace: object.meta.namespace, name: object.meta.name };
}
