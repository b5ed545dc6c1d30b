// The ports of the application beside a sidecar, from its service targets or its Sidecar's ingress. Worker threads.
// https://istio.io/latest/docs/reference/config/networking/sidecar/#IstioIngressListener
import type {
  Networking_ConnectionPoolSettings,
  Networking_IstioIngressListener,
  Networking_ServerTLSSettings,
} from "../../shared/gen/istio.js";
import { type Protocol, parseProtocol, type ServicePort, type ServiceTarget } from "../../shared/model/service.ts";
import type { ProxyView } from "../../shared/model/view.ts";
import type { PushContext } from "../context/push-context.ts";
import { bindsIngress, capturesNothing, isPrivileged } from "./capture.ts";
import type { ProxyScope } from "./proxy-scope.ts";

export interface InboundPort {
  /** Port that the application listens on and clients of the pod use. */
  readonly targetPort: number;
  /** The service port; of several with one target port, the first. */
  readonly port: ServicePort;
  /** The service port that leads here, of several the one that counts; none where an ingress names a port without a service. */
  readonly target: ServiceTarget | undefined;
  /** Names the port's owner in traces: a service's host, or the Sidecar. */
  readonly host: string;
  readonly clusterName: string;
  /** Where to send to, where the Sidecar or the mesh says; else where the traffic was meant to go. */
  readonly endpoint: { readonly address: string; readonly port: number } | undefined;
  /** Set where a Sidecar's ingress makes the port. */
  readonly ingress: IngressPort | undefined;
}

export interface IngressPort {
  /** Address of its listener, or of the filter chains that stand for one. */
  readonly bind: string;
  /** True where the listener takes connections itself. */
  readonly bound: boolean;
  /** TLS that the proxy ends, where clients use no mesh mTLS. */
  readonly tls: Networking_ServerTLSSettings | undefined;
  readonly connectionPool: Networking_ConnectionPoolSettings | undefined;
  /** The Sidecar, as Istio's metadata names configuration. */
  readonly config: string;
}

/** `inbound|8080||` */
function inboundClusterName(port: number): string {
  return `inbound|${port}||`;
}

/** The ports of a sidecar's application. A Sidecar's ingress replaces those of the services. */
export function inboundPorts(ctx: PushContext, view: ProxyView, scope: ProxyScope): InboundPort[] {
  if (view.type !== "sidecar") return [];
  if (scope.ingress.length === 0) return capturesNothing(view) ? [] : servicePorts(ctx, view);
  const own = scope.ingress.flatMap((listener) => ingressPort(ctx, view, scope, listener));
  if (!ctx.mesh.features.sidecarInboundListenerMerge) return own;
  const taken = new Set(own.map((p) => p.targetPort));
  return [...own, ...servicePorts(ctx, view).filter((p) => !taken.has(p.targetPort))];
}

/** A process without iptables would stand in the way of its own sidecar at these: it names its ports in a Sidecar. */
function servicePorts({ mesh: { mesh } }: PushContext, view: ProxyView): InboundPort[] {
  const byPort = new Map<number, ServiceTarget>();
  for (const target of view.serviceTargets) {
    if (target.port.protocol !== "UDP" && !byPort.has(target.targetPort)) byPort.set(target.targetPort, target);
  }
  const local = mesh.inboundTrafficPolicy?.mode === "LOCALHOST";
  return [...byPort].map(([targetPort, target]) => ({
    targetPort,
    port: target.port,
    target,
    host: target.hostname,
    clusterName: inboundClusterName(targetPort),
    endpoint: local ? { address: loopback(view, false), port: targetPort } : undefined,
    ingress: undefined,
  }));
}

function ingressPort(
  ctx: PushContext,
  view: ProxyView,
  scope: ProxyScope,
  listener: Networking_IstioIngressListener,
): InboundPort[] {
  const number = listener.port?.number ?? 0;
  const bound = bindsIngress(view, listener.captureMode ?? "DEFAULT");
  if (number === 0 || (bound && isPrivileged(view, number))) return [];
  const tls = ctx.mesh.features.tlsOnSidecarIngress ? listener.tls : undefined;
  const given = parseProtocol(listener.port?.protocol ?? "");
  return [
    {
      targetPort: number,
      port: { name: listener.port?.name ?? "", port: number, protocol: tls ? afterTls(given) : given },
      target: view.serviceTargets.find((t) => t.targetPort === number),
      host: `${scope.sidecar}.${view.namespace}`,
      clusterName: inboundClusterName(number),
      endpoint: defaultEndpoint(listener.defaultEndpoint ?? "", view),
      ingress: {
        bind: listener.bind || view.ingressAddresses.find(isGlobal) || (view.ipFamilies.ipv4 ? "0.0.0.0" : "::"),
        bound,
        tls,
        connectionPool: listener.connectionPool,
        config: `/apis/networking.istio.io/v1/namespaces/${view.namespace}/sidecar/${scope.sidecar}`,
      },
    },
  ];
}

/** What is left of a protocol when the proxy has ended its TLS. */
function afterTls(protocol: Protocol): Protocol {
  if (protocol === "HTTPS") return "HTTP";
  return protocol === "TLS" ? "TCP" : protocol;
}

/** False for addresses that other hosts can't reach. */
function isGlobal(address: string): boolean {
  return !/^(127\.|169\.254\.|0\.0\.0\.0$|::1?$|fe[89ab])/i.test(address);
}

/** `127.0.0.1:8080`, `[::1]:8080`, `unix:///path`, or `0.0.0.0:8080` for an address of the proxy. */
function defaultEndpoint(text: string, view: ProxyView): InboundPort["endpoint"] {
  if (text === "") return undefined;
  if (text.startsWith("unix://")) return { address: text, port: 0 };
  const at = text.lastIndexOf(":");
  const host = text.slice(0, at).replace(/^\[|\]$/g, "");
  const port = Number(text.slice(at + 1));
  const v6 = host.includes(":");
  if (host !== "0.0.0.0" && host !== "::") return { address: loopback(view, v6), port };
  return { address: view.ingressAddresses.find((a) => a.includes(":") === v6) ?? (v6 ? "::1" : "127.0.0.1"), port };
}

/** The host itself, in the family that is wanted if the proxy has it. */
function loopback({ ipFamilies }: ProxyView, v6: boolean): string {
  return (v6 && ipFamilies.ipv6) || !ipFamilies.ipv4 ? "::1" : "127.0.0.1";
}
