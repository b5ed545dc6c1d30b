// MeshConfig: what a user gives, laid over istiod's defaults the way istiod lays it. Main thread.
import type { Mesh_MeshConfig, Mesh_ProxyConfig } from "../../shared/gen/istio.js";
import { checkMeshConfig } from "../validation/mesh/mesh-config-rules.ts";
import type { Descriptors } from "../validation/structural/descriptors.ts";
import { defaultMeshConfig } from "./mesh-defaults.ts";
import { decodeSettings } from "./settings-file.ts";

/** A MeshConfig file as the user wrote it, decoded and without defaults. Throws MIZZEN_ERR_OPTIONS with file and line. */
export function parseMeshConfig(text: string, file: string, descriptors: Descriptors): Mesh_MeshConfig {
  const schema = descriptors.message("istio.mesh.v1alpha1.MeshConfig");
  return decodeSettings(text, file, schema, (given, report) =>
    checkMeshConfig(report, mergeMeshConfig(given as Mesh_MeshConfig)),
  ) as Mesh_MeshConfig;
}

/**
 * Each field that is given replaces the default as a whole, with four exceptions: the fields of `defaultConfig` and of
 * `defaultProviders` are replaced one by one, extension providers by name, and trust domain aliases are added.
 */
export function mergeMeshConfig(given: Mesh_MeshConfig, base: Mesh_MeshConfig = defaultMeshConfig()): Mesh_MeshConfig {
  const aliases = new Set([...(base.trustDomainAliases ?? []), ...(given.trustDomainAliases ?? [])]);
  return {
    ...base,
    ...given,
    defaultConfig: mergeProxyConfig(given.defaultConfig ?? {}, base.defaultConfig ?? {}),
    defaultProviders: { ...base.defaultProviders, ...given.defaultProviders },
    extensionProviders: mergeProviders(given, base),
    trustDomainAliases: [...aliases].sort(),
  };
}

/** Also what the annotation `proxy.istio.io/config` and a node's PROXY_CONFIG do to the mesh's default. */
export function mergeProxyConfig(given: Mesh_ProxyConfig, base: Mesh_ProxyConfig): Mesh_ProxyConfig {
  const merged: { -readonly [K in keyof Mesh_ProxyConfig]: Mesh_ProxyConfig[K] } = { ...base, ...given };
  // The two members of the oneof clusterName.
  if (given.tracingServiceName !== undefined) delete merged.serviceCluster;
  if (given.serviceCluster !== undefined) delete merged.tracingServiceName;
  if (given.proxyMetadata && base.proxyMetadata) {
    merged.proxyMetadata = { ...base.proxyMetadata, ...given.proxyMetadata };
  }
  if (given.proxyHeaders && base.proxyHeaders) {
    merged.proxyHeaders = { ...base.proxyHeaders, ...given.proxyHeaders };
  }
  return merged;
}

function mergeProviders(
  given: Mesh_MeshConfig,
  base: Mesh_MeshConfig,
): NonNullable<Mesh_MeshConfig["extensionProviders"]> {
  const byName = new Map((base.extensionProviders ?? []).map((provider) => [provider.name, provider]));
  for (const provider of given.extensionProviders ?? []) byName.set(provider.name, provider);
  return [...byName.values()];
}
