// HTTP and gRPC requests to providers, as operators configure them. Worker threads, pure.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig-ExtensionProvider-HttpService
import type { envoy } from "../../../shared/gen/envoy.js";
import type {
  Mesh_MeshConfig_ExtensionProvider_HttpHeader as Header,
  Mesh_MeshConfig_ExtensionProvider_HttpService as HttpProvider,
} from "../../../shared/gen/istio.js";
import { parseDuration } from "../../encode/values.ts";
import type { ProviderService } from "../../scope/provider-service.ts";

const OVERWRITE = 2;

/** Headers that replace any of the same name. Those from the environment were read with the mesh's settings. */
export function headerOptions(headers: readonly Header[] | undefined): envoy.config.core.v3.IHeaderValueOption[] {
  return headerValues(headers).map((header) => ({ appendAction: OVERWRITE, header }));
}

/** The same as gRPC's metadata. */
export function headerValues(headers: readonly Header[] | undefined): { key: string; value: string }[] {
  return (headers ?? []).map(({ name = "", value = "" }) => ({ key: name, value }));
}

/** A service that is asked at a path of its host. */
export function httpService(
  { cluster, hostname }: ProviderService,
  { path = "", timeout, headers }: HttpProvider,
): envoy.config.core.v3.IHttpService {
  const limit = parseDuration(timeout);
  return {
    httpUri: { uri: joined(hostname, path), cluster, ...(limit ? { timeout: limit } : {}) },
    requestHeadersToAdd: headerOptions(headers),
  };
}

/** The host with the path, whose slashes and dots are resolved. */
function joined(hostname: string, path: string): string {
  const out: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") out.pop();
    else if (part !== "" && part !== ".") out.push(part);
  }
  return [hostname, ...out].join("/") + (path.endsWith("/") ? "/" : "");
}
