// The access log of a provider. Worker threads, pure.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig-ExtensionProvider
import { envoy } from "../../../shared/gen/envoy.js";
import type { Mesh_MeshConfig } from "../../../shared/gen/istio.js";
import type { PushContext } from "../../context/push-context.ts";
import { any } from "../../encode/values.ts";
import { findProviderService, type ProviderService } from "../../scope/provider-service.ts";
import { jsonFormat, textFormat } from "./log-format.ts";
import { type AccessLog, httpServiceLog, otelLog, tcpServiceLog } from "./log-services.ts";
import type { Provider } from "./providers.ts";

type Format = envoy.config.core.v3.ISubstitutionFormatString;

const { FileAccessLog } = envoy.extensions.access_loggers.file.v3;

/** The provider that every mesh has: without a format of its own it uses the mesh's. */
const BUILT_IN = "envoy";

/** What a provider is sent, or why it can't be sent anything. */
export function providerLog(ctx: PushContext, provider: Provider): AccessLog | { readonly problem: string } {
  const { envoyFileAccessLog: file, envoyHttpAls, envoyTcpAls, envoyOtelAls } = provider;
  if (file) {
    const path = file.path || "/dev/stdout";
    if (provider.name === BUILT_IN && !file.logFormat && !file.omitEmptyValues) return meshFileLog(ctx.mesh.mesh, path);
    const { text, labels } = file.logFormat ?? {};
    return fileLog(path, labels ? jsonFormat(labels, file.omitEmptyValues) : textFormat(text, file.omitEmptyValues));
  }
  if (envoyHttpAls) return serviceLog(ctx, envoyHttpAls, (service) => httpServiceLog(envoyHttpAls, service));
  if (envoyTcpAls) return serviceLog(ctx, envoyTcpAls, (service) => tcpServiceLog(envoyTcpAls, service));
  if (envoyOtelAls) return serviceLog(ctx, envoyOtelAls, (service) => otelLog(envoyOtelAls, service));
  return { problem: "a provider of this kind takes no access logs" };
}

/** Into a file, in the format that the mesh's settings give. */
export function meshFileLog(mesh: Mesh_MeshConfig, path: string): AccessLog {
  const { accessLogEncoding: encoding, accessLogFormat: format } = mesh;
  return fileLog(path, encoding === "JSON" ? jsonFormat(fieldsOf(format)) : textFormat(format));
}

function fieldsOf(format: string | undefined): Record<string, unknown> | undefined {
  if (!format) return undefined;
  // Other formats are reported when mesh settings are read; the default fields keep logs coming.
  let fields: unknown;
  try {
    fields = JSON.parse(format);
  } catch {
    return undefined;
  }
  const isObject = typeof fields === "object" && fields !== null && !Array.isArray(fields);
  return isObject ? (fields as Record<string, unknown>) : undefined;
}

function fileLog(path: string, logFormat: Format): AccessLog {
  const type = "envoy.extensions.access_loggers.file.v3.FileAccessLog";
  return { name: "envoy.access_loggers.file", typedConfig: any(type, FileAccessLog, { path, logFormat }) };
}

function serviceLog(
  ctx: PushContext,
  { service, port }: { readonly service?: string; readonly port?: number },
  log: (service: ProviderService) => AccessLog,
): ReturnType<typeof providerLog> {
  const found = findProviderService(ctx, service ?? "", port ?? 0);
  return "problem" in found ? found : log(found);
}
