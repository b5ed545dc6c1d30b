// From the node in a proxy's first request to its identity. Main thread, pure.
import { isIP } from "node:net";
import { errorMessage, MizzenError } from "../../shared/errors.ts";
import { envoy, type google } from "../../shared/gen/discovery.js";
import type { GeneratorKind, NodeInfo, NodeType, ProxyIdentity } from "../../shared/model/proxy.ts";

/** An Envoy lists some hundred extensions in its node, about 50 KB. */
export const MAX_NODE_BYTES = 256 * 1024;

const NODE_TYPES: ReadonlySet<string> = new Set<NodeType>(["sidecar", "router", "waypoint", "ztunnel"]);

/** Decodes a node and reads the identity in it. Throws MIZZEN_ERR_NODE with what is wrong. */
export function readIdentity(bytes: Uint8Array): ProxyIdentity {
  if (bytes.length > MAX_NODE_BYTES) {
    throw new MizzenError("MIZZEN_ERR_NODE", `the node has ${bytes.length} bytes, ${MAX_NODE_BYTES} are allowed`);
  }
  let node: envoy.config.core.v3.Node;
  try {
    node = envoy.config.core.v3.Node.decode(bytes);
  } catch (cause) {
    throw new MizzenError("MIZZEN_ERR_NODE", `the node cannot be decoded: ${errorMessage(cause)}`, { cause });
  }
  return identityOf({
    id: node.id,
    cluster: node.cluster,
    metadata: structToJson(node.metadata),
    locality: {
      region: node.locality?.region ?? "",
      zone: node.locality?.zone ?? "",
      subZone: node.locality?.subZone ?? "",
    },
    extensions: node.extensions.length > 0 ? new Set(node.extensions.map((e) => e.name ?? "")) : null,
    userAgentName: node.userAgentName,
  });
}

/** The identity that a decoded node names: `type~ip~name.namespace~domain` and its metadata. */
export function identityOf(node: NodeInfo): ProxyIdentity {
  const parts = node.id.split("~");
  const [type, ip, id, dnsDomain] = parts;
  if (parts.length !== 4 || type === undefined || ip === undefined || !id || dnsDomain === undefined) {
    throw new MizzenError("MIZZEN_ERR_NODE", `node id ${quote(node.id)} is not type~ip~name.namespace~domain`);
  }
  if (!NODE_TYPES.has(type)) {
    throw new MizzenError(
      "MIZZEN_ERR_NODE",
      `node id ${quote(node.id)}: type ${quote(type)} is not one of ${[...NODE_TYPES].join(", ")}`,
    );
  }
  const { metadata } = node;
  const candidates = [ip, ...listOf(metadata.INSTANCE_IPS)].map((address) => address.trim());
  const ipAddresses = [...new Set(candidates)].filter((address) => isIP(address) !== 0);
  if (ipAddresses.length === 0) {
    throw new MizzenError(
      "MIZZEN_ERR_NODE",
      `node id ${quote(node.id)}: neither the id nor INSTANCE_IPS has an IP address`,
    );
  }
  const generator: GeneratorKind = metadata.GENERATOR === "grpc" ? "grpc" : "envoy";
  const namespace = typeof metadata.NAMESPACE === "string" ? metadata.NAMESPACE : "";
  return {
    type: type as NodeType,
    ipAddresses,
    id,
    namespace: namespace || dnsDomain.split(".")[0]!,
    dnsDomain,
    generator,
    node,
  };
}

function quote(text: string): string {
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text);
}

/** Lists are written as such, or joined by commas. */
function listOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.filter((item): item is string => typeof item === "string");
  return typeof value === "string" && value !== "" ? value.split(",") : [];
}

function structToJson(struct: google.protobuf.Struct.$Properties | null | undefined): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(struct?.fields ?? {})) out[name] = valueToJson(value);
  return out;
}

function valueToJson(value: google.protobuf.Value.$Properties): unknown {
  if (value.structValue) return structToJson(value.structValue);
  if (value.listValue) return (value.listValue.values ?? []).map(valueToJson);
  if (value.stringValue !== undefined && value.stringValue !== null) return value.stringValue;
  if (value.boolValue !== undefined && value.boolValue !== null) return value.boolValue;
  if (value.numberValue !== undefined && value.numberValue !== null) return value.numberValue;
  return null;
}
