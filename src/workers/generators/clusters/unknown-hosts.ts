// The cluster for HTTP hosts that the mesh doesn't know, which are resolved when a request names them. Worker threads, pure.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig-OutboundTrafficPolicy-Mode
import { envoy } from "../../../shared/gen/envoy.js";
import { any } from "../../encode/values.ts";
import { credentialSecret } from "../../filters/credentials.ts";
import { unknownHostsCache } from "../../filters/dynamic-forward-proxy.ts";
import { TCP_METADATA_EXCHANGE } from "../../filters/peer-metadata.ts";
import { clientTlsSocket, originatedTls } from "../../filters/tls-context.ts";
import { UNKNOWN_HOSTS_CLUSTER } from "../../routing/default-routes.ts";
import type { GenerateInput } from "../generator.ts";
import { CLUSTER_PROVIDED, type Cluster, connectTimeout, noLimits, protocolOptions, statName } from "./cluster-base.ts";

const { ClusterConfig: DynamicForwardProxy } = envoy.extensions.clusters.dynamic_forward_proxy.v3;

/** With TLS of its own where the mesh asks for it. */
export function unknownHostsCluster({ ctx, view }: GenerateInput): Cluster {
  const { mesh, features } = ctx.mesh;
  const cluster: Cluster = {
    name: UNKNOWN_HOSTS_CLUSTER,
    altStatName: statName(UNKNOWN_HOSTS_CLUSTER),
    connectTimeout: connectTimeout(mesh),
    circuitBreakers: noLimits(ctx),
    lbPolicy: CLUSTER_PROVIDED,
    clusterType: {
      name: "envoy.clusters.dynamic_forward_proxy",
      typedConfig: any("envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig", DynamicForwardProxy, {
        dnsCacheConfig: unknownHostsCache(view, ctx),
      }),
    },
  };
  if (view.istioFilters && features.metadataExchange) cluster.filters = [TCP_METADATA_EXCHANGE];
  const tls = mesh.outboundTrafficPolicy?.tls;
  if (!tls || (tls.mode ?? "DISABLE") === "DISABLE") return cluster;
  const { ecdhCurves: curves = [], cipherSuites: ciphers = [] } = mesh.tlsDefaults ?? {};
  const secret = (name: string): ReturnType<typeof credentialSecret> => credentialSecret(ctx, name);
  cluster.transportSocket = clientTlsSocket(
    originatedTls(tls, { http2: false, identities: [], secret, curves, ciphers }),
  );
  // Without a name of its own the cluster takes the request's.
  const named = { autoSni: true, autoSanValidation: !tls.subjectAltNames?.length && !tls.insecureSkipVerify };
  cluster.typedExtensionProtocolOptions = protocolOptions({
    explicitHttpConfig: { httpProtocolOptions: {} },
    ...(tls.sni ? {} : { upstreamHttpProtocolOptions: named }),
  });
  return cluster;
}
