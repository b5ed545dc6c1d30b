// Looks into serialized resources, without decoding what no patch is about. Worker threads, pure.
import protobuf from "protobufjs/minimal.js";

/** Number of RouteConfiguration.virtual_hosts. */
export const VIRTUAL_HOSTS = 2;
/** Numbers of VirtualHost.name and VirtualHost.domains. */
const NAME = 1;
const DOMAINS = 2;

const WIRE_TYPE = 7;
const LENGTH_DELIMITED = 2;

/** A route configuration without its virtual hosts, and each of them. */
export function split(bytes: Uint8Array): { readonly head: Uint8Array; readonly hosts: readonly Uint8Array[] } {
  const reader = protobuf.Reader.create(bytes);
  const hosts: Uint8Array[] = [];
  const rest: Uint8Array[] = [];
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const tag = reader.uint32();
    if (tag === ((VIRTUAL_HOSTS << 3) | LENGTH_DELIMITED)) {
      hosts.push(reader.bytes());
    } else {
      reader.skipType(tag & WIRE_TYPE);
      rest.push(bytes.subarray(start, reader.pos));
    }
  }
  return { head: Buffer.concat(rest), hosts };
}

/** What patches choose a serialized virtual host by. */
export function namedHost(bytes: Uint8Array): { readonly name: string; readonly domains: readonly string[] } {
  const reader = protobuf.Reader.create(bytes);
  const domains: string[] = [];
  let name = "";
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    const field = tag >>> 3;
    if (field === NAME) name = reader.string();
    else if (field === DOMAINS) domains.push(reader.string());
    else reader.skipType(tag & WIRE_TYPE);
  }
  return { name, domains };
}

/** Number of Listener.traffic_direction. */
const TRAFFIC_DIRECTION = 16;

/** The envoy.config.core.v3.TrafficDirection of a serialized listener. */
export function trafficDirection(bytes: Uint8Array): number {
  const reader = protobuf.Reader.create(bytes);
  let direction = 0;
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag >>> 3 === TRAFFIC_DIRECTION) direction = reader.int32();
    else reader.skipType(tag & WIRE_TYPE);
  }
  return direction;
}
