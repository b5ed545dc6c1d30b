// The listener that a gRPC server asks for by the address that it listens on: who may call it, and how. Worker threads.
// https://github.com/grpc/proposal/blob/master/A36-xds-for-servers.md
import { envoy } from "../../../shared/gen/envoy.js";
import type { HostPort } from "../../../shared/names/grpc-listener.ts";
import type { ResourceSink } from "../../encode/resource-sink.ts";
import { any } from "../../encode/values.ts";
import { grpcAuthorization } from "../../filters/authorization/grpc-authorization.ts";
import { providerServerTls } from "../../filters/certificate-provider.ts";
import { ROUTER } from "../../filters/http-filters.ts";
import type { NamedFilter } from "../../filters/peer-metadata.ts";
import { workloadMtls } from "../../scope/peer-authentication.ts";
import type { GenerateInput } from "../generator.ts";

type Listener = envoy.config.listener.v3.IListener;

const { HttpConnectionManager } = envoy.extensions.filters.network.http_connection_manager.v3;
const HCM = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";

/** Set on workloads whose clients use mesh mTLS without being told (istio.io/latest/docs/reference/config/labels). */
const TLS_MODE_LABEL = "security.istio.io/tlsMode";

/** The server itself answers: gRPC takes no other action here. */
const ANSWERED = {
  name: "inbound",
  virtualHosts: [{ domains: ["*"], routes: [{ match: { prefix: "/" }, nonForwardingAction: {} }] }],
};

/** Undefined for a port that no service of the workload has. */
export function serverListenerConfig(
  name: string,
  { host, port }: HostPort,
  input: GenerateInput,
  sink: ResourceSink,
): Listener | undefined {
  const { ctx, view } = input;
  if (!view.serviceTargets.some((target) => target.targetPort === port)) return undefined;
  const { filters, problems } = grpcAuthorization(ctx, view);
  for (const problem of problems) sink.warn(problem.object, problem.reason);
  const mtls = asksForMtls(input, port);
  const kind = mtls ? "mtls" : "plaintext";
  return {
    name,
    address: { socketAddress: { address: host, portValue: port } },
    filterChains: [
      {
        name: `inbound-${kind}`,
        filters: [manager(`inbound-hcm${kind}`, [...filters, ROUTER])],
        ...(mtls ? { transportSocket: providerServerTls() } : {}),
      },
    ],
  };
}

/**
 * gRPC's servers take either TLS or plain text at a port. Where both may come, it is what clients do by themselves: TLS to a
 * workload that says so, and plain text to others.
 */
function asksForMtls({ ctx, view }: GenerateInput, port: number): boolean {
  const { mode, ports } = workloadMtls(ctx, view.namespace, view.labels);
  const own = ports.get(port) ?? mode;
  return own === "STRICT" || (own === "PERMISSIVE" && view.labels[TLS_MODE_LABEL] === "istio");
}

function manager(name: string, httpFilters: readonly NamedFilter[]): NamedFilter {
  const config = { httpFilters: [...httpFilters], routeConfig: ANSWERED };
  return { name, typedConfig: any(HCM, HttpConnectionManager, config) };
}
