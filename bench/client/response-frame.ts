// The frame of a discovery response: who it is for and where its resources are. Resources are passed over, not decoded.
import protobuf from "protobufjs/minimal.js";
import { type XdsType, xdsTypeOf } from "../../src/shared/xds-types.ts";
import type { Mode } from "./messages.ts";

export interface ResponseFrame {
  readonly type: XdsType | undefined;
  readonly typeUrl: string;
  readonly version: string;
  readonly nonce: string;
  /** The `resources` fields with their tags, one after the other. */
  readonly resources: Buffer;
  /** With delta only. */
  readonly removed: readonly string[];
}

/** Fields of DiscoveryResponse and DeltaDiscoveryResponse; 6 is the control plane in the former. */
const VERSION = 1;
const RESOURCES = 2;
const TYPE_URL = 4;
const NONCE = 5;
const REMOVED = 6;
const LENGTH_DELIMITED = 2;
const RESOURCES_TAG = (RESOURCES << 3) | LENGTH_DELIMITED;

export function readFrame(bytes: Buffer, mode: Mode): ResponseFrame {
  const reader = protobuf.Reader.create(bytes);
  const spans: Buffer[] = [];
  const removed: string[] = [];
  let typeUrl = "";
  let version = "";
  let nonce = "";
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const tag = reader.uint32();
    switch (tag >>> 3) {
      case VERSION:
        version = reader.string();
        break;
      case RESOURCES:
        spans.push(bytes.subarray(start, skipResources(bytes, reader)));
        break;
      case TYPE_URL:
        typeUrl = reader.string();
        break;
      case NONCE:
        nonce = reader.string();
        break;
      case REMOVED:
        if (mode === "delta") removed.push(reader.string());
        else reader.skipType(tag & 7);
        break;
      default:
        reader.skipType(tag & 7);
    }
  }
  const resources = spans.length === 1 ? spans[0]! : Buffer.concat(spans);
  return { type: xdsTypeOf(typeUrl), typeUrl, version, nonce, resources, removed };
}

/** Passes over all resources that follow each other; the first one's tag was read. */
function skipResources(bytes: Buffer, reader: protobuf.Reader): number {
  reader.skipType(LENGTH_DELIMITED);
  while (reader.pos < reader.len && bytes[reader.pos] === RESOURCES_TAG) {
    reader.pos++;
    reader.skipType(LENGTH_DELIMITED);
  }
  return reader.pos;
}
