// MeshNetworks: which endpoints and gateways belong to which network. Main thread.
import type { Mesh_MeshNetworks } from "../../shared/gen/istio.js";
import { checkMeshNetworks } from "../validation/mesh/mesh-rules.ts";
import type { Descriptors } from "../validation/structural/descriptors.ts";
import { isObject } from "../validation/structural/json.ts";
import { decodeSettings } from "./settings-file.ts";
import { parseYaml, splitDocuments } from "./yaml-documents.ts";

/**
 * A networks file, decoded. It holds the message, or only its map from network names. Throws MIZZEN_ERR_OPTIONS with
 * file and line.
 */
export function parseMeshNetworks(text: string, file: string, descriptors: Descriptors): Mesh_MeshNetworks {
  const message = descriptors.message("istio.mesh.v1alpha1.MeshNetworks");
  if (!isBareMap(text)) {
    return decodeSettings(text, file, message, (given, report) =>
      checkMeshNetworks(report, given as Mesh_MeshNetworks),
    ) as Mesh_MeshNetworks;
  }
  const field = message.fields.get("networks")!;
  // The bare map is decoded as if each network were a field.
  const names = splitNames(text);
  const network = { ...field, shape: "single" as const };
  const fields = new Map(names.map((name) => [name, { ...network, name }]));
  const networks = decodeSettings(text, file, { fullName: message.fullName, fields }, (given, report) =>
    checkMeshNetworks(report, { networks: given } as Mesh_MeshNetworks),
  );
  return { networks } as Mesh_MeshNetworks;
}

function isBareMap(text: string): boolean {
  const names = splitNames(text);
  return names.length > 0 && !names.includes("networks");
}

function splitNames(text: string): string[] {
  const document = splitDocuments(text)[0];
  const parsed = document ? parseYaml(document) : undefined;
  return parsed?.ok && isObject(parsed.value) ? Object.keys(parsed.value) : [];
}
