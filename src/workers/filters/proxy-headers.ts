// Headers by which a proxy shows itself, where its settings ask for others than usual. Worker threads, pure.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#ProxyConfig-ProxyHeaders
import type { Mesh_ProxyConfig } from "../../shared/gen/istio.js";
import type { ConnectionManager } from "./connection-manager.ts";

/** Names of forwarding of client certificates, with Envoy's numbers. */
export const CLIENT_CERTIFICATES: Readonly<Record<string, number>> = {
  SANITIZE: 0,
  FORWARD_ONLY: 1,
  APPEND_FORWARD: 2,
  SANITIZE_SET: 3,
  ALWAYS_FORWARD_ONLY: 4,
};

const PASS_THROUGH = 2;

/** Fields of a connection manager. `own` has what the manager says already. */
export function proxyHeaders(config: Mesh_ProxyConfig, own: ConnectionManager): ConnectionManager {
  const headers = config.proxyHeaders;
  if (!headers) return {};
  const { server, setCurrentClientCertDetails: details, requestId } = headers;
  const forward = CLIENT_CERTIFICATES[headers.forwardedClientCert ?? ""];
  const out: ConnectionManager = {};
  if (server?.disabled) {
    out.serverHeaderTransformation = PASS_THROUGH;
    if (own.serverName) out.serverName = "";
  } else if (server?.value && own.serverName) {
    out.serverName = server.value;
  }
  // Who shows no certificates, as a client's side, doesn't begin to.
  if (forward !== undefined && own.setCurrentClientCertDetails) out.forwardClientCertDetails = forward;
  if (details && own.setCurrentClientCertDetails) {
    out.setCurrentClientCertDetails = {
      ...own.setCurrentClientCertDetails,
      ...(details.subject === undefined ? {} : { subject: { value: details.subject } }),
      ...(details.cert === undefined ? {} : { cert: details.cert }),
      ...(details.chain === undefined ? {} : { chain: details.chain }),
      ...(details.dns === undefined ? {} : { dns: details.dns }),
      ...(details.uri === undefined ? {} : { uri: details.uri }),
    };
  }
  if (requestId?.disabled) out.generateRequestId = { value: false };
  return out;
}
