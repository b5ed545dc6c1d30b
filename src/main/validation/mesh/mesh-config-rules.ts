// Rules of MeshConfig. Main thread.
import type { Mesh_MeshConfig } from "../../../shared/gen/istio.js";
import { checkPort, fqdnProblem, isDnsLabel, wildcardDomainProblem } from "../common/addresses.ts";
import { checkDuration, checkDurationOrZero } from "../common/values.ts";
import { checkRetries } from "../kinds/http-route-policies.ts";
import { checkLocality } from "../kinds/traffic-policy.ts";
import { type Report, reject } from "../report.ts";
import { checkProxyConfig } from "./mesh-rules.ts";

/** For a MeshConfig with its defaults filled in. */
export function checkMeshConfig(report: Report, mesh: Mesh_MeshConfig): void {
  checkPort(report, "proxyListenPort", mesh.proxyListenPort);
  checkPort(report, "proxyInboundListenPort", mesh.proxyInboundListenPort);
  if (mesh.proxyHttpPort) checkPort(report, "proxyHttpPort", mesh.proxyHttpPort);
  checkDuration(report, "connectTimeout", mesh.connectTimeout ?? "0s");
  checkDurationOrZero(report, "protocolDetectionTimeout", mesh.protocolDetectionTimeout);
  checkDuration(report, "dnsRefreshRate", mesh.dnsRefreshRate);
  if (mesh.defaultConfig) checkProxyConfig(report, "defaultConfig", mesh.defaultConfig);
  else reject(report, "defaultConfig", "missing default config");
  checkTrustDomain(report, "trustDomain", mesh.trustDomain ?? "");
  for (const [i, alias] of (mesh.trustDomainAliases ?? []).entries()) {
    checkTrustDomain(report, `trustDomainAliases[${i}]`, alias);
  }
  checkLocality(report, "localityLbSetting", mesh.localityLbSetting, true);
  if (mesh.defaultHttpRetryPolicy) checkRetries(report, "defaultHttpRetryPolicy", mesh.defaultHttpRetryPolicy);
  for (const [i, { hosts = [] }] of (mesh.serviceSettings ?? []).entries()) {
    for (const [j, host] of hosts.entries()) {
      const problem = wildcardDomainProblem(host);
      if (problem !== undefined) reject(report, `serviceSettings[${i}].hosts[${j}]`, problem);
    }
  }
  checkExtensionProviders(report, mesh);
}

function checkTrustDomain(report: Report, field: string, domain: string): void {
  if (domain === "") {
    reject(report, field, "trust domain must not be empty");
    return;
  }
  // A final dot aside, it is made of labels, which may have underscores.
  const bad = domain
    .replace(/\.$/, "")
    .split(".")
    .find((label) => !isDnsLabel(label.replaceAll("_", "-")));
  if (bad !== undefined)
    reject(report, field, `invalid trust domain ${JSON.stringify(domain)}: label ${JSON.stringify(bad)}`);
}

/** Members of a provider that are not providers themselves. */
const PLAIN_MEMBERS = new Set(["name", "serviceAttributeEnrichment"]);

function checkExtensionProviders(report: Report, mesh: Mesh_MeshConfig): void {
  const names = new Set<string>();
  for (const [i, provider] of (mesh.extensionProviders ?? []).entries()) {
    const field = `extensionProviders[${i}]`;
    const { name = "" } = provider;
    if (name === "") reject(report, `${field}.name`, "empty extension provider name");
    if (names.has(name)) reject(report, `${field}.name`, `duplicate extension provider name ${name}`);
    names.add(name);
    const [kind, settings] = Object.entries(provider).find(([key]) => !PLAIN_MEMBERS.has(key)) ?? [];
    if (kind === undefined) {
      reject(report, field, `invalid extension provider ${name}: no provider is set`);
      continue;
    }
    const { service, port } = settings as { readonly service?: string; readonly port?: number };
    if (port !== undefined) checkPort(report, `${field}.${kind}.port`, port);
    if (service !== undefined) checkProviderService(report, `${field}.${kind}.service`, name, service);
  }
}

/** A host, which may stand behind the namespace that is meant. */
function checkProviderService(report: Report, field: string, provider: string, service: string): void {
  const [namespace, host] = service.includes("/") ? service.split("/", 2) : [undefined, service];
  const problem =
    namespace !== undefined && !isDnsLabel(namespace) ? `invalid namespace ${namespace}` : fqdnProblem(host ?? "");
  if (problem !== undefined) reject(report, field, `invalid extension provider ${provider}: ${problem}`);
}
