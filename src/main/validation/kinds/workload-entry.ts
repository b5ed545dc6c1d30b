// Rules of WorkloadEntry, WorkloadGroup, and the endpoints of ServiceEntry. Main thread.
import type {
  Networking_ReadinessProbe,
  Networking_WorkloadEntry,
  Networking_WorkloadGroup,
} from "../../../shared/gen/istio.js";
import { checkEndpointAddress, checkPort, checkUnixPath, isDnsLabel, UNIX_PREFIX } from "../common/addresses.ts";
import { checkLabels } from "../common/labels.ts";
import { type Report, reject, warn } from "../report.ts";
import type { RuleInput } from "../rules.ts";

export function checkWorkloadEntryObject({ spec }: RuleInput, report: Report): void {
  checkWorkloadEntry(report, "spec", spec as Networking_WorkloadEntry, { template: false });
}

/** A template of a WorkloadGroup has no address yet. */
function checkWorkloadEntry(
  report: Report,
  field: string,
  entry: Networking_WorkloadEntry,
  { template }: { readonly template: boolean },
): void {
  const { address = "", network = "" } = entry;
  const unix = address.startsWith(UNIX_PREFIX);
  if (address === "") {
    if (!template && network === "") reject(report, `${field}.address`, "address is required");
    else if (!template) warn(report, `address is unset with network ${JSON.stringify(network)}`);
  } else if (unix) {
    checkUnixPath(report, `${field}.address`, address.slice(UNIX_PREFIX.length));
    if (Object.keys(entry.ports ?? {}).length > 0) {
      reject(report, `${field}.ports`, `unix endpoint ${address} must not include ports`);
    }
  } else checkEndpointAddress(report, `${field}.address`, address);
  checkLabels(report, `${field}.labels`, entry.labels);
  if (!unix) checkEndpointPorts(report, field, entry);
}

/** Names and numbers of an endpoint's ports. */
export function checkEndpointPorts(report: Report, field: string, entry: Networking_WorkloadEntry): void {
  for (const [name, port] of Object.entries(entry.ports ?? {})) {
    const path = `${field}.ports[${JSON.stringify(name)}]`;
    if (!isDnsLabel(name)) reject(report, path, `invalid port name: ${name}`);
    checkPort(report, path, port);
  }
}

export function checkWorkloadGroup({ spec }: RuleInput, report: Report): void {
  const group = spec as Networking_WorkloadGroup;
  checkLabels(report, "spec.metadata.labels", group.metadata?.labels);
  if (!group.template) reject(report, "spec.template", "template is required");
  else checkWorkloadEntry(report, "spec.template", group.template, { template: true });
  if (group.probe) checkProbe(report, "spec.probe", group.probe);
}

/** Also that of a proxy's readiness probe. */
export function checkProbe(report: Report, field: string, probe: Networking_ReadinessProbe): void {
  for (const name of [
    "initialDelaySeconds",
    "timeoutSeconds",
    "periodSeconds",
    "successThreshold",
    "failureThreshold",
  ] as const) {
    const value = probe[name] ?? 0;
    if (value < 0) reject(report, `${field}.${name}`, `${name} must not be negative, found ${value}`);
  }
  if (probe.httpGet) {
    checkPort(report, `${field}.httpGet.port`, probe.httpGet.port);
    const { scheme = "" } = probe.httpGet;
    if (scheme !== "" && scheme !== "HTTP" && scheme !== "HTTPS") {
      reject(report, `${field}.httpGet.scheme`, "httpGet.scheme must be one of HTTPS or HTTP");
    }
    for (const [i, header] of (probe.httpGet.httpHeaders ?? []).entries()) {
      if (!header.name) reject(report, `${field}.httpGet.httpHeaders[${i}].name`, "header name is required");
    }
  } else if (probe.tcpSocket) {
    checkPort(report, `${field}.tcpSocket.port`, probe.tcpSocket.port);
  } else if (probe.grpc) {
    checkPort(report, `${field}.grpc.port`, probe.grpc.port);
  } else if (probe.exec) {
    if ((probe.exec.command ?? []).length === 0) reject(report, `${field}.exec.command`, "exec.command is required");
  } else {
    reject(report, field, "unknown health check method <nil>");
  }
}
