// Rules that routes of all protocols share: destinations, weights, gateways, sources. Main thread.
import type { Networking_Destination } from "../../../shared/gen/istio.js";
import { type Report, reject, warn } from "../report.ts";
import { checkPort, checkThat, fqdnProblem, isDnsLabel, isIpOrRange, wildcardDomainProblem } from "./addresses.ts";
import { checkLabels } from "./labels.ts";

export function checkDestination(report: Report, field: string, destination: Networking_Destination | undefined): void {
  if (!destination) {
    reject(report, field, "destination is required");
    return;
  }
  const { host = "", subset } = destination;
  if (host === "*") reject(report, `${field}.host`, `invalid destination host ${host}`);
  else checkThat(report, `${field}.host`, wildcardDomainProblem(host));
  if (subset !== undefined && subset !== "") checkSubsetName(report, `${field}.subset`, subset);
  if (destination.port) checkPort(report, `${field}.port.number`, destination.port.number);
}

export function checkSubsetName(report: Report, field: string, name: string): void {
  if (name === "") reject(report, field, "subset name cannot be empty");
  else if (!isDnsLabel(name)) reject(report, field, `subset name is invalid: ${name}`);
}

interface Weighted {
  readonly weight?: number;
}

/** One destination may leave its weight out. */
export function checkWeights(report: Report, field: string, routes: readonly Weighted[]): void {
  let total = 0;
  for (const [i, route] of routes.entries()) {
    const { weight = 0 } = route;
    if (weight < 0) reject(report, `${field}[${i}].weight`, `weight ${weight} < 0`);
    total += weight;
  }
  if (routes.length > 1 && total === 0) reject(report, field, `total destination weight = ${total}`);
}

/** `mesh`, `namespace/name`, or the old form: a name or a host name. */
export function checkGatewayNames(report: Report, field: string, names: readonly string[] = []): void {
  for (const [i, name] of names.entries()) {
    const path = `${field}[${i}]`;
    const parts = name.split("/");
    if (parts.length === 1) {
      checkThat(report, path, fqdnProblem(name));
      const [gateway, namespace] = name.split(".");
      if (namespace === undefined) continue;
      const better = JSON.stringify(`${namespace}/${gateway}`);
      const reason = `using legacy gatewayName format ${JSON.stringify(name)}; prefer the <namespace>/<name> format: ${better}`;
      warn(report, reason);
      continue;
    }
    const [namespace = "", gateway = ""] = parts;
    if (parts.length > 2) {
      reject(report, path, `${JSON.stringify(name)} is not of the form namespace/name`);
      continue;
    }
    if (namespace !== "." && !isDnsLabel(namespace)) {
      reject(report, path, `invalid value for namespace: ${JSON.stringify(namespace)}`);
    }
    if (fqdnProblem(gateway) !== undefined) {
      reject(report, path, `invalid value for gateway name: ${JSON.stringify(gateway)}`);
    }
  }
}

interface Sources {
  readonly port?: number;
  readonly sourceLabels?: Readonly<Record<string, string>>;
  readonly sourceNamespace?: string;
  readonly gateways?: readonly string[];
  readonly destinationSubnets?: readonly string[];
  readonly sourceSubnet?: string;
}

/** What matches of HTTP, TLS and TCP routes have in common. */
export function checkSources(report: Report, field: string, match: Sources): void {
  for (const [i, subnet] of (match.destinationSubnets ?? []).entries()) {
    if (!isIpOrRange(subnet)) {
      reject(report, `${field}.destinationSubnets[${i}]`, `${subnet} is not a valid IP address or CIDR range`);
    }
  }
  if (match.port) checkPort(report, `${field}.port`, match.port);
  checkLabels(report, `${field}.sourceLabels`, match.sourceLabels);
  checkGatewayNames(report, `${field}.gateways`, match.gateways);
  const { sourceNamespace = "", sourceSubnet = "" } = match;
  if (sourceNamespace !== "" && !isDnsLabel(sourceNamespace)) {
    reject(report, `${field}.sourceNamespace`, `sourceNamespace match ${sourceNamespace} is invalid`);
  }
  if (sourceSubnet !== "" && !isIpOrRange(sourceSubnet)) {
    reject(report, `${field}.sourceSubnet`, `${sourceSubnet} is not a valid IP address or CIDR range`);
  }
}
