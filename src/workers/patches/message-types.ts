// Messages that a patch may name, by reflection: their descriptors are loaded when the first patch is applied, since most
// meshes have none. Worker threads.
import { createRequire } from "node:module";
import type protobuf from "protobufjs";
import type { INamespace, Root, Type } from "protobufjs";

/** A decoded message: fields by their names in camelCase, absent ones left out. */
export type Message = Record<string, unknown>;

/** `google.protobuf.Any` as it is decoded. */
export interface AnyValue {
  type_url: string;
  value?: Uint8Array;
}

interface ProtoJson {
  fromJson(type: Type, json: unknown, options?: { readonly ignoreUnknownFields?: boolean }): Message;
}

/** The library and the descriptors, of which workers that patch nothing need neither. */
interface Reflection {
  readonly root: Root;
  readonly json: ProtoJson;
}

let loaded: Reflection | undefined;

function reflection(): Reflection {
  if (!loaded) {
    // Generators are synchronous, so that there is no import to wait for.
    const require = createRequire(import.meta.url);
    const { Root } = require("protobufjs/light.js") as typeof protobuf;
    const json = require("protobufjs/ext/protojson.js") as ProtoJson;
    const root = Root.fromJSON(require("../../shared/gen/descriptors.json") as INamespace);
    root.resolveAll();
    loaded = { root, json };
  }
  return loaded;
}

/** Loads what the first patch needs, 0.2 s of work, ahead of it. */
export function loadMessageTypes(): void {
  reflection();
}

const byName = new Map<string, Type | undefined>();

/** The type with the full name, without a dot before it; undefined where nobody has told us of it. */
export function messageType(fullName: string): Type | undefined {
  if (!byName.has(fullName)) {
    const found = reflection().root.lookup(fullName);
    byName.set(fullName, found && "fieldsArray" in found ? (found as Type) : undefined);
  }
  return byName.get(fullName);
}

/** A type that is part of what we generate. */
export function knownType(fullName: string): Type {
  const type = messageType(fullName);
  if (!type) throw new Error(`the descriptors lack ${fullName}`);
  return type;
}

/** The full name in a type URL. */
export function typeName(url: string): string {
  return url.slice(url.lastIndexOf("/") + 1);
}

/** A message of its proto3-JSON form, with names in either case. Throws what is wrong with it. */
export function messageOfJson(type: Type, json: unknown, ignoreUnknownFields: boolean): Message {
  return reflection().json.fromJson(type, json, { ignoreUnknownFields });
}

export function decode(type: Type, bytes: Uint8Array): Message {
  return type.decode(bytes) as unknown as Message;
}

export function encode(type: Type, message: Message): Uint8Array {
  return type.encode(message).finish();
}

/** The message in an Any with its type; undefined where the type is not known, or the bytes are none of it. */
export function opened(any: AnyValue): { readonly type: Type; readonly message: Message } | undefined {
  const type = messageType(typeName(any.type_url));
  return type && { type, message: decode(type, any.value ?? new Uint8Array()) };
}
