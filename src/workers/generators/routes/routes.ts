// RDS: the route configurations that a proxy asks for by name. Worker threads.
import { proxyScope } from "../../scope/proxy-scope.ts";
import type { Generator } from "../generator.ts";
import { gatewayRouteConfig } from "./gateway-routes.ts";
import { SidecarRoutes } from "./sidecar-routes.ts";

export const generateRoutes: Generator = (input, sink) => {
  const scope = proxyScope(input.ctx, input.view);
  const forGrpc = input.view.generator === "grpc";
  if (forGrpc || input.view.type === "sidecar") {
    const routes = new SidecarRoutes(input, scope);
    for (const name of input.names ?? []) {
      const config = forGrpc ? routes.grpcConfig(name) : routes.config(name);
      if (config) sink.addOwned(name, config);
    }
    return;
  }
  for (const name of input.names ?? []) {
    const config = gatewayRouteConfig(name, input, scope);
    if (config) sink.addOwned(name, config);
  }
};
