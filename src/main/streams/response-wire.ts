// Encodes discovery responses: resources once for all streams, and a small header for each stream. Main thread, pure.
import protobuf from "protobufjs/minimal.js";
import { type EncodedResource, resourceSize } from "../../shared/model/resource.ts";
import { TYPE_URL, type XdsType } from "../../shared/xds-types.ts";

/** Length-delimited fields, by number: DiscoveryResponse and DeltaDiscoveryResponse agree on all but the last. */
const VERSION = (1 << 3) | 2;
const RESOURCES = (2 << 3) | 2;
const TYPE = (4 << 3) | 2;
const NONCE = (5 << 3) | 2;
const SOTW_CONTROL_PLANE = (6 << 3) | 2;
const DELTA_REMOVED = (6 << 3) | 2;
const DELTA_CONTROL_PLANE = (7 << 3) | 2;
/** Fields of `Resource`. */
const RESOURCE_VERSION = (1 << 3) | 2;
const RESOURCE_ANY = (2 << 3) | 2;
const RESOURCE_NAME = (3 << 3) | 2;
/** Fields of `google.protobuf.Any`. */
const ANY_TYPE = (1 << 3) | 2;
const ANY_VALUE = (2 << 3) | 2;

/** What a response says besides its resources. */
export interface ResponseHeader {
  readonly type: XdsType;
  readonly version: string;
  readonly nonce: string;
  /** The serialized `envoy.config.core.v3.ControlPlane`. */
  readonly controlPlane: Uint8Array;
}

/** A field's bytes, in pieces that several streams share. */
export type Body = readonly Uint8Array[];

/** The `resources` field of a state-of-the-world response: an Any for each resource. */
export function encodeSotwResources(type: XdsType, resources: readonly EncodedResource[]): Body {
  const typeUrl = Buffer.from(TYPE_URL[type]);
  const out = new PieceSink(
    resources.reduce((sum, r) => sum + anySize(typeUrl.length, resourceSize(r)) + 6 - notCopied(r), 0),
  );
  for (const resource of resources) {
    out.tag(RESOURCES, anySize(typeUrl.length, resourceSize(resource)));
    out.any(typeUrl, resource);
  }
  return out.finish();
}

/** The `resources` field of a delta response: a Resource with name and version for each. */
export function encodeDeltaResources(type: XdsType, resources: readonly EncodedResource[]): Body {
  const typeUrl = Buffer.from(TYPE_URL[type]);
  const parts = resources.map((resource) => {
    const name = Buffer.from(resource.name);
    const version = Buffer.from(resource.hash, "latin1");
    const any = anySize(typeUrl.length, resourceSize(resource));
    const size = fieldSize(version.length) + fieldSize(any) + fieldSize(name.length);
    return { resource, name, version, any, size };
  });
  const out = new PieceSink(parts.reduce((sum, p) => sum + fieldSize(p.size) - notCopied(p.resource), 0));
  for (const { resource, name, version, any, size } of parts) {
    out.tag(RESOURCES, size);
    out.field(RESOURCE_VERSION, version);
    out.tag(RESOURCE_ANY, any);
    out.any(typeUrl, resource);
    out.field(RESOURCE_NAME, name);
  }
  return out.finish();
}

/** Pieces that together have no more than this are copied into one: a write of its own costs more. */
const COPY_BYTES = 8 * 1024;
const PREFIX_BYTES = 5;

/** A response, which all streams share whose header is the same; its resources are shared by others too. */
export class ResponseMessage {
  readonly byteLength: number;
  private readonly head: Uint8Array;
  private readonly resources: readonly Uint8Array[];
  private pieces: readonly Uint8Array[] | undefined;

  constructor(head: Uint8Array, resources: readonly Uint8Array[]) {
    this.head = head;
    this.resources = resources;
    this.byteLength = resources.reduce((sum, piece) => sum + piece.length, head.length);
  }

  /** The message as gRPC frames it, in pieces to be written in this order. Streams share them: nobody may change them. */
  frame(): readonly Uint8Array[] {
    this.pieces ??= this.framed();
    return this.pieces;
  }

  private framed(): readonly Uint8Array[] {
    const whole = this.byteLength <= COPY_BYTES;
    const first = Buffer.allocUnsafeSlow(PREFIX_BYTES + (whole ? this.byteLength : this.head.length));
    first[0] = 0;
    first.writeUInt32BE(this.byteLength, 1);
    first.set(this.head, PREFIX_BYTES);
    if (!whole) return [first, ...this.resources];
    let at = PREFIX_BYTES + this.head.length;
    for (const piece of this.resources) {
      first.set(piece, at);
      at += piece.length;
    }
    return [first];
  }
}

/** A whole state-of-the-world response around a `resources` field. */
export function sotwResponse(header: ResponseHeader, resources: readonly Uint8Array[]): ResponseMessage {
  const head = beginHead(header);
  head.uint32(SOTW_CONTROL_PLANE).bytes(header.controlPlane);
  return new ResponseMessage(head.finish(), resources);
}

/** A whole delta response around a `resources` field. */
export function deltaResponse(
  header: ResponseHeader,
  resources: readonly Uint8Array[],
  removed: readonly string[],
): ResponseMessage {
  const head = beginHead(header);
  for (const name of removed) head.uint32(DELTA_REMOVED).string(name);
  head.uint32(DELTA_CONTROL_PLANE).bytes(header.controlPlane);
  return new ResponseMessage(head.finish(), resources);
}

function beginHead(header: ResponseHeader): protobuf.Writer {
  const head = protobuf.Writer.create();
  head.uint32(VERSION).string(header.version);
  return head.uint32(TYPE).string(TYPE_URL[header.type]).uint32(NONCE).string(header.nonce);
}

/** `envoy.config.core.v3.ControlPlane` with its identifier. */
export function encodeControlPlane(identifier: string): Uint8Array {
  return protobuf.Writer.create().uint32(VERSION).string(identifier).finish();
}

function varintSize(value: number): number {
  let size = 1;
  while (value > 127) {
    size++;
    value = Math.floor(value / 128);
  }
  return size;
}

/** Of a length-delimited field whose tag is one byte. */
function fieldSize(length: number): number {
  return 1 + varintSize(length) + length;
}

function anySize(typeUrl: number, value: number): number {
  return fieldSize(typeUrl) + fieldSize(value);
}

/** Resources from here on are pieces of their own, and not copied. */
const OWN_PIECE_BYTES = 64 * 1024;

/** Of what is in pieces already, nothing is copied. */
function notCopied(resource: EncodedResource): number {
  const size = resourceSize(resource);
  return resource.pieces || size >= OWN_PIECE_BYTES ? size : 0;
}

/** Writes into a buffer; what is large comes between parts of it, as it is. */
class PieceSink {
  private readonly buffer: Buffer;
  private readonly pieces: Uint8Array[] = [];
  /** What is written, and how much of that is in pieces already. */
  private at = 0;
  private done = 0;

  /** `size`: of all that is copied, at most. */
  constructor(size: number) {
    this.buffer = Buffer.allocUnsafeSlow(size);
  }

  tag(tag: number, length: number): void {
    this.buffer[this.at++] = tag;
    while (length > 127) {
      this.buffer[this.at++] = (length % 128) | 128;
      length = Math.floor(length / 128);
    }
    this.buffer[this.at++] = length;
  }

  field(tag: number, bytes: Uint8Array): void {
    this.tag(tag, bytes.length);
    this.buffer.set(bytes, this.at);
    this.at += bytes.length;
  }

  any(typeUrl: Uint8Array, resource: EncodedResource): void {
    this.field(ANY_TYPE, typeUrl);
    const own = notCopied(resource);
    if (own === 0) {
      this.field(ANY_VALUE, resource.bytes);
      return;
    }
    this.tag(ANY_VALUE, own);
    this.cut();
    this.pieces.push(...(resource.pieces ?? [resource.bytes]));
  }

  finish(): Body {
    this.cut();
    return this.pieces;
  }

  private cut(): void {
    if (this.at > this.done) this.pieces.push(this.buffer.subarray(this.done, this.at));
    this.done = this.at;
  }
}
