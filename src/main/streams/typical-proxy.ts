// A proxy that isn't there, like most that will come: what workers rehearse with. Main thread, pure.
import type { ProxyIdentity } from "../../shared/model/proxy.ts";
import { identityOf } from "./proxy-identity.ts";

/** A sidecar of Istio's build in the namespace. */
export function typicalProxy(namespace: string, domainSuffix: string): ProxyIdentity {
  return identityOf({
    id: `sidecar~127.0.0.1~typical.${namespace}~${namespace}.svc.${domainSuffix}`,
    cluster: "",
    metadata: { NAMESPACE: namespace },
    locality: { region: "", zone: "", subZone: "" },
    extensions: null,
    userAgentName: "envoy",
  });
}
