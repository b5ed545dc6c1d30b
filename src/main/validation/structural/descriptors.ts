// Istio's message types, linked from the generated descriptors, for decoding what users write. Main thread.
import fs from "node:fs";

export type ScalarType =
  | "string"
  | "bytes"
  | "bool"
  | "int32"
  | "uint32"
  | "int64"
  | "uint64"
  | "float"
  | "double"
  | "duration"
  | "timestamp"
  | "struct"
  | "value"
  | "list"
  | "empty";

export interface EnumSchema {
  readonly values: ReadonlyMap<string, number>;
  readonly names: ReadonlyMap<number, string>;
}

export interface FieldSchema {
  /** lowerCamelCase, as it stands in a ConfigObject. */
  readonly name: string;
  readonly shape: "single" | "repeated" | "map";
  readonly type: ScalarType | EnumSchema | MessageSchema;
  /** Name of the oneof that the field is a member of, or "". */
  readonly oneof: string;
}

export interface MessageSchema {
  readonly fullName: string;
  readonly fields: ReadonlyMap<string, FieldSchema>;
}

export interface Descriptors {
  /** The message with this full name, such as `istio.mesh.v1alpha1.MeshConfig`; throws when there is none. */
  message(fullName: string): MessageSchema;
}

interface RawField {
  readonly type: string;
  readonly rule?: string;
  readonly keyType?: string;
  readonly options?: { readonly json_name?: string };
}

interface RawNode {
  readonly fields?: Readonly<Record<string, RawField>>;
  readonly oneofs?: Readonly<Record<string, { readonly oneof: readonly string[] }>>;
  readonly values?: Readonly<Record<string, number>>;
  readonly nested?: Readonly<Record<string, RawNode>>;
}

const SCALARS: Readonly<Record<string, ScalarType>> = {
  string: "string",
  bytes: "bytes",
  bool: "bool",
  int32: "int32",
  sint32: "int32",
  sfixed32: "int32",
  uint32: "uint32",
  fixed32: "uint32",
  int64: "int64",
  sint64: "int64",
  sfixed64: "int64",
  uint64: "uint64",
  fixed64: "uint64",
  float: "float",
  double: "double",
  ".google.protobuf.Duration": "duration",
  ".google.protobuf.Timestamp": "timestamp",
  ".google.protobuf.Struct": "struct",
  ".google.protobuf.Any": "struct",
  ".google.protobuf.Value": "value",
  ".google.protobuf.ListValue": "list",
  ".google.protobuf.Empty": "empty",
  ".google.protobuf.BoolValue": "bool",
  ".google.protobuf.StringValue": "string",
  ".google.protobuf.BytesValue": "bytes",
  ".google.protobuf.Int32Value": "int32",
  ".google.protobuf.UInt32Value": "uint32",
  ".google.protobuf.Int64Value": "int64",
  ".google.protobuf.UInt64Value": "uint64",
  ".google.protobuf.FloatValue": "float",
  ".google.protobuf.DoubleValue": "double",
};

/** Reads the generated descriptors; a few milliseconds, once per process. */
export function loadDescriptors(): Descriptors {
  const file = new URL("../../../shared/gen/istio.json", import.meta.url);
  return linkDescriptors(JSON.parse(fs.readFileSync(file, "utf8")) as RawNode);
}

function linkDescriptors(root: RawNode): Descriptors {
  const messages = new Map<string, { schema: MessageSchema; fields: Map<string, FieldSchema>; raw: RawNode }>();
  const enums = new Map<string, EnumSchema>();
  collect(root, "", messages, enums);

  const typeOf = (name: string): FieldSchema["type"] => {
    const type = SCALARS[name] ?? messages.get(name)?.schema ?? enums.get(name);
    if (type === undefined) throw new Error(`the descriptors lack ${name}`);
    return type;
  };
  for (const { fields, raw } of messages.values()) {
    for (const [name, field] of Object.entries(raw.fields ?? {})) {
      // The descriptors keep underscores before digits, which JSON names don't have.
      const jsonName = field.options?.json_name ?? name.replace(/_([a-z0-9])/g, (_, c: string) => c.toUpperCase());
      const oneof = Object.entries(raw.oneofs ?? {}).find(([, o]) => o.oneof.length > 1 && o.oneof.includes(name));
      fields.set(jsonName, {
        name: jsonName,
        shape: field.keyType !== undefined ? "map" : field.rule === "repeated" ? "repeated" : "single",
        type: typeOf(field.type),
        oneof: oneof?.[0] ?? "",
      });
    }
  }
  return {
    message(fullName) {
      const found = messages.get(`.${fullName}`);
      if (!found) throw new Error(`the descriptors lack ${fullName}`);
      return found.schema;
    },
  };
}

function collect(
  node: RawNode,
  prefix: string,
  messages: Map<string, { schema: MessageSchema; fields: Map<string, FieldSchema>; raw: RawNode }>,
  enums: Map<string, EnumSchema>,
): void {
  for (const [name, child] of Object.entries(node.nested ?? {})) {
    const fullName = `${prefix}.${name}`;
    if (child.values) {
      const values = new Map(Object.entries(child.values));
      // With aliases, the first name stands for the number.
      const names = new Map<number, string>();
      for (const [key, value] of values) if (!names.has(value)) names.set(value, key);
      enums.set(fullName, { values, names });
    }
    if (child.fields) {
      const fields = new Map<string, FieldSchema>();
      messages.set(fullName, { schema: { fullName: fullName.slice(1), fields }, fields, raw: child });
    }
    collect(child, fullName, messages, enums);
  }
}
