// RDS: the route configurations that a proxy asks for by name. Worker threads.
import { envoy } from "../../../shared/gen/envoy.js";
import { proxyScope } from "../../scope/proxy-scope.ts";
import type { Generator } from "../generator.ts";
import { gatewayRouteConfig } from "./gateway-routes.ts";
import { sidecarRouteConfig } from "./sidecar-routes.ts";
import { forUpstreamEnvoy } from "./upstream-routes.ts";

const { RouteConfiguration } = envoy.config.route.v3;

export const generateRoutes: Generator = (input, sink) => {
  const scope = proxyScope(input.ctx, input.view, input.viewId);
  for (const name of input.names ?? []) {
    const sidecar = input.view.type === "sidecar";
    const config = sidecar ? sidecarRouteConfig(name, input, scope) : gatewayRouteConfig(name, input, scope);
    if (config) sink.add(name, RouteConfiguration, input.view.istioFilters ? config : forUpstreamEnvoy(config));
  }
};
