// What a router between networks passes on without ending TLS. Worker threads.
import { sniName } from "../../../shared/names/cluster-name.ts";
import { isSubsetOf } from "../../../shared/names/hostname.ts";
import { networkPolicies } from "../../filters/network-policies.ts";
import type { SecurityPolicies } from "../../filters/security-policies.ts";
import { tcpTo } from "../../filters/tcp-proxy.ts";
import type { GatewayServer } from "../../scope/gateways.ts";
import type { ProxyScope } from "../../scope/proxy-scope.ts";
import type { GenerateInput } from "../generator.ts";
import { chainOf, type FilterChain } from "./filter-chain.ts";

/** ALPN of mesh mTLS, by which a router between networks knows it. */
const MESH_ALPN = ["istio", "istio-peer-exchange", "istio-http/1.0", "istio-http/1.1", "istio-h2"];

/** Mesh traffic between networks goes on by the cluster that its SNI names, without ending TLS. */
export function autoPassthrough(
  input: GenerateInput,
  scope: ProxyScope,
  security: SecurityPolicies,
  server: GatewayServer,
): FilterChain[] {
  const { ctx, view } = input;
  const policies = networkPolicies(ctx, view, "gateway");
  const out: FilterChain[] = [];
  for (const service of scope.services) {
    if (service.meshExternal || service.resolution === "alias") continue;
    if (!server.hosts.some((h) => isSubsetOf(service.hostname, h.host))) continue;
    const subsets = scope.destinationRule(service)?.spec.subsets ?? [];
    for (const port of service.ports) {
      if (port.protocol === "UDP") continue;
      for (const subset of ["", ...subsets.map((s) => s.name ?? "")]) {
        const cluster = sniName("outbound", subset, service.hostname, port.port);
        const filters = [
          ...security.tcp.custom,
          ...security.tcp.authorization,
          ...policies.filters,
          tcpTo(cluster, policies.tcpProxy),
        ];
        const filterChainMatch = { applicationProtocols: [...MESH_ALPN], serverNames: [cluster] };
        out.push(chainOf(filters, { filterChainMatch }));
      }
    }
  }
  return out;
}
