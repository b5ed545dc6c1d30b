// Rules of VirtualService. Main thread.
import type { Networking_TCPRoute, Networking_TLSRoute, Networking_VirtualService } from "../../../shared/gen/istio.js";
import { hostsMatch, isSubsetOf } from "../../../shared/names/hostname.ts";
import { isIpAddress, wildcardDomainProblem } from "../common/addresses.ts";
import { checkExportTo } from "../common/labels.ts";
import { checkDestination, checkGatewayNames, checkSources, checkWeights } from "../common/routes.ts";
import { type Report, reject, warn } from "../report.ts";
import type { RuleInput } from "../rules.ts";
import { checkHttpRoute } from "./http-route.ts";
import { warnOfUnusedMatches } from "./unused-matches.ts";

/** The gateway that all sidecars are. */
const MESH = "mesh";

export function checkVirtualService({ spec, meta }: RuleInput, report: Report): void {
  const service = spec as Networking_VirtualService;
  const hosts = service.hosts ?? [];
  const gateways = service.gateways ?? [];
  const http = service.http ?? [];
  const tls = service.tls ?? [];
  const tcp = service.tcp ?? [];
  // Without hosts it is there for others to delegate to.
  const delegate = hosts.length === 0;
  if (delegate) {
    if (gateways.length > 0)
      reject(report, "spec.gateways", "delegate virtual service must have no gateways specified");
    if (tls.length > 0) reject(report, "spec.tls", "delegate virtual service must have no tls route specified");
    if (tcp.length > 0) reject(report, "spec.tcp", "delegate virtual service must have no tcp route specified");
  }
  const onMesh = !delegate && (gateways.length === 0 || gateways.includes(MESH));
  const onGateway = gateways.some((gateway) => gateway !== MESH);
  if (!delegate) checkGatewayNames(report, "spec.gateways", gateways);
  checkHosts(report, hosts, { onMesh, sni: onGateway && tls.length > 0 });
  if (http.length + tls.length + tcp.length === 0) {
    reject(report, "spec", "http, tcp or tls must be provided in virtual service");
  }
  for (const [i, route] of http.entries()) {
    checkHttpRoute(report, `spec.http[${i}]`, route, { delegate, gateway: onGateway });
  }
  for (const [i, route] of tls.entries()) checkTlsRoute(report, `spec.tls[${i}]`, route, hosts);
  for (const [i, route] of tcp.entries()) checkTcpRoute(report, `spec.tcp[${i}]`, route);
  checkExportTo(report, service.exportTo, { namespace: meta.namespace });
  if (report.errors.length === 0) warnOfUnusedMatches(report, service);
}

interface HostRules {
  readonly onMesh: boolean;
  /** Bound to a gateway that tells connections apart by SNI. */
  readonly sni: boolean;
}

function checkHosts(report: Report, hosts: readonly string[], { onMesh, sni }: HostRules): void {
  const before = report.errors.length;
  for (const [i, host] of hosts.entries()) {
    const field = `spec.hosts[${i}]`;
    const problem = isIpAddress(host) ? undefined : sni ? sniProblem(host) : wildcardDomainProblem(host);
    if (problem !== undefined) reject(report, field, problem);
    else if (host === "*" && onMesh) {
      reject(report, field, "wildcard host * is not allowed for virtual services bound to the mesh gateway");
    }
  }
  if (report.errors.length > before) return;
  for (const [i, host] of hosts.entries()) {
    for (const other of hosts.slice(i + 1)) {
      if (hostsMatch(host, other)) {
        reject(report, `spec.hosts[${i}]`, `duplicate hosts in virtual service: ${host} & ${other}`);
      }
    }
  }
}

function checkTlsRoute(report: Report, field: string, route: Networking_TLSRoute, hosts: readonly string[]): void {
  const matches = route.match ?? [];
  if (matches.length === 0) reject(report, `${field}.match`, "TLS route must have at least one match condition");
  for (const [i, match] of matches.entries()) {
    const path = `${field}.match[${i}]`;
    const sniHosts = match.sniHosts ?? [];
    if (sniHosts.length === 0) reject(report, `${path}.sniHosts`, "TLS match must have at least one SNI host");
    for (const [j, sni] of sniHosts.entries()) checkSniHost(report, `${path}.sniHosts[${j}]`, sni, hosts);
    checkSources(report, path, match);
  }
  const routes = route.route ?? [];
  if (routes.length === 0) reject(report, `${field}.route`, "TLS route is required");
  for (const [i, r] of routes.entries()) {
    checkDestination(report, `${field}.route[${i}].destination`, r.destination);
  }
  checkWeights(report, `${field}.route`, routes);
}

/** The virtual service must have the host among its own. */
function checkSniHost(report: Report, field: string, sni: string, hosts: readonly string[]): void {
  if (isIpAddress(sni)) {
    warn(
      report,
      `using an IP address (${JSON.stringify(sni)}) goes against SNI spec and most clients do not support this`,
    );
    return;
  }
  const problem = sniProblem(sni);
  if (problem !== undefined) {
    reject(report, field, problem);
    return;
  }
  if (!hosts.some((host) => isSubsetOf(sni, host))) {
    const reason = `SNI host ${JSON.stringify(sni)} is not a compatible subset of any of the virtual service hosts: [${hosts.join(", ")}]`;
    reject(report, field, reason);
  }
}

/** Names of the form `outbound_.80_.v1_.host`, which gateways between networks use, are fine. */
function sniProblem(sni: string): string | undefined {
  const plain = sni.replace(/^outbound_\.\d+_\.[^.]*_\./, "");
  return wildcardDomainProblem(plain);
}

function checkTcpRoute(report: Report, field: string, route: Networking_TCPRoute): void {
  for (const [i, match] of (route.match ?? []).entries()) checkSources(report, `${field}.match[${i}]`, match);
  const routes = route.route ?? [];
  if (routes.length === 0) reject(report, `${field}.route`, "TCP route is required");
  for (const [i, r] of routes.entries()) {
    checkDestination(report, `${field}.route[${i}].destination`, r.destination);
  }
  checkWeights(report, `${field}.route`, routes);
}
