// Discovery requests, in pieces: lists of names are serialized once for all proxies that ask for the same.
import protobuf from "protobufjs/minimal.js";
import { envoy, type google } from "../../src/shared/gen/discovery.js";
import type { BenchNode } from "../mesh/nodes.ts";

/** Field numbers of DiscoveryRequest and DeltaDiscoveryRequest, as tags of length-delimited fields. */
const SOTW = { version: tag(1), node: tag(2), names: tag(3), typeUrl: tag(4), nonce: tag(5) };
const DELTA = { node: tag(1), typeUrl: tag(2), subscribe: tag(3), unsubscribe: tag(4), initial: tag(5), nonce: tag(6) };

export interface SotwFields {
  readonly typeUrl: string;
  readonly version?: string;
  readonly nonce?: string;
  /** Serialized; see `nodeBytes`. */
  readonly node?: Uint8Array | undefined;
  /** Serialized; see `serializedNames`. */
  readonly names: Uint8Array;
}

/** A state-of-the-world request or acknowledgement. */
export function sotwRequest({ typeUrl, version, nonce, node, names }: SotwFields): readonly Uint8Array[] {
  const head = protobuf.Writer.create();
  if (version) head.uint32(SOTW.version).string(version);
  if (node) head.uint32(SOTW.node).bytes(node);
  head.uint32(SOTW.typeUrl).string(typeUrl);
  if (nonce) head.uint32(SOTW.nonce).string(nonce);
  return names.length > 0 ? [head.finish(), names] : [head.finish()];
}

/** The `resource_names` of a state-of-the-world request. */
export function serializedNames(names: Iterable<string>): Uint8Array {
  const out = protobuf.Writer.create();
  for (const name of names) out.uint32(SOTW.names).string(name);
  return out.finish();
}

export interface DeltaFields {
  readonly typeUrl: string;
  readonly nonce?: string;
  readonly node?: Uint8Array | undefined;
  readonly subscribe?: Iterable<string>;
  readonly unsubscribe?: Iterable<string>;
  /** What a reconnecting proxy has: name and version. */
  readonly initial?: Iterable<readonly [string, string]>;
}

/** A delta request or acknowledgement. */
export function deltaRequest(fields: DeltaFields): readonly Uint8Array[] {
  const out = protobuf.Writer.create();
  if (fields.node) out.uint32(DELTA.node).bytes(fields.node);
  out.uint32(DELTA.typeUrl).string(fields.typeUrl);
  for (const name of fields.subscribe ?? []) out.uint32(DELTA.subscribe).string(name);
  for (const name of fields.unsubscribe ?? []) out.uint32(DELTA.unsubscribe).string(name);
  for (const [name, version] of fields.initial ?? []) {
    out.uint32(DELTA.initial).fork().uint32(tag(1)).string(name).uint32(tag(2)).string(version).ldelim();
  }
  if (fields.nonce) out.uint32(DELTA.nonce).string(fields.nonce);
  return [out.finish()];
}

/** A serialized envoy.config.core.v3.Node. */
export function nodeBytes({ id, cluster, metadata, locality }: BenchNode): Uint8Array {
  return envoy.config.core.v3.Node.encode({
    ...{ id, cluster, locality, metadata: structOf(metadata), userAgentName: "envoy" },
  }).finish();
}

function structOf(fields: Readonly<Record<string, unknown>>): google.protobuf.Struct.$Properties {
  return { fields: Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, protoValue(value)])) };
}

function protoValue(value: unknown): google.protobuf.Value.$Properties {
  if (typeof value === "string") return { stringValue: value };
  return { structValue: structOf(value as Record<string, unknown>) };
}

function tag(field: number): number {
  return (field << 3) | 2;
}
