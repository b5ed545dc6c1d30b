// Headers by which a proxy shows itself, where its settings ask for others than usual. Worker threads, pure.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#ProxyConfig-ProxyHeaders
import type { envoy } from "../../shared/gen/envoy.js";
import type { Mesh_ProxyConfig } from "../../shared/gen/istio.js";
import type { HostHeaders } from "../routing/host-headers.ts";
import type { ConnectionManager } from "./connection-manager.ts";
import type { Direction } from "./telemetry/modes.ts";

/** Names of forwarding of client certificates, with Envoy's numbers. */
export const CLIENT_CERTIFICATES: Readonly<Record<string, number>> = {
  SANITIZE: 0,
  FORWARD_ONLY: 1,
  APPEND_FORWARD: 2,
  SANITIZE_SET: 3,
  ALWAYS_FORWARD_ONLY: 4,
};

const PASS_THROUGH = 2;

const FORMATTER = "envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig";

/** HTTP/1.1 with its headers' names written as they came; the formatter's settings are empty, and so are their bytes. */
export const AS_WRITTEN: envoy.config.core.v3.IHttp1ProtocolOptions = {
  headerKeyFormat: {
    statefulFormatter: {
      name: "preserve_case",
      typedConfig: { type_url: `type.googleapis.com/${FORMATTER}`, value: new Uint8Array() },
    },
  },
};

/** True where names of HTTP/1.1's headers keep their case. */
export function keepsHeaderCase({ proxyHeaders }: Mesh_ProxyConfig): boolean {
  return proxyHeaders?.preserveHttp1HeaderCase === true;
}

/** What the virtual hosts of a proxy's outbound routes tell their servers. */
export function hostHeaders({ proxyHeaders }: Mesh_ProxyConfig): HostHeaders {
  return {
    attempts: proxyHeaders?.attemptCount?.disabled !== true,
    forwardedHost: proxyHeaders?.xForwardedHost?.enabled === true,
  };
}

/**
 * Fields of a connection manager. `own` has what the manager says already. What is told of clients' certificates is for
 * servers' sidecars: gateways have a setting of their own, in their topology.
 */
export function proxyHeaders(
  config: Mesh_ProxyConfig,
  own: ConnectionManager,
  direction: Direction,
): ConnectionManager {
  const headers = config.proxyHeaders;
  if (!headers) return {};
  const { server, requestId, xForwardedPort } = headers;
  const out: ConnectionManager = {};
  if (server?.disabled) {
    out.serverHeaderTransformation = PASS_THROUGH;
    if (own.serverName) out.serverName = "";
  } else if (server?.value) {
    out.serverName = server.value;
  }
  if (direction === "inbound") Object.assign(out, clientCertificates(headers, own));
  if (requestId?.disabled) out.generateRequestId = { value: false };
  if (xForwardedPort?.enabled) out.appendXForwardedPort = true;
  // HTTP/3 has no such names.
  if (keepsHeaderCase(config) && !own.http3ProtocolOptions) {
    out.httpProtocolOptions = { ...own.httpProtocolOptions, ...AS_WRITTEN };
  }
  return out;
}

function clientCertificates(
  headers: NonNullable<Mesh_ProxyConfig["proxyHeaders"]>,
  own: ConnectionManager,
): ConnectionManager {
  const forward = CLIENT_CERTIFICATES[headers.forwardedClientCert ?? ""];
  const details = headers.setCurrentClientCertDetails;
  return {
    ...(forward === undefined ? {} : { forwardClientCertDetails: forward }),
    ...(details
      ? {
          setCurrentClientCertDetails: {
            ...own.setCurrentClientCertDetails,
            ...(details.subject === undefined ? {} : { subject: { value: details.subject } }),
            ...(details.cert === undefined ? {} : { cert: details.cert }),
            ...(details.chain === undefined ? {} : { chain: details.chain }),
            ...(details.dns === undefined ? {} : { dns: details.dns }),
            ...(details.uri === undefined ? {} : { uri: details.uri }),
          },
        }
      : {}),
  };
}
