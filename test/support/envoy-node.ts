// Nodes as Istio's Envoys have them.
import type { NodeInfo } from "../../src/shared/model/proxy.ts";

/** An Envoy of Istio's build without a place. `id`: `type~ip~name.namespace~domain`. */
export function envoyNode(id: string, cluster: string, metadata: NodeInfo["metadata"] = {}): NodeInfo {
  return {
    id,
    cluster,
    metadata,
    locality: { region: "", zone: "", subZone: "" },
    extensions: null,
    userAgentName: "envoy",
  };
}
