// Joins ServiceEntries and Services with the workloads behind them, into services and endpoints. Main thread, no I/O.
import type { MeshObject } from "../../shared/model/delta.ts";
import type { KubeEndpointSlice, KubeNamespace, KubeNode, KubePod, KubeService } from "../../shared/model/kube.ts";
import type { MeshSettings } from "../../shared/model/mesh.ts";
import type { ServiceKey } from "../../shared/model/push-request.ts";
import type { EndpointRecord } from "../../shared/model/service.ts";
import { labelsMatch } from "../../shared/names/labels.ts";
import type { ChangeCollector } from "./change-collector.ts";
import { entryVisibility, type Visibility } from "./entry-visibility.ts";
import type { JoinWork, NamedKey } from "./join-work.ts";
import { endpointsOfKube, type KubeEndpointContext, kubeHostname, serviceOfKube } from "./kube-services.ts";
import type { ObjectStore } from "./object-store.ts";
import type { PodNetworks } from "./pod-network.ts";
import { endpointsOfEntry, type ServiceEntryObject, servicesOfEntry } from "./service-entries.ts";
import type { ServiceIndex } from "./service-index.ts";
import { type Workload, type WorkloadEntryObject, workloadOfEntry, workloadOfPod } from "./workloads.ts";

/** What is joined. */
export interface JoinInput {
  readonly objects: ObjectStore;
  readonly settings: MeshSettings;
  readonly podNetwork: PodNetworks;
}

/** Joins anew what `work` names, puts it into `services`, and tells the collector what differs. */
export function joinServices(
  work: JoinWork,
  input: JoinInput,
  services: ServiceIndex,
  collector: ChangeCollector,
): void {
  new Join(input, services, collector).run(work);
}

/** What of the mesh the conversion of workloads and endpoints needs. */
export function endpointContext({ objects, settings, podNetwork }: JoinInput): KubeEndpointContext {
  return {
    trustDomain: settings.mesh.trustDomain ?? "cluster.local",
    drainingLabel: settings.features.drainingLabel,
    clusterId: settings.clusterId,
    podNetwork,
    node: (name) => objects.get<KubeNode>("Node", "", name),
    pod: (namespace, name) => objects.get<KubePod>("Pod", namespace, name),
  };
}

/** One run. */
class Join {
  private readonly objects: ObjectStore;
  private readonly settings: MeshSettings;
  private readonly services: ServiceIndex;
  private readonly collector: ChangeCollector;
  private readonly context: KubeEndpointContext;

  constructor(input: JoinInput, services: ServiceIndex, collector: ChangeCollector) {
    this.objects = input.objects;
    this.settings = input.settings;
    this.services = services;
    this.collector = collector;
    this.context = endpointContext(input);
  }

  run(work: JoinWork): void {
    for (const [id, key] of work.entries) this.joinEntry(id, key);
    for (const [id, key] of work.entriesEndpointsOnly) {
      if (work.entries.has(id)) continue;
      const entry = this.objects.get<ServiceEntryObject & MeshObject>("ServiceEntry", key.namespace, key.name);
      if (entry) this.joinEntryEndpoints(id, entry);
    }
    for (const [id, key] of work.kubeServices) this.joinKube(id, key);
  }

  private joinEntry(owner: string, key: NamedKey): void {
    const entry = this.objects.get<ServiceEntryObject & MeshObject>("ServiceEntry", key.namespace, key.name);
    const previous = this.services.ownedBy(owner);
    const records = entry
      ? servicesOfEntry(entry, {
          defaultExportTo: this.settings.mesh.defaultServiceExportTo ?? [],
          visibility: this.entryVisibility(key.namespace),
          ipAutoAllocate: this.settings.features.ipAutoAllocate,
        })
      : [];
    const changed = this.services.setServices(owner, records);
    const hosts = new Set(records.map((r) => r.hostname));
    for (const gone of previous) {
      if (!hosts.has(gone.hostname)) this.putEndpoints(gone, owner, []);
    }
    if (entry) this.joinEntryEndpoints(owner, entry);
    this.servicesChanged(changed);
  }

  private entryVisibility(namespace: string): Visibility {
    const labels = this.objects.get<KubeNamespace>("Namespace", "", namespace)?.meta.labels ?? {};
    return entryVisibility(this.settings.mesh.serviceEntryVisibility, namespace, labels);
  }

  private joinEntryEndpoints(owner: string, entry: ServiceEntryObject): void {
    const selector = entry.spec.workloadSelector?.labels;
    const selected = selector ? this.selectWorkloads(entry.meta.namespace, selector) : [];
    const ctx = { ...this.context, labelCanonical: this.settings.features.labelCanonicalForExternal };
    for (const record of this.services.ownedBy(owner)) {
      this.putEndpoints(record, owner, endpointsOfEntry(entry, record.hostname, selected, ctx));
    }
  }

  /** Workloads of a namespace that a ServiceEntry's selector chooses, entries before pods, by name. */
  private selectWorkloads(namespace: string, selector: Readonly<Record<string, string>>): Workload[] {
    const out: { order: string; workload: Workload }[] = [];
    for (const entry of this.objects.inNamespace<WorkloadEntryObject & MeshObject>("WorkloadEntry", namespace)) {
      const workload = workloadOfEntry(entry, this.context);
      if (workload.health !== "UNHEALTHY" && labelsMatch(selector, workload.labels)) {
        out.push({ order: `0${entry.meta.name}`, workload });
      }
    }
    if (this.settings.features.serviceEntrySelectPods) {
      for (const pod of this.objects.inNamespace<KubePod>("Pod", namespace)) {
        if (!labelsMatch(selector, pod.meta.labels)) continue;
        const workload = workloadOfPod(pod, this.context);
        if (workload && workload.health !== "UNHEALTHY") out.push({ order: `1${pod.meta.name}`, workload });
      }
    }
    return out.sort((a, b) => (a.order < b.order ? -1 : 1)).map((o) => o.workload);
  }

  private joinKube(owner: string, key: NamedKey): void {
    const service = this.objects.get<KubeService>("Service", key.namespace, key.name);
    const records = service
      ? [
          serviceOfKube(service, {
            domainSuffix: this.settings.domainSuffix,
            defaultExportTo: this.settings.mesh.defaultServiceExportTo ?? [],
          }),
        ]
      : [];
    const changed = this.services.setServices(owner, records);
    const hostname = kubeHostname(key.name, key.namespace, this.settings.domainSuffix);
    const serviceKey = { hostname, namespace: key.namespace };
    if (!service) {
      this.putEndpoints(serviceKey, owner, []);
      this.servicesChanged(changed);
      return;
    }
    const slices = [...this.objects.inNamespace<KubeEndpointSlice>("EndpointSlice", key.namespace)]
      .filter((slice) => slice.serviceName === key.name)
      .sort((a, b) => (a.meta.name < b.meta.name ? -1 : 1));
    const selected: Workload[] = [];
    if (service.selector && this.settings.features.k8sSelectWorkloadEntries) {
      for (const entry of this.objects.inNamespace<WorkloadEntryObject & MeshObject>("WorkloadEntry", key.namespace)) {
        const workload = workloadOfEntry(entry, this.context);
        if (workload.health !== "UNHEALTHY" && labelsMatch(service.selector, workload.labels)) selected.push(workload);
      }
    }
    const endpoints = endpointsOfKube(service, slices, selected, this.context);
    this.putEndpoints(serviceKey, owner, endpoints);
    this.servicesChanged(changed);
  }

  /** Those behind a service serve its ports, so that their views follow it. */
  private servicesChanged(keys: readonly ServiceKey[]): void {
    for (const key of keys) {
      this.collector.service(key);
      for (const { addresses } of this.services.endpointsOf(key)) {
        for (const address of addresses) this.collector.workloadAddress(address);
      }
    }
  }

  private putEndpoints(key: ServiceKey, owner: string, endpoints: Parameters<ServiceIndex["setEndpoints"]>[2]): void {
    const plainKey = { hostname: key.hostname, namespace: key.namespace };
    const before = servedAt(this.services.endpointsOf(plainKey));
    const { changed, affectsService } = this.services.setEndpoints(plainKey, owner, endpoints);
    if (!changed) return;
    this.collector.endpoints(plainKey, affectsService);
    const after = servedAt(this.services.endpointsOf(plainKey));
    for (const [address, serves] of after) if (before.get(address) !== serves) this.collector.workloadAddress(address);
    for (const address of before.keys()) if (!after.has(address)) this.collector.workloadAddress(address);
  }
}

/** What a proxy at each address serves, and as what: all of a view that follows from endpoints. */
function servedAt(endpoints: readonly EndpointRecord[]): Map<string, string> {
  const out = new Map<string, string>();
  for (const { addresses, servicePortName, port, tlsMode, labels, locality } of endpoints) {
    const serves = `${servicePortName} ${port} ${tlsMode} ${locality} ${JSON.stringify(labels)}`;
    for (const address of addresses) out.set(address, `${out.get(address) ?? ""}${serves}\n`);
  }
  return out;
}
