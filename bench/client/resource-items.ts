// The single resources in the `resources` fields of a response.
import protobuf from "protobufjs/minimal.js";
import xxhash from "xxhash-wasm";
import type { XdsType } from "../../src/shared/xds-types.ts";
import type { Mode } from "./messages.ts";
import { edsNames, routeNames } from "./resource-names.ts";

/** What a benchmark wants to know of a resource. */
export interface Item {
  /** Names that a proxy asks for next because of it. */
  readonly follows: readonly string[];
  /** These are empty unless they are to be remembered; the version is so in the state of the world too. */
  readonly name: string;
  readonly version: string;
  readonly hash: string;
}

const { h64Raw } = await xxhash();

/** Items with where each one begins, and the end. Items that have nothing to say are all the same object. */
export function readItems(
  resources: Buffer,
  type: XdsType,
  mode: Mode,
  remember: boolean,
): { items: Item[]; starts: number[] } {
  const reader = protobuf.Reader.create(resources);
  const items: Item[] = [];
  const starts: number[] = [];
  while (reader.pos < reader.len) {
    starts.push(reader.pos);
    reader.uint32();
    const bytes = reader.bytes();
    items.push(
      itemOf(mode === "sotw" ? { ...NAMELESS, value: anyValue(bytes) } : deltaResource(bytes), type, remember),
    );
  }
  starts.push(resources.length);
  return { items, starts };
}

interface Resource {
  readonly name: string;
  readonly version: string;
  readonly value: Uint8Array;
}

const NOTHING: Uint8Array = new Uint8Array();
const NAMELESS = { name: "", version: "" } as const;
const PLAIN: Item = { follows: [], name: "", version: "", hash: "" };

function itemOf({ name, version, value }: Resource, type: XdsType, remember: boolean): Item {
  const follows = type === "CDS" ? edsNames(value) : type === "LDS" ? routeNames(value) : PLAIN.follows;
  if (!remember) return follows.length === 0 ? PLAIN : { ...PLAIN, follows };
  return { follows, name: name || firstString(value), version, hash: h64Raw(value).toString(16) };
}

/** Fields of envoy.service.discovery.v3.Resource. */
const RESOURCE = { version: 1, any: 2, name: 3 } as const;
const ANY_VALUE = 2;

function deltaResource(bytes: Uint8Array): Resource {
  const reader = protobuf.Reader.create(bytes);
  const out = { name: "", version: "", value: NOTHING };
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag >>> 3 === RESOURCE.version) out.version = reader.string();
    else if (tag >>> 3 === RESOURCE.name) out.name = reader.string();
    else if (tag >>> 3 === RESOURCE.any) out.value = anyValue(reader.bytes());
    else reader.skipType(tag & 7);
  }
  return out;
}

function anyValue(bytes: Uint8Array): Uint8Array {
  const reader = protobuf.Reader.create(bytes);
  let value = NOTHING;
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag >>> 3 === ANY_VALUE) value = reader.bytes();
    else reader.skipType(tag & 7);
  }
  return value;
}

/** The name of a cluster, load assignment, listener or route configuration is its first field. */
function firstString(bytes: Uint8Array): string {
  const reader = protobuf.Reader.create(bytes);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === ((1 << 3) | 2)) return reader.string();
    reader.skipType(tag & 7);
  }
  return "";
}
