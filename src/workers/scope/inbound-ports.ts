// The ports of the application beside a sidecar, from its service targets or its Sidecar's ingress. Worker threads.
import type { Networking_ConnectionPoolSettings } from "../../shared/gen/istio.js";
import { parseProtocol, type ServicePort, type ServiceTarget } from "../../shared/model/service.ts";
import type { ProxyView } from "../../shared/model/view.ts";
import type { ProxyScope } from "./proxy-scope.ts";

export interface InboundPort {
  /** Port that the application listens on and clients of the pod use. */
  readonly targetPort: number;
  /** The service port; of several with one target port, the first. */
  readonly port: ServicePort;
  /** All service ports that lead here, the one that counts first. */
  readonly targets: readonly ServiceTarget[];
  readonly clusterName: string;
  /** Address to listen on, where a Sidecar's ingress gives one; "" for the virtual inbound listener. */
  readonly bind: string;
  /** Where to send to, where a Sidecar's ingress says; else where the traffic was meant to go. */
  readonly endpoint: { readonly address: string; readonly port: number } | undefined;
  readonly connectionPool: Networking_ConnectionPoolSettings | undefined;
}

/** `inbound|8080||` */
export function inboundClusterName(port: number): string {
  return `inbound|${port}||`;
}

/** The ports of a sidecar's application by number. */
export function inboundPorts(view: ProxyView, scope: ProxyScope): InboundPort[] {
  if (view.type !== "sidecar") return [];
  const byPort = new Map<number, ServiceTarget[]>();
  for (const target of view.serviceTargets) {
    if (target.port.protocol === "UDP") continue;
    const list = byPort.get(target.targetPort);
    if (list) list.push(target);
    else byPort.set(target.targetPort, [target]);
  }
  if (scope.ingress.length > 0) return ingressPorts(scope, view);
  return [...byPort].map(([targetPort, targets]): InboundPort => {
    const first = targets[0]!;
    return {
      targetPort,
      port: first.port,
      targets: [first],
      clusterName: inboundClusterName(targetPort),
      bind: "",
      endpoint: undefined,
      connectionPool: undefined,
    };
  });
}

function ingressPorts(scope: ProxyScope, view: ProxyView): InboundPort[] {
  return scope.ingress.flatMap((listener): InboundPort[] => {
    const number = listener.port?.number ?? 0;
    if (number === 0) return [];
    const targets = view.serviceTargets.filter((t) => t.targetPort === number || t.port.port === number);
    return [
      {
        targetPort: number,
        port: { name: listener.port?.name ?? "", port: number, protocol: parseProtocol(listener.port?.protocol ?? "") },
        targets: targets.slice(0, 1),
        clusterName: inboundClusterName(number),
        bind: listener.bind ?? "",
        endpoint: parseEndpoint(listener.defaultEndpoint ?? ""),
        connectionPool: listener.connectionPool,
      },
    ];
  });
}

/** `127.0.0.1:8080` or `unix:///path`; 0.0.0.0 means the address that the traffic was meant for. */
function parseEndpoint(text: string): InboundPort["endpoint"] {
  if (text === "") return undefined;
  if (text.startsWith("unix://")) return { address: text, port: 0 };
  const at = text.lastIndexOf(":");
  const address = text.slice(0, at).replace(/^\[|\]$/g, "");
  if (address === "0.0.0.0" || address === "::") return undefined;
  return { address, port: Number(text.slice(at + 1)) };
}
