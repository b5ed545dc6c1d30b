// Envoy's external authorization filters, of the providers that mesh settings name. Worker threads.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig-ExtensionProvider-EnvoyExternalAuthorizationHttpProvider
import { envoy } from "../../../shared/gen/envoy.js";
import type {
  Mesh_MeshConfig_ExtensionProvider_EnvoyExternalAuthorizationGrpcProvider as GrpcProvider,
  Mesh_MeshConfig_ExtensionProvider_EnvoyExternalAuthorizationHttpProvider as HttpProvider,
  Mesh_MeshConfig_ExtensionProvider,
} from "../../../shared/gen/istio.js";
import type { PushContext } from "../../context/push-context.ts";
import { any, durationMs, parseDuration } from "../../encode/values.ts";
import { findProviderService, type ProviderService } from "../../scope/provider-service.ts";
import type { NamedFilter } from "../peer-metadata.ts";
import { TCP_STATS } from "./rbac-filters.ts";
import type { Layer } from "./terms.ts";
import type { StringMatcher } from "./wildcards.ts";

type ExtAuthz = envoy.extensions.filters.http.ext_authz.v3.IExtAuthz;
type HttpService = envoy.extensions.filters.http.ext_authz.v3.IHttpService;
type GrpcService = envoy.config.core.v3.IGrpcService;
type MetadataMatcher = envoy.type.matcher.v3.IMetadataMatcher;

const { ExtAuthz: HttpExtAuthz } = envoy.extensions.filters.http.ext_authz.v3;
const { ExtAuthz: TcpExtAuthz } = envoy.extensions.filters.network.ext_authz.v3;
const { StatusCode } = envoy.type.v3;

const API_V3 = 2;
/** Where a provider gives no time limit. */
const DEFAULT_TIMEOUT_MS = 600_000;

/** A provider that can be asked. */
export interface Authorizer {
  /** The filter of a layer, for what the metadata says; undefined where the provider knows only HTTP. */
  filter(layer: Layer, enabled: MetadataMatcher): NamedFilter | undefined;
}

/** The provider of a name, or why it can't be asked. */
export function findAuthorizer(ctx: PushContext, name: string): Authorizer | { readonly problem: string } {
  const provider = ctx.mesh.mesh.extensionProviders?.find((p) => p.name === name && authorizes(p));
  const config = provider?.envoyExtAuthzHttp ?? provider?.envoyExtAuthzGrpc;
  if (!provider || !config) return { problem: `there is no external authorization provider ${name}` };
  const problem = settingsProblem(config) ?? headersProblem(provider.envoyExtAuthzHttp ?? {});
  if (problem) return { problem: `provider ${name}: ${problem}` };
  const service = findProviderService(ctx, config.service ?? "", config.port ?? 0);
  if ("problem" in service) return { problem: `provider ${name}: ${service.problem}` };
  return provider.envoyExtAuthzHttp
    ? httpAuthorizer(provider.envoyExtAuthzHttp, service)
    : grpcAuthorizer(config, service);
}

function authorizes(provider: Mesh_MeshConfig_ExtensionProvider): boolean {
  return provider.envoyExtAuthzHttp !== undefined || provider.envoyExtAuthzGrpc !== undefined;
}

/** What istiod refuses, and what Envoy would refuse together with the whole listener. */
function settingsProblem(config: HttpProvider | GrpcProvider): string | undefined {
  const { port = 0, statusOnError = "", includeRequestBodyInCheck: body } = config;
  if (port < 1 || port > 65535) return `port ${port} is not in 1..65535`;
  if (body && !body.maxRequestBytes) return "includeRequestBodyInCheck has no maxRequestBytes";
  if (statusOnError !== "" && StatusCode[Number(statusOnError)] === undefined) {
    return `Envoy has no status ${statusOnError}`;
  }
  return undefined;
}

function headersProblem(config: HttpProvider): string | undefined {
  if (config.pathPrefix && !config.pathPrefix.startsWith("/")) return `pathPrefix ${config.pathPrefix} has no / first`;
  const lists = [
    config.includeRequestHeadersInCheck,
    config.includeHeadersInCheck,
    config.headersToUpstreamOnAllow,
    config.headersToDownstreamOnDeny,
    config.headersToDownstreamOnAllow,
  ];
  return lists.some((list) => list?.includes("*")) ? `headers can't be "*", only "prefix*" or "*suffix"` : undefined;
}

/**
 * What both kinds say to Envoy's HTTP filter. `clearRouteCache` has no effect, as in istiod of this version
 * (https://github.com/istio/istio/issues/61558).
 */
function common(config: HttpProvider | GrpcProvider, filterEnabledMetadata: MetadataMatcher): ExtAuthz {
  const { statusOnError, includeRequestBodyInCheck: body } = config;
  return {
    transportApiVersion: API_V3,
    filterEnabledMetadata,
    ...(config.failOpen ? { failureModeAllow: true } : {}),
    ...(statusOnError ? { statusOnError: { code: Number(statusOnError) } } : {}),
    ...(body ? { withRequestBody: { ...body } } : {}),
  };
}

function httpAuthorizer(config: HttpProvider, { hostname, cluster }: ProviderService): Authorizer {
  const headers = config.includeRequestHeadersInCheck?.length
    ? config.includeRequestHeadersInCheck
    : config.includeHeadersInCheck;
  const added = Object.entries(config.includeAdditionalHeadersInCheck ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  const response = {
    ...listed("allowedUpstreamHeaders", config.headersToUpstreamOnAllow),
    ...listed("allowedClientHeaders", config.headersToDownstreamOnDeny),
    ...listed("allowedClientHeadersOnSuccess", config.headersToDownstreamOnAllow),
  };
  const httpService: HttpService = {
    // The URI is required, but only its cluster is used.
    serverUri: { uri: `http://${hostname}`, cluster, timeout: timeoutOf(config) },
    ...(config.pathPrefix ? { pathPrefix: config.pathPrefix } : {}),
    ...(added.length > 0
      ? { authorizationRequest: { headersToAdd: added.map(([key, value]) => ({ key, value })) } }
      : {}),
    ...(Object.keys(response).length > 0 ? { authorizationResponse: response } : {}),
  };
  return {
    filter: (layer, enabled) =>
      layer === "http"
        ? httpFilter({ ...common(config, enabled), ...listed("allowedHeaders", headers), httpService })
        : undefined,
  };
}

function grpcAuthorizer(config: GrpcProvider, { hostname, cluster }: ProviderService): Authorizer {
  const grpcService: GrpcService = {
    // Without an authority Envoy would send the cluster's name, whose "|" servers refuse.
    envoyGrpc: { clusterName: cluster, authority: hostname },
    timeout: timeoutOf(config),
  };
  return {
    filter: (layer, enabled) =>
      layer === "http"
        ? httpFilter({ ...common(config, enabled), grpcService })
        : {
            name: "envoy.filters.network.ext_authz",
            typedConfig: any("envoy.extensions.filters.network.ext_authz.v3.ExtAuthz", TcpExtAuthz, {
              statPrefix: TCP_STATS,
              transportApiVersion: API_V3,
              filterEnabledMetadata: enabled,
              ...(config.failOpen ? { failureModeAllow: true } : {}),
              grpcService,
            }),
          },
  };
}

function httpFilter(config: ExtAuthz): NamedFilter {
  return {
    name: "envoy.filters.http.ext_authz",
    typedConfig: any("envoy.extensions.filters.http.ext_authz.v3.ExtAuthz", HttpExtAuthz, config),
  };
}

function timeoutOf({ timeout }: HttpProvider | GrpcProvider): ReturnType<typeof durationMs> {
  return parseDuration(timeout) ?? durationMs(DEFAULT_TIMEOUT_MS);
}

/** A field with header names as matchers, where there are any. */
function listed<K extends string>(
  field: K,
  names: readonly string[] | undefined,
): { [key in K]?: { patterns: StringMatcher[] } } {
  if (!names?.length) return {};
  return { [field]: { patterns: names.map(headerName) } } as { [key in K]: { patterns: StringMatcher[] } };
}

/** Names of headers have no case. */
function headerName(name: string): StringMatcher {
  if (name.startsWith("*")) return { suffix: name.slice(1), ignoreCase: true };
  if (name.endsWith("*")) return { prefix: name.slice(0, -1), ignoreCase: true };
  return { exact: name, ignoreCase: true };
}
