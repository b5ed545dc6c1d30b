// HTTP and gRPC requests to providers, as operators configure them. Worker threads, pure.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig-ExtensionProvider-HttpService
import type { envoy } from "../../../shared/gen/envoy.js";
import type {
  Mesh_MeshConfig_ExtensionProvider_HttpHeader as Header,
  Mesh_MeshConfig_ExtensionProvider_HttpService as HttpProvider,
} from "../../../shared/gen/istio.js";
import type { PushContext } from "../../context/push-context.ts";
import { parseDuration } from "../../encode/values.ts";
import type { ProviderService } from "../../scope/provider-service.ts";

const OVERWRITE = 2;

/** Headers that replace any of the same name. */
export function headerOptions(
  ctx: PushContext,
  headers: readonly Header[] | undefined,
): envoy.config.core.v3.IHeaderValueOption[] {
  return headerValues(ctx, headers).map((header) => ({ appendAction: OVERWRITE, header }));
}

/** The same as gRPC's metadata. A value may be a variable of the control plane's environment. */
export function headerValues(
  { mesh }: PushContext,
  headers: readonly Header[] | undefined,
): { key: string; value: string }[] {
  return (headers ?? []).map(({ name = "", value, envName = "" }) => ({
    key: name,
    value: value ?? mesh.environment[envName] ?? "",
  }));
}

/** A service that is asked at a path of its host. */
export function httpService(
  ctx: PushContext,
  { cluster, hostname }: ProviderService,
  { path = "", timeout, headers }: HttpProvider,
): envoy.config.core.v3.IHttpService {
  const limit = parseDuration(timeout);
  return {
    httpUri: { uri: joined(hostname, path), cluster, ...(limit ? { timeout: limit } : {}) },
    requestHeadersToAdd: headerOptions(ctx, headers),
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
