// `/debug/config_dump`: what is generated for a connected proxy now, in the form of Envoy's own config dump. Main thread.
import type { ResourceSet, ResourceWant } from "../../shared/model/resource.ts";
import type { XdsType } from "../../shared/xds-types.ts";
import type { Planner, ResourceProvider, SnapshotSource } from "../push/contracts.ts";
import type { ProxyStream } from "../streams/stream-observer.ts";
import type { ResourceJson } from "./resource-json.ts";

/** What a dump is made with. */
export interface ConfigDumpDeps {
  readonly snapshots: SnapshotSource;
  readonly planner: Planner;
  readonly provider: ResourceProvider;
  /** Decodes resources; made for the first dump. */
  readonly json: () => Promise<ResourceJson>;
}

const ADMIN = "type.googleapis.com/envoy.admin.v3.";

/** Types of a whole dump, in the order of Envoy's. */
export const DUMP_TYPES: readonly XdsType[] = ["CDS", "EDS", "LDS", "RDS", "ECDS", "SDS"];

/** The dump of one proxy: its clusters and listeners, and of the other types what it asks for. */
export async function configDump(
  stream: ProxyStream,
  deps: ConfigDumpDeps,
  types: readonly XdsType[],
): Promise<unknown> {
  const snapshot = deps.snapshots.current();
  const view = deps.planner.viewOf(stream.identity);
  const wants: ResourceWant[] = [];
  for (const type of types) {
    const watch = stream.watches.get(type);
    const names = watch && watch.names.size > 0 ? watch.names.sorted : undefined;
    if (type === "CDS" || type === "LDS") {
      wants.push({ type, names: stream.identity.generator === "grpc" && names ? names : null });
    } else if (names) wants.push({ type, names });
  }
  const sets = await deps.provider.fetch(snapshot, view, wants);
  const json = await deps.json();
  const version = String(snapshot.version);
  return { configs: sets.map((set) => section(set, version, json)) };
}

function section(set: ResourceSet, version: string, json: ResourceJson): unknown {
  const resources = set.resources.map((resource) => ({ name: resource.name, shown: json.show(set.type, resource) }));
  const wrapped = (field: string): unknown[] =>
    resources.map(({ shown }) => ({ versionInfo: version, [field]: shown }));
  switch (set.type) {
    case "CDS":
      return { "@type": `${ADMIN}ClustersConfigDump`, versionInfo: version, dynamicActiveClusters: wrapped("cluster") };
    case "EDS":
      return { "@type": `${ADMIN}EndpointsConfigDump`, dynamicEndpointConfigs: wrapped("endpointConfig") };
    case "LDS":
      return {
        "@type": `${ADMIN}ListenersConfigDump`,
        versionInfo: version,
        dynamicListeners: resources.map(({ name, shown }) => ({
          name,
          activeState: { versionInfo: version, listener: shown },
        })),
      };
    case "RDS":
      return { "@type": `${ADMIN}RoutesConfigDump`, dynamicRouteConfigs: wrapped("routeConfig") };
    case "ECDS":
      return { "@type": `${ADMIN}EcdsConfigDump`, ecdsFilters: wrapped("ecdsFilter") };
    default:
      return {
        "@type": `${ADMIN}SecretsConfigDump`,
        dynamicActiveSecrets: resources.map(({ name }) => ({ name, versionInfo: version })),
      };
  }
}
