// Istio's kinds: the API versions that are served, and the message of each kind's spec. Main thread.
import type { IstioKind } from "../../shared/model/config.ts";

export interface IstioKindInfo {
  readonly group: string;
  readonly versions: readonly string[];
  /** Full name of the message that `spec` is. */
  readonly message: string;
}

const NETWORKING = ["v1", "v1beta1", "v1alpha3"];

export const ISTIO_KIND_INFO: Readonly<Record<IstioKind, IstioKindInfo>> = {
  VirtualService: networking("VirtualService"),
  DestinationRule: networking("DestinationRule"),
  Gateway: networking("Gateway"),
  ServiceEntry: networking("ServiceEntry"),
  WorkloadEntry: networking("WorkloadEntry"),
  WorkloadGroup: networking("WorkloadGroup"),
  Sidecar: networking("Sidecar"),
  EnvoyFilter: networking("EnvoyFilter", ["v1alpha3"]),
  ProxyConfig: { group: "networking.istio.io", versions: ["v1beta1"], message: "istio.networking.v1beta1.ProxyConfig" },
  AuthorizationPolicy: security("AuthorizationPolicy"),
  PeerAuthentication: security("PeerAuthentication"),
  RequestAuthentication: security("RequestAuthentication"),
  Telemetry: {
    group: "telemetry.istio.io",
    versions: ["v1", "v1alpha1"],
    message: "istio.telemetry.v1alpha1.Telemetry",
  },
  WasmPlugin: extensions("WasmPlugin"),
  TrafficExtension: extensions("TrafficExtension"),
};

function networking(kind: string, versions: readonly string[] = NETWORKING): IstioKindInfo {
  return { group: "networking.istio.io", versions, message: `istio.networking.v1alpha3.${kind}` };
}

function security(kind: string): IstioKindInfo {
  return { group: "security.istio.io", versions: ["v1", "v1beta1"], message: `istio.security.v1beta1.${kind}` };
}

function extensions(kind: string): IstioKindInfo {
  return { group: "extensions.istio.io", versions: ["v1alpha1"], message: `istio.extensions.v1alpha1.${kind}` };
}

/** The API groups of Istio's own configuration; a kind of the same name in another group is something else. */
export const ISTIO_GROUPS: ReadonlySet<string> = new Set(Object.values(ISTIO_KIND_INFO).map((info) => info.group));

/** The group and version of an `apiVersion`; the core group is "". */
export function splitApiVersion(apiVersion: string): { group: string; version: string } {
  const slash = apiVersion.indexOf("/");
  if (slash === -1) return { group: "", version: apiVersion };
  return { group: apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1) };
}
