// Rules of MeshConfig, of the ProxyConfig in it, and of MeshNetworks. Main thread.
import type { Mesh_MeshNetworks, Mesh_ProxyConfig, Mesh_Tracing } from "../../../shared/gen/istio.js";
import { fqdnProblem, isIpAddress, isIpOrRange, wildcardDomainProblem } from "../common/addresses.ts";
import { durationMs } from "../common/values.ts";
import { type Report, reject, warn } from "../report.ts";

const AUTH_POLICIES = ["NONE", "MUTUAL_TLS"];

/** The settings of a proxy; `field` leads to them. */
export function checkProxyConfig(report: Report, field: string, config: Mesh_ProxyConfig): void {
  const at = (name: string): string => (field === "" ? name : `${field}.${name}`);
  if (!config.configPath) reject(report, at("configPath"), "config path must be set");
  if (!config.binaryPath) reject(report, at("binaryPath"), "binary path must be set");
  if (config.serviceCluster === undefined && config.tracingServiceName === undefined) {
    reject(report, at("serviceCluster"), "oneof service cluster or tracing service name must be specified");
  } else if (config.serviceCluster === "") {
    reject(report, at("serviceCluster"), "service cluster must be specified");
  }
  for (const [name, label] of [
    ["drainDuration", "drain"],
    ["terminationDrainDuration", "termination drain"],
  ] as const) {
    const duration = config[name];
    if (duration === undefined && name !== "drainDuration") continue;
    if (duration === undefined || durationMs(duration) < 1) {
      reject(report, at(name), `invalid ${label} duration: duration must be greater than 1ms`);
    }
  }
  checkAddresses(report, at, config);
  checkPortOf(report, at("proxyAdminPort"), "invalid proxy admin port", config.proxyAdminPort);
  const policy: unknown = config.controlPlaneAuthPolicy ?? "NONE";
  if (!AUTH_POLICIES.includes(String(policy))) {
    const reason = `invalid authentication policy: unrecognized control plane auth policy ${JSON.stringify(String(policy))}`;
    reject(report, at("controlPlaneAuthPolicy"), reason);
  }
  checkPortOf(report, at("statusPort"), "invalid status port", config.statusPort);
  checkPrivateKeyProvider(report, at("privateKeyProvider"), config);
  if (config.proxyMetadata?.ISTIO_META_DNS_AUTO_ALLOCATE !== undefined) {
    const link = "https://istio.io/latest/docs/ops/configuration/traffic-management/dns-proxy/#dns-auto-allocation-v2";
    const text = `'ISTIO_META_DNS_AUTO_ALLOCATE' is deprecated; review ${link} for information about replacement functionality`;
    warn(report, text);
  }
}

function checkAddresses(report: Report, at: (name: string) => string, config: Mesh_ProxyConfig): void {
  if (!config.discoveryAddress) {
    reject(report, at("discoveryAddress"), "discovery address must be set to the proxy discovery service");
  } else {
    checkAddress(report, at("discoveryAddress"), "invalid discovery address", config.discoveryAddress);
  }
  if (config.tracing) checkTracing(report, at("tracing"), config.tracing);
  const { statsdUdpAddress = "", envoyMetricsService, envoyAccessLogService } = config;
  if (statsdUdpAddress !== "") {
    const prefix = `invalid statsd udp address ${JSON.stringify(statsdUdpAddress)}`;
    checkAddress(report, at("statsdUdpAddress"), prefix, statsdUdpAddress);
  }
  for (const [name, label, service] of [
    ["envoyMetricsService", "metrics", envoyMetricsService],
    ["envoyAccessLogService", "access log", envoyAccessLogService],
  ] as const) {
    const address = service?.address ?? "";
    if (address === "") continue;
    const prefix = `invalid envoy ${label} service address ${JSON.stringify(address)}`;
    checkAddress(report, `${at(name)}.address`, prefix, address);
  }
}

/** A host and a port. */
function checkAddress(report: Report, field: string, prefix: string, address: string): void {
  // An IPv6 address stands in brackets; `$(NAME)` is filled in by Kubernetes.
  const match = /^(\[[^\]]*\]|[^:]*):([^:]*)$/.exec(address);
  if (!match) {
    const shown = address === "" ? "" : `address ${address}: `;
    reject(report, field, `${prefix}: unable to split ${JSON.stringify(address)}: ${shown}missing port in address`);
    return;
  }
  const host = match[1]!.replace(/^\[|\]$/g, "");
  const port = match[2]!;
  if (!/^\d+$/.test(port)) {
    reject(
      report,
      field,
      `${prefix}: port (${port}) is not a number: strconv.Atoi: parsing ${JSON.stringify(port)}: invalid syntax`,
    );
    return;
  }
  checkPortOf(report, field, prefix, Number(port));
  if (/^\$\([A-Z_][A-Z0-9_]*\)$/.test(host) || isIpAddress(host)) return;
  const problem = wildcardDomainProblem(host);
  if (problem !== undefined) reject(report, field, `${prefix}: invalid host: ${problem}`);
}

function checkPortOf(report: Report, field: string, prefix: string, port: number | undefined): void {
  const number = port ?? 0;
  if (number >= 1 && number <= 65535) return;
  reject(report, field, `${prefix}: port number ${number} must be in the range 1..65535`);
}

function checkTracing(report: Report, field: string, tracing: Mesh_Tracing): void {
  const { zipkin, lightstep, datadog } = tracing;
  if (zipkin) checkAddress(report, `${field}.zipkin.address`, "invalid zipkin config", zipkin.address ?? "");
  if (lightstep) {
    const { address = "", accessToken = "" } = lightstep;
    if (address === "") reject(report, `${field}.lightstep.address`, "invalid lightstep config: address is required");
    checkAddress(report, `${field}.lightstep.address`, "invalid lightstep config: invalid lightstep address", address);
    if (accessToken === "") {
      reject(report, `${field}.lightstep.accessToken`, "invalid lightstep config: access token is required");
    }
  }
  if (datadog) checkAddress(report, `${field}.datadog.address`, "invalid datadog config", datadog.address ?? "");
  for (const [name, tag] of Object.entries(tracing.customTags ?? {})) {
    const path = `${field}.customTags[${JSON.stringify(name)}]`;
    const prefix = "invalid tracing custom tags:";
    if (name === "") reject(report, path, `${prefix} name cannot be empty`);
    if (tag.literal) {
      if (!tag.literal.value) reject(report, path, `${prefix} literal value of ${name} cannot be empty`);
    } else if (tag.environment) {
      if (!tag.environment.name) reject(report, path, `${prefix} environment variable of ${name} cannot be empty`);
    } else if (tag.header) {
      if (!tag.header.name) reject(report, path, `${prefix} header of ${name} cannot be empty`);
    } else {
      reject(report, path, `${prefix} encountered nil value for custom tag: ${name}`);
    }
  }
}

function checkPrivateKeyProvider(report: Report, field: string, { privateKeyProvider }: Mesh_ProxyConfig): void {
  if (!privateKeyProvider) return;
  const prefix = "invalid private key provider configuration:";
  const found = Object.entries({ cryptomb: privateKeyProvider.cryptomb, qat: privateKeyProvider.qat }).find(
    ([, settings]) => settings !== undefined,
  );
  if (!found) {
    reject(report, field, `${prefix} confirm that private key provider configuration is set`);
    return;
  }
  const [name, settings] = found;
  const delay = settings?.pollDelay;
  if (delay === undefined) reject(report, `${field}.${name}.pollDelay`, `${prefix} pollDelay is required`);
  else if (durationMs(delay) === 0)
    reject(report, `${field}.${name}.pollDelay`, `${prefix} pollDelay must be non zero`);
}

/** Names that stand for registries of Kubernetes. */
export function checkMeshNetworks(report: Report, { networks }: Mesh_MeshNetworks): void {
  for (const [name, network] of Object.entries(networks ?? {})) {
    const field = `networks[${JSON.stringify(name)}]`;
    const bad = (path: string, reason: string): void =>
      reject(report, `${field}.${path}`, `invalid network ${name}: ${reason}`);
    if ((network.endpoints ?? []).length === 0) bad("endpoints", "endpoints of network cannot be empty");
    for (const [i, endpoint] of (network.endpoints ?? []).entries()) {
      const { fromCidr, fromRegistry } = endpoint;
      if (fromCidr !== undefined && !(fromCidr.includes("/") && isIpOrRange(fromCidr))) {
        bad(`endpoints[${i}].fromCidr`, `invalid CIDR range: ${fromCidr}`);
      }
      if (fromRegistry !== undefined && !/^[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?$/.test(fromRegistry)) {
        bad(`endpoints[${i}].fromRegistry`, `invalid registry name: ${fromRegistry}`);
      }
    }
    for (const [i, gateway] of (network.gateways ?? []).entries()) {
      const { address, registryServiceName, port = 0 } = gateway;
      if (address !== undefined && !isIpAddress(address) && fqdnProblem(address) !== undefined) {
        bad(`gateways[${i}].address`, `invalid gateway address: ${address}`);
      }
      if (registryServiceName !== undefined && fqdnProblem(registryServiceName) !== undefined) {
        bad(`gateways[${i}].registryServiceName`, `invalid service name: ${registryServiceName}`);
      }
      if (port < 1 || port > 65535) bad(`gateways[${i}].port`, `port number ${port} must be in the range 1..65535`);
    }
  }
}
