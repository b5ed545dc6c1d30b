// Which of a router's servers are reached over HTTP/3, too. Worker threads, pure.
import type { ProxyView } from "../../shared/model/view.ts";
import type { PushContext } from "../context/push-context.ts";
import { endsTls, type GatewayServer } from "./gateways.ts";

/**
 * True for an HTTPS server with certificates of its user's, where the router's service lets UDP in at the server's port and
 * the mesh has PILOT_ENABLE_QUIC_LISTENERS on.
 */
export function offersHttp3(ctx: PushContext, view: ProxyView, own: GatewayServer): boolean {
  const { server, protocol, serverPort } = own;
  if (!ctx.mesh.features.quicListeners || protocol !== "HTTPS") return false;
  if (!endsTls(server) || server.tls?.mode === "ISTIO_MUTUAL") return false;
  return view.serviceTargets.some(({ port }) => port.protocol === "UDP" && port.port === serverPort);
}
