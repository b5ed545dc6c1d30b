// LDS: all listeners of a view, or those that a gRPC client names. Worker threads.
import { envoy } from "../../../shared/gen/envoy.js";
import { warnOfTelemetry } from "../../filters/telemetry/problems.ts";
import { proxyScope } from "../../scope/proxy-scope.ts";
import type { Generator } from "../generator.ts";
import { gatewayListeners } from "./gateway-listeners.ts";
import { grpcListeners } from "./grpc-listeners.ts";
import { sidecarListeners } from "./sidecar-listeners.ts";

const { Listener } = envoy.config.listener.v3;

export const generateListeners: Generator = (input, sink) => {
  const scope = proxyScope(input.ctx, input.view);
  if (input.view.generator === "grpc") {
    grpcListeners(input, scope, sink);
    return;
  }
  if (input.part !== "shared") warnOfTelemetry(input.ctx, input.view, sink);
  if (input.view.type === "sidecar") {
    sidecarListeners(input, scope, sink);
    return;
  }
  for (const listener of gatewayListeners(input, scope, sink)) sink.add(listener.name!, Listener, listener);
};
