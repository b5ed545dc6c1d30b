// The bootstrap of an Envoy that takes everything else over ADS. Pure.

export interface EnvoyNode {
  readonly id: string;
  readonly cluster: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly locality?: { readonly region?: string; readonly zone?: string; readonly sub_zone?: string };
}

export interface BootstrapOptions {
  readonly node: EnvoyNode;
  readonly xds: { readonly address: string; readonly port: number };
  readonly mode: "sotw" | "delta";
  readonly admin: { readonly address: string; readonly port: number };
  /** More static clusters of gRPC servers, to which configuration may refer. */
  readonly clusters?: readonly { readonly name: string; readonly address: string; readonly port: number }[];
}

export function envoyBootstrap(options: BootstrapOptions): object {
  const { node, xds, mode, admin } = options;
  const ads = { ads: {}, resource_api_version: "V3" };
  return {
    node,
    admin: { address: socketAddress(admin.address, admin.port) },
    dynamic_resources: {
      ads_config: {
        api_type: mode === "delta" ? "DELTA_GRPC" : "GRPC",
        transport_api_version: "V3",
        set_node_on_first_message_only: true,
        grpc_services: [{ envoy_grpc: { cluster_name: "xds-grpc" } }],
      },
      cds_config: { ...ads, initial_fetch_timeout: "0s" },
      lds_config: { ...ads, initial_fetch_timeout: "0s" },
    },
    // Envoy warns when there is no limit.
    overload_manager: { resource_monitors: [connectionLimit(10_000)] },
    static_resources: {
      clusters: [{ name: "xds-grpc", ...xds }, ...(options.clusters ?? [])].map(grpcCluster),
    },
  };
}

function grpcCluster({ name, address, port }: { name: string; address: string; port: number }): object {
  return {
    name,
    type: "STATIC",
    connect_timeout: "1s",
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(address, port) } }] }],
    },
    typed_extension_protocol_options: {
      "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        explicit_http_config: { http2_protocol_options: {} },
      },
    },
  };
}

function connectionLimit(connections: number): object {
  const name = "envoy.resource_monitors.global_downstream_max_connections";
  const type = "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig";
  const typed = { "@type": `type.googleapis.com/${type}`, max_active_downstream_connections: connections };
  return { name, typed_config: typed };
}

function socketAddress(address: string, port: number): object {
  return { socket_address: { address, port_value: port } };
}
