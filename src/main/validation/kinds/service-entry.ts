// Rules of ServiceEntry. Main thread.
import type { Networking_ServiceEntry, Networking_WorkloadEntry } from "../../../shared/gen/istio.js";
import {
  checkEndpointAddress,
  checkPort,
  checkProtocol,
  checkThat,
  checkUnixPath,
  fqdnProblem,
  isDnsLabel,
  isHttpProtocol,
  isIpAddress,
  isIpOrRange,
  isTlsProtocol,
  partialWildcardProblem,
  UNIX_PREFIX,
  wildcardDomainProblem,
} from "../common/addresses.ts";
import { checkExportTo, checkLabels, checkWorkloadSelector } from "../common/labels.ts";
import { type Report, reject, warn } from "../report.ts";
import type { RuleInput } from "../rules.ts";
import { checkEndpointPorts } from "./workload-entry.ts";

export function checkServiceEntry(input: RuleInput, report: Report): void {
  const entry = input.spec as Networking_ServiceEntry;
  checkSelector(report, entry);
  checkHosts(report, entry);
  checkAddresses(report, entry);
  checkPorts(report, entry);
  checkResolution(report, entry, input);
  warnOfMissingAddresses(report, entry, input);
  checkExportTo(report, entry.exportTo, { namespace: input.meta.namespace, nobodyAllowed: true });
}

function checkSelector(report: Report, entry: Networking_ServiceEntry): void {
  if (!entry.workloadSelector) return;
  checkWorkloadSelector(report, "spec.workloadSelector", entry.workloadSelector, "service entry");
  if ((entry.endpoints ?? []).length > 0) {
    reject(report, "spec.workloadSelector", "only one of WorkloadSelector or Endpoints is allowed in Service Entry");
  }
  const usable = report.errors.every((error) => !error.field.startsWith("spec.workloadSelector.labels"));
  if (usable && resolutionOf(entry) === "NONE")
    warn(report, "workloadSelector should not be set when resolution mode is NONE");
}

function resolutionOf(entry: Networking_ServiceEntry): NonNullable<Networking_ServiceEntry["resolution"]> {
  return entry.resolution ?? "NONE";
}

function checkHosts(report: Report, entry: Networking_ServiceEntry): void {
  const hosts = entry.hosts ?? [];
  if (hosts.length === 0) reject(report, "spec.hosts", "service entry must have at least one host");
  for (const [i, host] of hosts.entries()) {
    const field = `spec.hosts[${i}]`;
    if (host === "*") {
      reject(report, field, `invalid host ${host}`);
      continue;
    }
    checkThat(report, field, wildcardDomainProblem(host));
    const partial = partialWildcardProblem(host);
    if (partial !== undefined) warn(report, partial);
  }
}

function checkAddresses(report: Report, entry: Networking_ServiceEntry): void {
  const addresses = entry.addresses ?? [];
  for (const [i, address] of addresses.entries()) {
    if (!isIpOrRange(address))
      reject(report, `spec.addresses[${i}]`, `${address} is not a valid IP address or CIDR range`);
  }
  const resolution = resolutionOf(entry);
  const ranges = addresses.some((address) => address.includes("/"));
  if (ranges && resolution !== "NONE" && resolution !== "STATIC") {
    reject(report, "spec.addresses", "CIDR addresses are allowed only for NONE/STATIC resolution types");
  }
}

function checkPorts(report: Report, entry: Networking_ServiceEntry): void {
  const names = new Set<string>();
  const numbers = new Set<number>();
  for (const [i, port] of (entry.ports ?? []).entries()) {
    const field = `spec.ports[${i}]`;
    if (Object.keys(port).length === 0) {
      reject(report, field, "service entry port may not be null");
      continue;
    }
    const { name = "", number = 0 } = port;
    if (names.has(name))
      reject(report, `${field}.name`, `service entry port name ${JSON.stringify(name)} already defined`);
    if (numbers.has(number)) reject(report, `${field}.number`, `service entry port ${number} already defined`);
    names.add(name);
    numbers.add(number);
    if (port.targetPort) checkPort(report, `${field}.targetPort`, port.targetPort);
    if (!isDnsLabel(name)) reject(report, `${field}.name`, `invalid port name: ${name}`);
    checkProtocol(report, `${field}.protocol`, port.protocol);
    checkPort(report, `${field}.number`, number);
  }
}

function checkResolution(report: Report, entry: Networking_ServiceEntry, input: RuleInput): void {
  const endpoints = entry.endpoints ?? [];
  const resolution = resolutionOf(entry);
  switch (resolution) {
    case "NONE":
      if (endpoints.length > 0) {
        reject(report, "spec.endpoints", "no endpoints should be provided for resolution type none");
      }
      return;
    case "STATIC":
      checkStaticEndpoints(report, entry, endpoints);
      return;
    case "DNS":
    case "DNS_ROUND_ROBIN":
      checkDnsEndpoints(report, entry, endpoints);
      return;
    case "DYNAMIC_DNS":
      checkDynamicDns(report, entry, input);
      return;
    default:
      reject(report, "spec.resolution", `unsupported resolution type ${String(resolution)}`);
  }
}

function checkStaticEndpoints(
  report: Report,
  entry: Networking_ServiceEntry,
  endpoints: readonly Networking_WorkloadEntry[],
): void {
  let unix = false;
  for (const [i, endpoint] of endpoints.entries()) {
    const field = `spec.endpoints[${i}]`;
    const { address = "", network = "" } = endpoint;
    if (address.startsWith(UNIX_PREFIX)) {
      unix = true;
      checkUnixPath(report, `${field}.address`, address.slice(UNIX_PREFIX.length));
      if (Object.keys(endpoint.ports ?? {}).length > 0) {
        reject(report, `${field}.ports`, `unix endpoint ${address} must not include ports`);
      }
    } else {
      if (address === "" && network !== "") warn(report, `address is unset with network ${JSON.stringify(network)}`);
      else if (!isIpAddress(address)) reject(report, `${field}.address`, `${address} is not a valid IP`);
      checkDefinedPorts(report, field, entry, endpoint);
    }
    checkLabels(report, `${field}.labels`, endpoint.labels);
  }
  if (unix && (entry.ports ?? []).length !== 1) {
    reject(report, "spec.ports", "exactly 1 service port required for unix endpoints");
  }
}

function checkDefinedPorts(
  report: Report,
  field: string,
  entry: Networking_ServiceEntry,
  endpoint: Networking_WorkloadEntry,
): void {
  for (const [name, port] of Object.entries(endpoint.ports ?? {})) {
    if ((entry.ports ?? []).some((p) => p.name === name)) continue;
    const path = `${field}.ports[${JSON.stringify(name)}]`;
    reject(report, path, `endpoint port ${port} is not defined by the service entry`);
  }
  checkEndpointPorts(report, field, endpoint);
}

function checkDnsEndpoints(
  report: Report,
  entry: Networking_ServiceEntry,
  endpoints: readonly Networking_WorkloadEntry[],
): void {
  if (endpoints.length === 0 && !entry.workloadSelector) {
    for (const [i, host] of (entry.hosts ?? []).entries()) {
      if (fqdnProblem(host) === undefined) continue;
      const reason = `hosts must be FQDN if no endpoints are provided for resolution mode ${entry.resolution}`;
      reject(report, `spec.hosts[${i}]`, reason);
    }
  }
  if (entry.resolution === "DNS_ROUND_ROBIN" && endpoints.length > 1) {
    reject(report, "spec.endpoints", "there must only be 0 or 1 endpoint for resolution mode DNS_ROUND_ROBIN");
  }
  for (const [i, endpoint] of endpoints.entries()) {
    const field = `spec.endpoints[${i}]`;
    const { address = "", network = "" } = endpoint;
    if (address === "" && network !== "") {
      warn(report, `address is unset with network ${JSON.stringify(network)}`);
    } else checkEndpointAddress(report, `${field}.address`, address);
    checkLabels(report, `${field}.labels`, endpoint.labels);
    checkDefinedPorts(report, field, entry, endpoint);
  }
}

/** Hosts are resolved as requests name them. */
function checkDynamicDns(report: Report, entry: Networking_ServiceEntry, { meta }: RuleInput): void {
  if ((entry.endpoints ?? []).length > 0) {
    reject(report, "spec.endpoints", "no endpoints should be provided for resolution type DYNAMIC_DNS");
  }
  if ((entry.addresses ?? []).length > 0) {
    const reason =
      "addresses cannot be set for resolution type DYNAMIC_DNS. HTTP route domains will only be generatedfrom the hosts field values";
    reject(report, "spec.addresses", reason);
  }
  for (const [i, host] of (entry.hosts ?? []).entries()) {
    if (!host.startsWith("*")) {
      reject(report, `spec.hosts[${i}]`, "host must be wildcarded for resolution mode DYNAMIC_DNS");
    }
  }
  if (entry.location === "MESH_INTERNAL" && meta.labels["istio.io/use-waypoint"] !== undefined) {
    const reason = "location MESH_INTERNAL with resolution type DYNAMIC_DNS is not supported when using waypoints";
    reject(report, "spec.location", reason);
  }
  for (const [i, port] of (entry.ports ?? []).entries()) {
    if (Object.keys(port).length === 0) {
      reject(report, `spec.ports[${i}]`, "port cannot be nil");
      continue;
    }
    if (!isHttpProtocol(port.protocol) && !isTlsProtocol(port.protocol)) {
      reject(report, `spec.ports[${i}].protocol`, "resolution type DYNAMIC_DNS needs ports of HTTP or TLS protocols");
    }
  }
}

/** Traffic that names no host is told apart by its address. */
function warnOfMissingAddresses(report: Report, entry: Networking_ServiceEntry, { meta, features }: RuleInput): void {
  if ((entry.addresses ?? []).length > 0) return;
  const resolution = resolutionOf(entry);
  const allocated =
    features.ipAutoAllocate &&
    resolution !== "NONE" &&
    meta.labels["networking.istio.io/enable-autoallocate-ip"] !== "false" &&
    !(entry.hosts ?? []).some((host) => host.startsWith("*"));
  if (allocated || resolution === "DYNAMIC_DNS") return;
  for (const { protocol = "", ...rest } of entry.ports ?? []) {
    if (Object.keys(rest).length === 0 && protocol === "") continue;
    if (protocol !== "" && protocol.toLowerCase() !== "tcp") continue;
    warn(
      report,
      "addresses are required for ports serving TCP (or unset) protocol when IP Autoallocation is not enabled",
    );
  }
}
