// Rules of DestinationRule. Main thread.
import type {
  Networking_DestinationRule,
  Networking_TrafficPolicy,
  Networking_TrafficPolicy_PortTrafficPolicy,
} from "../../../shared/gen/istio.js";
import { checkPort, checkThat, fqdnProblem, wildcardDomainProblem } from "../common/addresses.ts";
import { checkExportTo, checkLabels, checkPolicySelector } from "../common/labels.ts";
import { checkSubsetName } from "../common/routes.ts";
import { checkClientTls } from "../common/tls.ts";
import { checkDuration, checkPercent } from "../common/values.ts";
import { type Report, reject } from "../report.ts";
import type { RuleInput } from "../rules.ts";
import { checkConnectionPool, checkLoadBalancer, checkOutlierDetection } from "./traffic-policy.ts";

export function checkDestinationRule({ spec, meta }: RuleInput, report: Report): void {
  const rule = spec as Networking_DestinationRule;
  checkThat(report, "spec.host", wildcardDomainProblem(rule.host ?? ""));
  checkTrafficPolicy(report, "spec.trafficPolicy", rule.trafficPolicy);
  const names = new Set<string>();
  for (const [i, subset] of (rule.subsets ?? []).entries()) {
    const field = `spec.subsets[${i}]`;
    const name = subset.name ?? "";
    if (names.has(name)) reject(report, `${field}.name`, `duplicate subset names: ${name}`);
    names.add(name);
    checkSubsetName(report, `${field}.name`, name);
    checkLabels(report, `${field}.labels`, subset.labels);
    checkTrafficPolicy(report, `${field}.trafficPolicy`, subset.trafficPolicy);
  }
  checkPolicySelector(report, "spec.workloadSelector", rule.workloadSelector);
  checkExportTo(report, rule.exportTo, {
    namespace: meta.namespace,
    ownNamespaceOnly: rule.workloadSelector !== undefined,
  });
}

/** Also that of MeshConfig's default. */
export function checkTrafficPolicy(report: Report, field: string, policy: Networking_TrafficPolicy | undefined): void {
  if (!policy) return;
  if (Object.keys(policy).length === 0) {
    reject(report, field, "traffic policy must have at least one field");
    return;
  }
  checkPolicyParts(report, field, policy);
  for (const [i, port] of (policy.portLevelSettings ?? []).entries()) {
    const path = `${field}.portLevelSettings[${i}]`;
    if (!port.port) reject(report, `${path}.port`, "portLevelSettings must have port set");
    else checkPort(report, `${path}.port.number`, port.port.number);
    const { port: _port, ...rest } = port;
    if (Object.keys(rest).length === 0) reject(report, path, "port traffic policy must have at least one field");
    checkPolicyParts(report, path, port);
  }
  if (policy.tunnel && policy.proxyProtocol) {
    reject(report, field, "tunnel and proxyProtocol must not be set together");
  }
  if (policy.tunnel) checkTunnel(report, `${field}.tunnel`, policy.tunnel);
  if (policy.retryBudget) {
    const { percent, budgetInterval } = policy.retryBudget;
    if (percent !== undefined) checkPercent(report, `${field}.retryBudget.percent`, percent);
    if (budgetInterval !== undefined) checkDuration(report, `${field}.retryBudget.budgetInterval`, budgetInterval);
  }
}

function checkPolicyParts(report: Report, field: string, policy: Networking_TrafficPolicy_PortTrafficPolicy): void {
  checkOutlierDetection(report, `${field}.outlierDetection`, policy.outlierDetection);
  checkConnectionPool(report, `${field}.connectionPool`, policy.connectionPool);
  checkLoadBalancer(report, `${field}.loadBalancer`, policy.loadBalancer, policy.outlierDetection !== undefined);
  checkClientTls(report, `${field}.tls`, policy.tls);
}

function checkTunnel(report: Report, field: string, tunnel: NonNullable<Networking_TrafficPolicy["tunnel"]>): void {
  const { protocol = "", targetHost = "" } = tunnel;
  if (protocol !== "" && protocol !== "CONNECT" && protocol !== "POST") {
    reject(report, `${field}.protocol`, 'tunnel protocol must be "CONNECT" or "POST"');
  }
  if (fqdnProblem(targetHost) !== undefined && !/^[0-9a-fA-F:.]+$/.test(targetHost)) {
    reject(report, `${field}.targetHost`, `tunnel target host is not valid: ${targetHost}`);
  }
  checkPort(report, `${field}.targetPort`, tunnel.targetPort);
}
