// Header operations of routes and destinations. Worker threads, pure.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#Headers
import type { envoy } from "../../shared/gen/envoy.js";
import type { Networking_Headers, Networking_Headers_HeaderOperations } from "../../shared/gen/istio.js";

type HeaderValueOption = envoy.config.core.v3.IHeaderValueOption;

const OVERWRITE_IF_EXISTS_OR_ADD = 2;

/** What Envoy's routes and weighted clusters have alike. */
export interface HeaderMutations {
  requestHeadersToAdd?: HeaderValueOption[];
  requestHeadersToRemove?: string[];
  responseHeadersToAdd?: HeaderValueOption[];
  responseHeadersToRemove?: string[];
  /** What the Host header becomes; Envoy has no header mutation for it. */
  hostRewrite?: string;
}

/** The operations; those on the host are set apart. */
export function headerMutations(headers: Networking_Headers | undefined): HeaderMutations {
  const out: HeaderMutations = {};
  const request = headers?.request;
  const host = Object.entries({ ...request?.add, ...request?.set }).find(([name]) => isHost(name));
  if (host) out.hostRewrite = host[1];
  const requestAdd = additions(request);
  if (requestAdd.length > 0) out.requestHeadersToAdd = requestAdd;
  if (request?.remove?.length) out.requestHeadersToRemove = request.remove.filter((name) => !isHost(name));
  const responseAdd = additions(headers?.response);
  if (responseAdd.length > 0) out.responseHeadersToAdd = responseAdd;
  if (headers?.response?.remove?.length) out.responseHeadersToRemove = [...headers.response.remove];
  return out;
}

/** Set values before added ones, each by name. */
function additions(operations: Networking_Headers_HeaderOperations | undefined): HeaderValueOption[] {
  const entries = (map: Readonly<Record<string, string>> | undefined): [string, string][] =>
    Object.entries(map ?? {})
      .filter(([name]) => !isHost(name))
      .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return [
    ...entries(operations?.set).map(([key, value]) => ({
      header: { key, value },
      appendAction: OVERWRITE_IF_EXISTS_OR_ADD,
    })),
    ...entries(operations?.add).map(([key, value]) => ({ header: { key, value } })),
  ];
}

function isHost(name: string): boolean {
  const lower = name.toLowerCase();
  return lower === "host" || lower === ":authority";
}
