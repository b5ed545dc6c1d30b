// Which listeners a sidecar binds to a port itself, since no iptables lead traffic to it. Worker threads, pure.
// https://istio.io/latest/docs/reference/config/networking/sidecar/#CaptureMode
import type { ProxyView } from "../../shared/model/view.ts";
import type { EgressScope } from "./egress-hosts.ts";

/** True for a proxy that captures nothing: all of its listeners are bound. */
export function capturesNothing(view: ProxyView): boolean {
  return view.metadata.interceptionMode === "NONE";
}

/** True where an egress listener is bound. Nothing is captured into a Unix socket. */
export function bindsEgress(view: ProxyView, { captureMode, bind }: EgressScope): boolean {
  return capturesNothing(view) || captureMode === "NONE" || bind.startsWith("unix://");
}

/** True where an ingress listener is bound: unlike outbound, IPTABLES is believed of a proxy that captures nothing. */
export function bindsIngress(view: ProxyView, captureMode: EgressScope["captureMode"]): boolean {
  return captureMode === "DEFAULT" ? capturesNothing(view) : captureMode === "NONE";
}

/** True for a port that the proxy's process may not bind. */
export function isPrivileged(view: ProxyView, port: number): boolean {
  return view.metadata.unprivilegedPod && port > 0 && port < 1024;
}
