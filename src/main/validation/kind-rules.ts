// The semantic rules of each kind. Main thread.
import type { IstioKind } from "../../shared/model/config.ts";
import { checkAuthorizationPolicy } from "./kinds/authorization-policy.ts";
import { checkDestinationRule } from "./kinds/destination-rule.ts";
import { checkEnvoyFilter } from "./kinds/envoy-filter.ts";
import { checkTrafficExtension, checkWasmPlugin } from "./kinds/extensions.ts";
import { checkGateway } from "./kinds/gateway.ts";
import { checkPeerAuthentication } from "./kinds/peer-authentication.ts";
import { checkProxyConfigObject } from "./kinds/proxy-config.ts";
import { checkRequestAuthentication } from "./kinds/request-authentication.ts";
import { checkServiceEntry } from "./kinds/service-entry.ts";
import { checkSidecar } from "./kinds/sidecar.ts";
import { checkTelemetry } from "./kinds/telemetry.ts";
import { checkVirtualService } from "./kinds/virtual-service.ts";
import { checkWorkloadEntryObject, checkWorkloadGroup } from "./kinds/workload-entry.ts";
import type { KindRules } from "./rules.ts";

export const KIND_RULES: Readonly<Record<IstioKind, KindRules>> = {
  AuthorizationPolicy: checkAuthorizationPolicy,
  DestinationRule: checkDestinationRule,
  EnvoyFilter: checkEnvoyFilter,
  Gateway: checkGateway,
  PeerAuthentication: checkPeerAuthentication,
  ProxyConfig: checkProxyConfigObject,
  RequestAuthentication: checkRequestAuthentication,
  ServiceEntry: checkServiceEntry,
  Sidecar: checkSidecar,
  Telemetry: checkTelemetry,
  TrafficExtension: checkTrafficExtension,
  VirtualService: checkVirtualService,
  WasmPlugin: checkWasmPlugin,
  WorkloadEntry: checkWorkloadEntryObject,
  WorkloadGroup: checkWorkloadGroup,
};
