// Rules of Sidecar. Main thread.
import type {
  Networking_IstioEgressListener,
  Networking_IstioIngressListener,
  Networking_OutboundTrafficPolicy,
  Networking_Sidecar,
  Networking_SidecarPort,
} from "../../../shared/gen/istio.js";
import {
  checkPort,
  checkProtocol,
  checkThat,
  checkUnixPath,
  isDnsLabel,
  isHttpProtocol,
  isIpAddress,
  isTlsProtocol,
  partialWildcardProblem,
  UNIX_PREFIX,
  wildcardDomainProblem,
} from "../common/addresses.ts";
import { checkWorkloadSelector } from "../common/labels.ts";
import { checkDestination } from "../common/routes.ts";
import { checkServerTls } from "../common/tls.ts";
import { type Report, reject, warn } from "../report.ts";
import type { RuleInput } from "../rules.ts";
import { checkConnectionPool } from "./traffic-policy.ts";

export function checkSidecar({ spec, meta }: RuleInput, report: Report): void {
  const sidecar = spec as Networking_Sidecar;
  const ingress = sidecar.ingress ?? [];
  const egress = sidecar.egress ?? [];
  checkWorkloadSelector(report, "spec.workloadSelector", sidecar.workloadSelector, "sidecar");
  const { inboundConnectionPool, outboundTrafficPolicy } = sidecar;
  if (ingress.length + egress.length === 0 && !inboundConnectionPool && !outboundTrafficPolicy) {
    reject(report, "spec", "sidecar: empty configuration provided");
    return;
  }
  checkConnectionPool(report, "spec.inboundConnectionPool", inboundConnectionPool);
  checkIngress(report, ingress);
  checkEgress(report, egress, meta.namespace);
  if (outboundTrafficPolicy) checkOutboundPolicy(report, outboundTrafficPolicy);
}

function checkIngress(report: Report, listeners: readonly Networking_IstioIngressListener[]): void {
  const ports = new Set<number>();
  for (const [i, listener] of listeners.entries()) {
    const field = `spec.ingress[${i}]`;
    const { port } = listener;
    if (!port) {
      reject(report, `${field}.port`, "sidecar: port is required for ingress listeners");
      continue;
    }
    // Only addresses are bound to inbound.
    const { bind = "" } = listener;
    checkSidecarPort(report, `${field}.port`, port);
    if (bind !== "" && !isIpAddress(bind)) reject(report, `${field}.bind`, `${bind} is not a valid IP`);
    const { number = 0 } = port;
    if (ports.has(number)) {
      reject(report, `${field}.port.number`, "sidecar: ports on IP bound listeners must be unique");
    }
    ports.add(number);
    checkDefaultEndpoint(report, `${field}.defaultEndpoint`, listener.defaultEndpoint ?? "");
    checkIngressTls(report, `${field}.tls`, listener);
    checkConnectionPool(report, `${field}.connectionPool`, listener.connectionPool);
    const { protocol = "" } = port;
    if (
      listener.connectionPool?.http &&
      protocol !== "" &&
      !isHttpProtocol(protocol) &&
      protocol.toLowerCase() !== "https"
    ) {
      const which = `port ${number} (${JSON.stringify(port.name ?? "")}) but its protocol is not HTTP (${protocol})`;
      const text = `sidecar: HTTP connection pool settings are configured for ${which}; only TCP settings will apply`;
      warn(report, text);
    }
  }
}

function checkSidecarPort(report: Report, field: string, port: Networking_SidecarPort): void {
  checkProtocol(report, `${field}.protocol`, port.protocol);
  checkPort(report, `${field}.number`, port.number);
}

const LOOPBACK = /^(127\.0\.0\.1|0\.0\.0\.0|\[::1\]|\[::\]):(.*)$/;

/** Where a listener hands its traffic to. */
function checkDefaultEndpoint(report: Report, field: string, endpoint: string): void {
  if (endpoint === "") return;
  if (endpoint.startsWith(UNIX_PREFIX)) {
    checkUnixPath(report, field, endpoint.slice(UNIX_PREFIX.length));
    return;
  }
  const match = LOOPBACK.exec(endpoint);
  if (!match) {
    const forms = "127.0.0.1:<port>,0.0.0.0:<port>,[::1]:port,[::]:port,unix://filepath or unset";
    reject(report, field, `sidecar: defaultEndpoint must be of form ${forms}`);
    return;
  }
  const port = match[2]!;
  if (!/^[+-]?\d+$/.test(port)) {
    const reason = `strconv.Atoi: parsing ${JSON.stringify(port)}: invalid syntax`;
    reject(report, field, `sidecar: defaultEndpoint port (${port}) is not a number: ${reason}`);
  } else {
    checkPort(report, field, Number(port));
  }
}

function checkIngressTls(report: Report, field: string, { tls, port }: Networking_IstioIngressListener): void {
  if (!tls) return;
  const { mode = "PASSTHROUGH" } = tls;
  if (mode === "ISTIO_MUTUAL" || mode === "AUTO_PASSTHROUGH") {
    reject(report, `${field}.mode`, `configuration is invalid: cannot set mode to ${mode} in sidecar ingress tls`);
  }
  if (tls.httpsRedirect) reject(report, `${field}.httpsRedirect`, "sidecar: httpsRedirect is not supported");
  if (tls.credentialName) {
    reject(report, `${field}.credentialName`, "sidecar: credentialName is not currently supported");
  }
  if ((tls.credentialNames ?? []).length > 0) {
    reject(report, `${field}.credentialNames`, "sidecar: credentialNames is not currently supported");
  }
  if ((tls.tlsCertificates ?? []).length > 0) {
    reject(report, `${field}.tlsCertificates`, "sidecar: tls_certificates is not currently supported");
  }
  if ((tls.subjectAltNames ?? []).length > 0) {
    reject(report, `${field}.subjectAltNames`, "sidecar: subjectAltNames is not supported in ingress tls");
  }
  if (!isTlsProtocol(port?.protocol)) {
    reject(report, field, "server cannot have TLS settings for non HTTPS/TLS ports");
  }
  if (mode !== "ISTIO_MUTUAL") checkServerTls(report, field, tls);
}

function checkEgress(report: Report, listeners: readonly Networking_IstioEgressListener[], ownNamespace: string): void {
  const addresses = new Set<string>();
  for (const [i, listener] of listeners.entries()) {
    const field = `spec.egress[${i}]`;
    const { port, bind = "" } = listener;
    if (!port && i !== listeners.length - 1) {
      reject(report, field, "sidecar: the egress listener with empty port should be the last listener in the list");
    }
    if (port) {
      checkEgressPort(report, field, port, listener);
      const address = `${bind}:${port.number ?? 0}`;
      if (addresses.has(address)) {
        reject(report, field, `sidecar: ports and binds of egress listeners must be unique, found ${address} twice`);
      }
      addresses.add(address);
    } else if (bind !== "") {
      checkBind(report, `${field}.bind`, bind);
    }
    const names = listener.hosts ?? [];
    if (names.length === 0) {
      reject(report, `${field}.hosts`, "sidecar: egress listener must contain at least one host");
      continue;
    }
    for (const [j, host] of names.entries()) checkEgressHost(report, `${field}.hosts[${j}]`, host);
    warnOfRepeatedHosts(report, names, ownNamespace);
  }
}

function checkEgressPort(
  report: Report,
  field: string,
  port: Networking_SidecarPort,
  { bind = "", captureMode = "DEFAULT" }: Networking_IstioEgressListener,
): void {
  const unix = bind.startsWith(UNIX_PREFIX);
  checkProtocol(report, `${field}.port.protocol`, port.protocol);
  if ((port.number ?? 0) === 0) {
    if (!unix) {
      reject(report, `${field}.bind`, "sidecar: ports with 0 value must have a unix domain socket bind address");
      return;
    }
    checkUnixPath(report, `${field}.bind`, bind.slice(UNIX_PREFIX.length));
    if (captureMode === "IPTABLES") {
      const reason = "sidecar: captureMode must be DEFAULT/NONE for unix domain socket listeners";
      reject(report, `${field}.captureMode`, reason);
    }
    return;
  }
  checkPort(report, `${field}.port.number`, port.number);
  checkBind(report, `${field}.bind`, bind);
}

function checkBind(report: Report, field: string, bind: string): void {
  if (bind !== "" && !isIpAddress(bind)) reject(report, field, `${bind} is not a valid IP`);
}

/** `namespace/dnsName`, where a `~` before the namespace leaves hosts out. */
function checkEgressHost(report: Report, field: string, host: string): void {
  const parts = host.split("/");
  if (parts.length !== 2) {
    reject(report, field, "host must be of form namespace/dnsName");
    return;
  }
  const [namespace = "", name = ""] = parts;
  if (namespace === "" || name === "") {
    reject(report, field, "config namespace and dnsName in host entry cannot be empty");
  }
  const named = namespace.startsWith("~") ? namespace.slice(1) : namespace;
  if (namespace !== "" && named !== "" && named !== "*" && named !== "." && !isDnsLabel(named)) {
    reject(report, field, `invalid namespace value ${JSON.stringify(namespace)} in sidecar`);
  }
  // Short names could stand for several services.
  if (name !== "*" && !name.includes(".")) reject(report, field, "short names (non FQDN) are not allowed");
  checkThat(report, field, wildcardDomainProblem(name));
  if (name === "") reject(report, field, "empty domain name not allowed");
  else checkThat(report, field, partialWildcardProblem(name));
}

/** Hosts of one listener that others of it include already. */
function warnOfRepeatedHosts(report: Report, names: readonly string[], ownNamespace: string): void {
  const plain = names.filter((name) => !name.startsWith("~"));
  if (plain.includes("*/*")) {
    if (plain.length > 1) warn(report, "`*/*` host select all resources, no other hosts can be added");
    return;
  }
  const seen = new Set<string>();
  const whole = new Set<string>();
  for (const name of plain) {
    const full = name.startsWith("./") ? ownNamespace + name.slice(1) : name;
    const namespace = full.slice(0, full.indexOf("/"));
    if (seen.has(full) || whole.has(namespace)) warn(report, `duplicated egress host: ${name}`);
    seen.add(full);
    if (full.endsWith("/*")) whole.add(namespace);
  }
}

function checkOutboundPolicy(report: Report, policy: Networking_OutboundTrafficPolicy): void {
  const { egressProxy, mode = "REGISTRY_ONLY" } = policy;
  if (!egressProxy) return;
  const field = "spec.outboundTrafficPolicy.egressProxy";
  if (mode !== "ALLOW_ANY") {
    reject(report, field, "sidecar: egress_proxy must be set only with ALLOW_ANY outbound_traffic_policy mode");
    return;
  }
  checkDestination(report, field, egressProxy);
  if (!egressProxy.port) reject(report, `${field}.port`, "sidecar: egress_proxy port must be non-nil");
}
