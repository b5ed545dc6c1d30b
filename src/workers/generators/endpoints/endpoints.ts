// EDS: the endpoints of the clusters that a proxy asks for by name. Worker threads.
import { envoy } from "../../../shared/gen/envoy.js";
import { parseSubsetKey } from "../../../shared/names/cluster-name.ts";
import { endpointGroups, endpointOptions } from "../../endpoints/cluster-endpoints.ts";
import { localEndpoints } from "../../endpoints/locality-priority.ts";
import { localitySetting } from "../../scope/locality-setting.ts";
import { type ProxyScope, proxyScope } from "../../scope/proxy-scope.ts";
import { policyFor, subsetOf } from "../../scope/traffic-policy.ts";
import type { GenerateInput, Generator } from "../generator.ts";

const { ClusterLoadAssignment } = envoy.config.endpoint.v3;

/** Names that no service stands behind are answered with no endpoints, so that Envoy doesn't wait for them. */
export const generateEndpoints: Generator = (input, sink) => {
  const scope = proxyScope(input.ctx, input.view, input.viewId);
  for (const name of input.names ?? []) {
    sink.add(name, ClusterLoadAssignment, assignment(name, input, scope));
  }
};

function assignment(
  name: string,
  { ctx, view }: GenerateInput,
  scope: ProxyScope,
): envoy.config.endpoint.v3.IClusterLoadAssignment {
  const key = parseSubsetKey(name);
  const service = key && scope.byHostname.get(key.hostname);
  const port = service?.ports.find((p) => p.port === key!.port);
  if (!key || !service || !port) return { clusterName: name };
  const rule = scope.destinationRule(service);
  const subset = subsetOf(rule, key.subset);
  if (key.subset !== "" && !subset) return { clusterName: name };
  const groups = endpointGroups(ctx, service, port.name, subset);
  if (groups.length === 0) return { clusterName: name };
  const policy = policyFor(rule, subset, port.port);
  const setting = localitySetting(ctx.mesh.mesh, policy);
  return { clusterName: name, endpoints: localEndpoints(groups, endpointOptions(ctx, policy), setting, policy, view) };
}
