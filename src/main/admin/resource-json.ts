// Generated resources as JSON for people, every Any expanded. Loaded by the first request that needs it. Main thread.
import fs from "node:fs";
import protobuf from "protobufjs";
import protojson from "protobufjs/ext/protojson.js";
import type { EncodedResource } from "../../shared/model/resource.ts";
import { TYPE_URL, type XdsType } from "../../shared/xds-types.ts";

const ANY = ".google.protobuf.Any";
const STRUCT_URL = "type.googleapis.com/google.protobuf.Struct";

interface AnyMessage {
  type_url: string;
  value: Uint8Array;
}

/** Turns the bytes of resources into protobuf JSON. */
export class ResourceJson {
  private readonly root: protobuf.Root;

  constructor() {
    const file = new URL("../../shared/gen/descriptors.json", import.meta.url);
    this.root = protobuf.Root.fromJSON(JSON.parse(fs.readFileSync(file, "utf8")) as protobuf.INamespace);
    this.root.resolveAll();
  }

  /** The resource with its `@type`. */
  show(type: XdsType, resource: EncodedResource): Record<string, unknown> {
    const message = this.typeOf(TYPE_URL[type]);
    if (!message) return { "@type": TYPE_URL[type], value: Buffer.from(resource.bytes).toString("base64") };
    const decoded = message.decode(resource.bytes);
    this.replaceUnknown(message, decoded as unknown as Record<string, unknown>);
    return { "@type": TYPE_URL[type], ...(protojson.toJson(message, decoded) as Record<string, unknown>) };
  }

  private typeOf(url: string): protobuf.Type | undefined {
    try {
      return this.root.lookupType(url.slice(url.lastIndexOf("/") + 1));
    } catch {
      // lookupType has no other way to say no.
      return undefined;
    }
  }

  /** An Any whose type is not known can't be written as JSON: it is replaced by a Struct that says so. */
  private replaceUnknown(type: protobuf.Type, message: Record<string, unknown>): void {
    for (const field of type.fieldsArray) {
      const value = message[field.name];
      if (value === undefined || value === null) continue;
      const inner = field.resolve().resolvedType;
      if (!(inner instanceof protobuf.Type)) continue;
      const items = field.repeated || field.map ? Object.values(value as object) : [value];
      for (const item of items) {
        if (inner.fullName === ANY) this.replaceAny(item as AnyMessage);
        else this.replaceUnknown(inner, item as Record<string, unknown>);
      }
    }
  }

  private replaceAny(any: AnyMessage): void {
    const inner = this.typeOf(any.type_url);
    if (inner) {
      const decoded = inner.decode(any.value);
      this.replaceUnknown(inner, decoded as unknown as Record<string, unknown>);
      any.value = inner.encode(decoded).finish();
      return;
    }
    const text = (stringValue: string): object => ({ stringValue });
    const struct = this.root.lookupType("google.protobuf.Struct");
    any.value = struct
      .encode({ fields: { unknownType: text(any.type_url), value: text(Buffer.from(any.value).toString("base64")) } })
      .finish();
    any.type_url = STRUCT_URL;
  }
}
