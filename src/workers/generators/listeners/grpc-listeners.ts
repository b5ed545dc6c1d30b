// The listeners that gRPC's own xDS clients ask for: by `host:port` for what they call. Worker threads.
// https://github.com/grpc/proposal/blob/master/A27-xds-global-load-balancing.md
import { envoy } from "../../../shared/gen/envoy.js";
import type { ServicePort, ServiceRecord } from "../../../shared/model/service.ts";
import type { ProxyView } from "../../../shared/model/view.ts";
import { subsetKey } from "../../../shared/names/cluster-name.ts";
import { candidateHosts, parseHostPort, serverListener } from "../../../shared/names/grpc-listener.ts";
import type { ResourceSink } from "../../encode/resource-sink.ts";
import { any } from "../../encode/values.ts";
import { FAULT, ROUTER } from "../../filters/http-filters.ts";
import { STATEFUL_SESSION, statefulSession } from "../../filters/stateful-session.ts";
import { bracketed } from "../../routing/domains.ts";
import type { ProxyScope } from "../../scope/proxy-scope.ts";
import { serviceAddresses } from "../../scope/service-address.ts";
import type { GenerateInput } from "../generator.ts";
import { serverListenerConfig } from "./grpc-server-listener.ts";

type Listener = envoy.config.listener.v3.IListener;

const { Listener: ListenerCodec } = envoy.config.listener.v3;
const { HttpConnectionManager } = envoy.extensions.filters.network.http_connection_manager.v3;
const HCM = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";

/** Those that are asked for; for whoever names none, those of all services, by their full names. */
export function grpcListeners(input: GenerateInput, scope: ProxyScope, sink: ResourceSink): void {
  const add = (listener: Listener | undefined): void => {
    if (listener) sink.add(listener.name!, ListenerCodec, listener);
  };
  if (input.names) {
    for (const name of input.names) {
      const server = serverListener(name);
      add(server ? serverListenerConfig(name, server, input, sink) : clientListenerNamed(name, input, scope));
    }
    return;
  }
  for (const service of scope.byHostname.values()) {
    for (const port of service.ports) {
      add(clientListener(`${bracketed(service.hostname)}:${port.port}`, service, port, input));
    }
  }
}

function clientListenerNamed(name: string, input: GenerateInput, scope: ProxyScope): Listener | undefined {
  const said = parseHostPort(name);
  if (!said) return undefined;
  for (const host of candidateHosts(said.host, input.view.dnsDomain)) {
    const service = scope.byHostname.get(host);
    const port = service?.ports.find((p) => p.port === said.port);
    if (service && port) return clientListener(name, service, port, input);
  }
  return undefined;
}

/** The listener of a service's port, which says where its routes are. Nobody listens at its address. */
function clientListener(
  name: string,
  service: ServiceRecord,
  { port }: ServicePort,
  { ctx, view }: GenerateInput,
): Listener {
  const sessions = statefulSession(ctx, service) ? [STATEFUL_SESSION] : [];
  const manager = {
    httpFilters: [...sessions, FAULT, ROUTER],
    rds: { configSource: { ads: {} }, routeConfigName: subsetKey("outbound", "", service.hostname, port) },
  };
  return {
    name,
    address: { socketAddress: { address: addressOf(service, view), portValue: port } },
    apiListener: { apiListener: any(HCM, HttpConnectionManager, manager) },
  };
}

function addressOf(service: ServiceRecord, view: ProxyView): string {
  return serviceAddresses(service, view)[0] ?? "0.0.0.0";
}
