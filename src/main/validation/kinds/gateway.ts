// Rules of Gateway. Main thread.
import type { Networking_Gateway, Networking_Port, Networking_Server } from "../../../shared/gen/istio.js";
import {
  checkPort,
  checkProtocol,
  checkThat,
  checkUnixPath,
  isDnsLabel,
  isIpAddress,
  isTlsProtocol,
  partialWildcardProblem,
  UNIX_PREFIX,
  wildcardDomainProblem,
} from "../common/addresses.ts";
import { checkSelectorLabels } from "../common/labels.ts";
import { checkServerTls } from "../common/tls.ts";
import { type Report, reject, warn } from "../report.ts";
import type { RuleInput } from "../rules.ts";

export function checkGateway({ spec }: RuleInput, report: Report): void {
  const gateway = spec as Networking_Gateway;
  const servers = gateway.servers ?? [];
  if (servers.length === 0) {
    reject(report, "spec.servers", "gateway must have at least one server");
    return;
  }
  checkSelectorLabels(report, "spec.selector", gateway.selector);
  const names = new Set<string>();
  for (const [i, server] of servers.entries()) {
    const field = `spec.servers[${i}]`;
    checkServer(report, field, server);
    const portName = server.port?.name ?? "";
    if (server.port && portName !== "") {
      if (names.has(portName)) {
        reject(report, `${field}.port.name`, `port names in servers must be unique: duplicate name ${portName}`);
      }
      names.add(portName);
    }
  }
}

function checkServer(report: Report, field: string, server: Networking_Server): void {
  const hosts = server.hosts ?? [];
  if (hosts.length === 0) reject(report, `${field}.hosts`, "server config must contain at least one host");
  for (const [i, host] of hosts.entries()) checkServerHost(report, `${field}.hosts[${i}]`, host);
  checkServerPort(report, `${field}.port`, server.port);
  checkServerTls(report, `${field}.tls`, server.tls);
  const { bind = "" } = server;
  if (bind.startsWith(UNIX_PREFIX)) checkUnixPath(report, `${field}.bind`, bind.slice(UNIX_PREFIX.length));
  else if (bind !== "" && !isIpAddress(bind)) reject(report, `${field}.bind`, `${bind} is not a valid IP`);
  if (!server.port) return;
  const { protocol = "" } = server.port;
  // Redirecting to HTTPS is a setting of plain text ports.
  const redirectOnly = server.tls?.httpsRedirect === true;
  if (isTlsProtocol(protocol) && !server.tls) {
    reject(report, `${field}.tls`, "server must have TLS settings for HTTPS/TLS protocols");
  } else if (!isTlsProtocol(protocol) && server.tls && !redirectOnly) {
    // istiod takes this, and does nothing with it.
    warn(report, "tls settings have no effect on ports of other protocols than HTTPS and TLS");
  }
  const passthrough = server.tls && (server.tls.mode ?? "PASSTHROUGH") === "PASSTHROUGH" && !redirectOnly;
  if (passthrough && protocol.toLowerCase() === "https") {
    warn(report, "HTTPS ports with mode PASSTHROUGH are handled as TLS ports");
  }
}

function checkServerHost(report: Report, field: string, host: string): void {
  let name = host;
  if (host.includes("/")) {
    const [namespace = "", domain = "", ...more] = host.split("/");
    if (more.length > 0) {
      reject(report, field, `${JSON.stringify(host)} is not of the form namespace/dnsName`);
      return;
    }
    if (namespace !== "*" && namespace !== "." && !isDnsLabel(namespace)) {
      reject(report, field, `invalid namespace value ${JSON.stringify(namespace)} in gateway`);
    }
    name = domain;
  }
  if (isIpAddress(name)) return;
  checkThat(report, field, wildcardDomainProblem(name));
  checkThat(report, field, partialWildcardProblem(name));
}

function checkServerPort(report: Report, field: string, port: Networking_Port | undefined): void {
  if (!port) {
    reject(report, field, "port is required");
    return;
  }
  if ((port.protocol ?? "") === "") reject(report, `${field}.protocol`, "port protocol is required");
  checkProtocol(report, `${field}.protocol`, port.protocol);
  checkPort(report, `${field}.number`, port.number);
  if (!port.name) {
    const shown = [`number:${port.number ?? 0}`, `protocol:${JSON.stringify(port.protocol ?? "")}`].join("  ");
    reject(report, `${field}.name`, `port name must be set: ${shown}`);
  }
}
