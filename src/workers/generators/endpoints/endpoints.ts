// EDS: the endpoints of the clusters that a proxy asks for by name. Worker threads.
import { isIP } from "node:net";
import { canonicalJson } from "../../../shared/canonical-json.ts";
import { envoy } from "../../../shared/gen/envoy.js";
import type { ProxyView } from "../../../shared/model/view.ts";
import { isSniName, parseSubsetKey } from "../../../shared/names/cluster-name.ts";
import { Fragments } from "../../encode/fragments.ts";
import type { EncodedPart, ResourceSink } from "../../encode/resource-sink.ts";
import { endpointGroups, endpointOptions, type LocalityGroup } from "../../endpoints/cluster-endpoints.ts";
import { type LbEndpointOptions, speaksMtls } from "../../endpoints/lb-endpoint.ts";
import { localEndpoints } from "../../endpoints/locality-priority.ts";
import { acrossNetworks, networksOf } from "../../endpoints/networks.ts";
import { localitySetting } from "../../scope/locality-setting.ts";
import { type ProxyScope, proxyScope } from "../../scope/proxy-scope.ts";
import { policyFor, subsetOf, withMeshDefaults } from "../../scope/traffic-policy.ts";
import type { GenerateInput, Generator } from "../generator.ts";

const { ClusterLoadAssignment } = envoy.config.endpoint.v3;

/** Assignments, which proxies in one locality have alike. */
const fragments = new Fragments<EncodedPart>();

/** Names that no service stands behind are answered with no endpoints, so that Envoy doesn't wait for them. */
export const generateEndpoints: Generator = (input, sink) => {
  const scope = proxyScope(input.ctx, input.view);
  for (const name of input.names ?? []) {
    const part = assignment(name, input, scope, sink);
    sink.addBytes(part.name, part.bytes, part.hash);
  }
};

function assignment(name: string, { ctx, view }: GenerateInput, scope: ProxyScope, sink: ResourceSink): EncodedPart {
  const empty = (): EncodedPart => sink.encode(name, ClusterLoadAssignment, { clusterName: name });
  const key = parseSubsetKey(name);
  const service = key && scope.byHostname.get(key.hostname);
  const port = service?.ports.find((p) => p.port === key!.port);
  if (!key || !service || !port) return empty();
  const rule = scope.destinationRule(service);
  const subset = subsetOf(rule, key.subset);
  if (key.subset !== "" && !subset) return empty();
  const policy = withMeshDefaults(ctx.mesh.mesh, policyFor(rule, subset, port.port));
  const setting = localitySetting(ctx.mesh.mesh, policy);
  // Labels of the client count only where a rule says which.
  const near = `${localityKey(view)}${setting?.failoverPriority ? canonicalJson(view.labels) : ""}`;
  const dependencies = [ctx.endpoints(service), rule, ctx.mesh, ctx.stamp("PeerAuthentication")];
  return fragments.get(service, `${name}|${near}`, dependencies, () => {
    const { network, clusterId, requestedNetworkView } = view.metadata;
    const networks = networksOf(ctx);
    const client = { requestedNetworkView, clusterId, network: networks && network };
    const groups = endpointGroups(ctx, service, port.name, subset, client);
    if (groups.length === 0) return empty();
    const options = endpointOptions(ctx, policy);
    const reached = networks ? acrossNetworks(groups, networks, network, options) : groups;
    // A router that passes TLS on can't tell whether it is mesh mTLS: only servers that ask for that are behind it.
    const used = isSniName(name) ? withMtls(reached, options) : reached;
    const reachable = view.generator === "grpc" ? withAddresses(used) : used;
    if (reachable.length === 0) return empty();
    const endpoints = localEndpoints(reachable, options, setting, policy, view);
    return sink.encode(name, ClusterLoadAssignment, { clusterName: name, endpoints });
  });
}

function withMtls(groups: readonly LocalityGroup[], options: LbEndpointOptions): LocalityGroup[] {
  return groups.map(({ locality, records }) => ({
    locality,
    records: records.filter((ep) => speaksMtls(ep, options)),
  }));
}

/** gRPC's clients refuse all endpoints of a cluster for one that is a host name or a Unix socket. */
function withAddresses(groups: readonly LocalityGroup[]): LocalityGroup[] {
  return groups
    .map(({ locality, records }) => ({ locality, records: records.filter((ep) => isIP(ep.addresses[0] ?? "") !== 0) }))
    .filter(({ records }) => records.length > 0);
}

const localityKeys = new WeakMap<ProxyView, string>();

function localityKey(view: ProxyView): string {
  let key = localityKeys.get(view);
  if (key === undefined) {
    const { network, clusterId, requestedNetworkView } = view.metadata;
    key = canonicalJson([view.generator, view.locality, network, clusterId, requestedNetworkView]);
    localityKeys.set(view, key);
  }
  return key;
}
