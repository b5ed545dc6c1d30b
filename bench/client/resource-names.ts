// Finds in serialized resources the names that a proxy asks for next. Our generated codecs of Envoy's messages only
// encode, so that this walks the wire format for the few fields that matter.
import protobuf from "protobufjs/minimal.js";

/** Field numbers of envoy.config.cluster.v3.Cluster, and its discovery type EDS. */
const CLUSTER = { name: 1, type: 2, edsClusterConfig: 3, edsServiceName: 2, EDS: 3 } as const;
/** Field numbers on the way from envoy.config.listener.v3.Listener to the name of a route configuration. */
const LISTENER = { filterChains: 3, defaultFilterChain: 25 } as const;
const CHAIN_FILTERS = 3;
const FILTER_TYPED_CONFIG = 4;
const ANY_VALUE = 2;
const MANAGER_RDS = 3;
const RDS_ROUTE_CONFIG_NAME = 2;

/** The name of a cluster's endpoints, for a cluster that gets them over EDS. */
export function edsNames(bytes: Uint8Array): readonly string[] {
  if (numberField(bytes, CLUSTER.type) !== CLUSTER.EDS) return [];
  const config = messageFields(bytes, CLUSTER.edsClusterConfig)[0];
  const service = config ? textField(config, CLUSTER.edsServiceName) : "";
  return [service || textField(bytes, CLUSTER.name)];
}

/** The names of the route configurations that a listener refers to. */
export function routeNames(bytes: Uint8Array): readonly string[] {
  const chains = [...messageFields(bytes, LISTENER.filterChains), ...messageFields(bytes, LISTENER.defaultFilterChain)];
  const names = chains
    .flatMap((chain) => messageFields(chain, CHAIN_FILTERS))
    .flatMap((filter) => messageFields(filter, FILTER_TYPED_CONFIG))
    .filter((any) => textField(any, 1).endsWith(".HttpConnectionManager"))
    .flatMap((any) => messageFields(any, ANY_VALUE))
    .flatMap((manager) => messageFields(manager, MANAGER_RDS))
    .map((rds) => textField(rds, RDS_ROUTE_CONFIG_NAME));
  return [...new Set(names)];
}

function messageFields(bytes: Uint8Array, field: number): Uint8Array[] {
  const out: Uint8Array[] = [];
  scan(bytes, field, 2, (reader) => out.push(reader.bytes()));
  return out;
}

function textField(bytes: Uint8Array, field: number): string {
  return Buffer.from(messageFields(bytes, field).at(-1) ?? []).toString();
}

function numberField(bytes: Uint8Array, field: number): number {
  let value = 0;
  scan(bytes, field, 0, (reader) => {
    value = reader.uint32();
  });
  return value;
}

function scan(bytes: Uint8Array, field: number, wireType: number, take: (reader: protobuf.Reader) => void): void {
  const reader = protobuf.Reader.create(bytes);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === ((field << 3) | wireType)) take(reader);
    else reader.skipType(tag & 7);
  }
}
