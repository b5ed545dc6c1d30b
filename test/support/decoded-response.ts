// Discovery responses, decoded for tests: resource names with their content.
import assert from "node:assert/strict";
import protobuf from "protobufjs/minimal.js";
import type { ResponseMessage } from "../../src/main/streams/response-wire.ts";
import { envoy } from "../../src/shared/gen/discovery.js";
import { type XdsType, xdsTypeOf } from "../../src/shared/xds-types.ts";

export interface DecodedResource {
  readonly name: string;
  /** In delta responses; "" in the state of the world. */
  readonly version: string;
  /** The serialized resource. */
  readonly bytes: Uint8Array;
}

export interface DecodedResponse {
  readonly type: XdsType;
  readonly version: string;
  readonly nonce: string;
  readonly resources: ReadonlyMap<string, DecodedResource>;
  readonly removed: readonly string[];
  readonly size: number;
}

export function decodeSotwResponse(message: Uint8Array): DecodedResponse {
  const response = envoy.service.discovery.v3.DiscoveryResponse.decode(message);
  const resources = new Map<string, DecodedResource>();
  for (const any of response.resources) {
    const bytes = any.value as Uint8Array;
    const name = firstString(bytes);
    resources.set(name, { name, version: "", bytes });
  }
  return {
    type: typeOf(response.typeUrl),
    version: response.versionInfo,
    nonce: response.nonce,
    resources,
    removed: [],
    size: message.length,
  };
}

export function decodeDeltaResponse(message: Uint8Array): DecodedResponse {
  const response = envoy.service.discovery.v3.DeltaDiscoveryResponse.decode(message);
  const resources = new Map<string, DecodedResource>();
  for (const resource of response.resources) {
    const name = resource.name ?? "";
    resources.set(name, { name, version: resource.version ?? "", bytes: resource.resource?.value as Uint8Array });
  }
  return {
    type: typeOf(response.typeUrl),
    version: response.systemVersionInfo,
    nonce: response.nonce,
    resources,
    removed: response.removedResources,
    size: message.length,
  };
}

function typeOf(url: string): XdsType {
  const type = xdsTypeOf(url);
  if (!type) throw new Error(`a response of the unknown type ${url}`);
  return type;
}

/** Field 1, which is the name in all of Envoy's resources. */
function firstString(bytes: Uint8Array): string {
  const reader = protobuf.Reader.create(bytes);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag >>> 3 === 1) return reader.string();
    reader.skipType(tag & 7);
  }
  return "";
}

/** The bytes of a message, without gRPC's prefix, which is checked. */
export function unframed(message: ResponseMessage): Uint8Array {
  const frame = Buffer.concat(message.frame());
  assert.equal(frame[0], 0, "not compressed");
  assert.equal(frame.readUInt32BE(1), frame.length - 5);
  assert.equal(message.byteLength, frame.length - 5);
  return frame.subarray(5);
}
