// Generates src/shared/gen from the .proto files of @grpc/grpc-js-xds (Envoy, xDS, Google) and our own protos/:
//   envoy.js       static codecs of the messages that workers encode        (roots: protos/messages.json "envoy")
//   discovery.js   static codecs of the xDS transport, for the main thread   (roots: "discovery")
//   istio.json     descriptors of Istio's configuration, for validation      (roots: "istio")
//   descriptors.json  descriptors of every message that we may have to show as JSON, or that an EnvoyFilter may name: all of
//                  the above, and all that the folders of "extensions" define
// Fields that Envoy has gained since the package was published come from protos/overlay.json where we generate them, and from
// protos/newer-api.json where only users do, in patches.
import { createHash } from "node:crypto";
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";
import protobuf from "protobufjs";
import pbjs from "protobufjs-cli/pbjs.js";

const here = path.dirname(fileURLToPath(import.meta.url));
const out = path.join(here, "../src/shared/gen");
const require = createRequire(import.meta.url);
const depsDir = path.join(path.dirname(require.resolve("@grpc/grpc-js-xds/package.json")), "deps");
const protobufDir = path.dirname(require.resolve("protobufjs/package.json"));
const includes = [
  here,
  ...["envoy-api", "googleapis", "protoc-gen-validate", "xds"].map((d) => path.join(depsDir, d)),
  protobufDir,
];

const messages = JSON.parse(fs.readFileSync(path.join(here, "messages.json"), "utf8"));
const newer = JSON.parse(fs.readFileSync(path.join(here, "newer-api.json"), "utf8"));
const overlay = JSON.parse(fs.readFileSync(path.join(here, "overlay.json"), "utf8"));

/** Content stamp of everything the output depends on, so that an unchanged tree generates nothing. */
function inputStamp() {
  const hash = createHash("sha256");
  const files = ["generate.mjs", "messages.json", "overlay.json", "newer-api.json", ...listProtos(here, here)];
  for (const file of files) hash.update(file).update(fs.readFileSync(path.join(here, file)));
  for (const name of ["@grpc/grpc-js-xds", "protobufjs", "protobufjs-cli"]) {
    hash.update(require(`${name}/package.json`).version);
  }
  return hash.digest("hex");
}

function listProtos(dir, base) {
  return fs
    .readdirSync(dir, { recursive: true })
    .filter((f) => f.endsWith(".proto"))
    .map((f) => path.relative(base, path.join(dir, f)))
    .sort();
}

/** The files of the folders whose messages users may name, of the API's third version: Envoy knows no other. */
function extensionFiles() {
  const files = messages.extensions.flatMap((folder) => {
    const base = includes.find((dir) => fs.existsSync(path.join(dir, folder)));
    // Google's come with protobufjs, as far as others need them.
    return base ? listProtos(path.join(base, folder), base) : [];
  });
  return files.filter((file) => file.includes("/v3/") && isComplete(file));
}

/** True when the package has everything that the file imports. */
function isComplete(file) {
  const known = completeness.get(file);
  if (known !== undefined) return known;
  const found = find(file);
  const imported =
    typeof found === "string" ? [...fs.readFileSync(found, "utf8").matchAll(/^import (?:public )?"(.+)";/gm)] : [];
  const complete = found !== undefined && imported.every(([, target]) => isComplete(target));
  completeness.set(file, complete);
  return complete;
}

const completeness = new Map();

/** The path of a file, true for one that comes with protobufjs, or undefined. */
function find(target) {
  for (const dir of includes) {
    const candidate = path.join(dir, target);
    if (fs.existsSync(candidate)) return candidate;
  }
  return protobuf.common.get(target) ? true : undefined;
}

function loadRoot() {
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) => {
    const found = find(target);
    if (found === undefined) throw new Error(`no include folder has ${target}`);
    return found === true ? target : found;
  };
  root.loadSync([...new Set([...messages.files, ...extensionFiles()]), ...listProtos(here, here)]);
  for (const [typeName, { fields = {}, enums = {}, messages: nested = {} }] of Object.entries(overlay)) {
    const type = root.lookup(typeName);
    if (!type) throw new Error(`overlay.json names ${typeName}, which no file defines`);
    for (const [name, values] of Object.entries(enums)) type.add(new protobuf.Enum(name, values));
    for (const [name, message] of Object.entries(nested)) type.add(protobuf.Type.fromJSON(name, message));
    for (const [name, field] of Object.entries(fields)) {
      type.add(new protobuf.Field(protobuf.util.camelCase(name), field.id, field.type, field.rule));
    }
  }
  return root;
}

/** Adds what Envoy's API has gained, but for what overlay.json has: messages, enums and their values, and fields. */
function addNewer(root) {
  const define = (fullName, make) => {
    if (root.lookup(fullName)) return;
    const at = fullName.lastIndexOf(".");
    const parent = root.lookup(fullName.slice(0, at)) ?? root.define(fullName.slice(0, at));
    parent.add(make(fullName.slice(at + 1)));
  };
  // Those that stand in others come after them.
  for (const name of Object.keys(newer.messages).sort()) define(name, (own) => new protobuf.Type(own));
  for (const [name, values] of Object.entries(newer.enums)) define(name, (own) => new protobuf.Enum(own, values));
  for (const [name, fields] of [...Object.entries(newer.messages), ...Object.entries(newer.fields)]) {
    const type = root.lookupType(name);
    for (const [field, json] of Object.entries(fields)) addField(type, field, json);
  }
  for (const [name, values] of Object.entries(newer.values)) {
    const known = root.lookupEnum(name);
    for (const [value, id] of Object.entries(values)) if (known.values[value] === undefined) known.add(value, id);
  }
}

function addField(type, protoName, { id, type: fieldType, rule, keyType, oneof }) {
  if (type.fieldsById[id]) return;
  const name = protobuf.util.camelCase(protoName);
  const full = fieldType.includes(".") ? `.${fieldType}` : fieldType;
  const field = keyType ? new protobuf.MapField(name, id, keyType, full) : new protobuf.Field(name, id, full, rule);
  field.protoName = protoName;
  type.add(field);
  if (!oneof) return;
  const own = protobuf.util.camelCase(oneof);
  if (!type.oneofs?.[own]) type.add(new protobuf.OneOf(own));
  type.oneofs[own].add(field);
}

/** The full names of all messages in a namespace. */
function messagesIn(namespace) {
  return (namespace.nestedArray ?? []).flatMap((child) =>
    child instanceof protobuf.Type ? [child.fullName, ...messagesIn(child)] : messagesIn(child),
  );
}

function runPbjs(args) {
  return new Promise((resolve, reject) => {
    pbjs.main(args, (error, text) => (error ? reject(error) : resolve(text)));
  });
}

/** The full names of `roots` and of every type their fields reach. */
function reachable(root, roots) {
  const seen = new Set();
  const queue = roots.map((name) => root.lookupTypeOrEnum(name));
  while (queue.length > 0) {
    const type = queue.pop();
    if (!type || seen.has(type.fullName)) continue;
    seen.add(type.fullName);
    if (!(type instanceof protobuf.Type)) continue;
    for (const field of type.fieldsArray) {
      field.resolve();
      if (field.resolvedType) queue.push(field.resolvedType);
    }
  }
  return seen;
}

/** A JSON descriptor of just the named types, without options and comments. */
function subset(root, keep) {
  const prune = (ns) => {
    const nested = {};
    for (const child of ns.nestedArray ?? []) {
      if (child instanceof protobuf.Enum) {
        if (keep.has(child.fullName)) nested[child.name] = { values: child.values };
        continue;
      }
      if (child instanceof protobuf.Type) {
        const inner = prune(child);
        if (!keep.has(child.fullName) && Object.keys(inner).length === 0) continue;
        const json = { fields: {} };
        if (child.oneofsArray.length > 0) {
          json.oneofs = Object.fromEntries(child.oneofsArray.map((o) => [o.name, { oneof: o.oneof }]));
        }
        if (keep.has(child.fullName)) {
          for (const f of child.fieldsArray) json.fields[f.name] = fieldJson(f);
        }
        if (Object.keys(inner).length > 0) json.nested = inner;
        nested[child.name] = json;
        continue;
      }
      if (child instanceof protobuf.Namespace && !(child instanceof protobuf.Service)) {
        const inner = prune(child);
        if (Object.keys(inner).length > 0) nested[child.name] = { nested: inner };
      }
    }
    return nested;
  };
  return { options: { syntax: "proto3" }, nested: prune(root) };
}

function fieldJson(field) {
  const type = field.resolvedType ? field.resolvedType.fullName : field.type;
  const json = { type, id: field.id };
  // JSON may name fields as their file does.
  if (field.protoName && field.protoName !== field.name) json.protoName = field.protoName;
  if (field.repeated) json.rule = "repeated";
  if (field.map) json.keyType = field.keyType;
  const options = {};
  if (field.options?.proto3_optional) options.proto3_optional = true;
  if (field.options?.json_name) options.json_name = field.options.json_name;
  if (field.options?.deprecated) options.deprecated = true;
  if (Object.keys(options).length > 0) json.options = options;
  return json;
}

async function staticModule(name, root, roots, extra = []) {
  const jsonFile = path.join(out, `${name}.tmp.json`);
  fs.writeFileSync(jsonFile, JSON.stringify(subset(root, reachable(root, roots))));
  const target = path.join(out, `${name}.js`);
  await runPbjs(
    "-t static-module -w esm --no-verify --no-convert --no-delimited --no-service --no-typeurl --force-number"
      .split(" ")
      .concat(extra, ["--dts", "-r", `mizzen_${name}`, "-o", target, jsonFile]),
  );
  // Node's ESM resolver needs the extension.
  const text = fs.readFileSync(target, "utf8").replace(/"protobufjs\/minimal"/, '"protobufjs/minimal.js"');
  fs.writeFileSync(target, stripComments(text));
  fs.rmSync(jsonFile);
}

function stripComments(text) {
  return text.replace(/^\s*\/\*\*[\s\S]*?\*\/\n/gm, "");
}

const JSON_TYPES = {
  ".google.protobuf.Duration": "string",
  ".google.protobuf.Timestamp": "string",
  ".google.protobuf.Struct": "JsonObject",
  ".google.protobuf.Value": "JsonValue",
  ".google.protobuf.ListValue": "JsonValue[]",
  ".google.protobuf.BoolValue": "boolean",
  ".google.protobuf.StringValue": "string",
  ".google.protobuf.BytesValue": "string",
  ".google.protobuf.Empty": "Record<string, never>",
  ".google.protobuf.Any": "JsonObject",
};
for (const n of ["Int32", "UInt32", "Float", "Double", "Int64", "UInt64"]) {
  JSON_TYPES[`.google.protobuf.${n}Value`] = "number";
}

/** The TypeScript name of a message: its full name without `istio.` and dots, such as `Networking_VirtualService`. */
function tsName(fullName) {
  return fullName
    .replace(/^\.(istio\.)?/, "")
    .replace(/\.v1(alpha|beta)?\d*\b/, "")
    .split(".")
    .map((part) => part[0].toUpperCase() + part.slice(1))
    .join("_");
}

function tsType(field) {
  const resolved = field.resolvedType;
  if (resolved instanceof protobuf.Enum) {
    return Object.keys(resolved.values)
      .map((v) => JSON.stringify(v))
      .join(" | ");
  }
  if (resolved) return JSON_TYPES[resolved.fullName] ?? tsName(resolved.fullName);
  if (field.type === "string" || field.type === "bytes") return "string";
  return field.type === "bool" ? "boolean" : "number";
}

/** Types of the proto3-JSON form that validation leaves behind: what the specs of ConfigObjects look like. */
function jsonTypes(root, keep) {
  const lines = [
    "// Generated. Istio's configuration in proto3-JSON form.",
    "export type JsonValue = null | boolean | number | string | JsonValue[] | JsonObject;",
    "export interface JsonObject { readonly [key: string]: JsonValue }",
  ];
  for (const name of [...keep].sort()) {
    const type = root.lookup(name);
    if (!(type instanceof protobuf.Type) || JSON_TYPES[name] || name.startsWith(".google.")) continue;
    lines.push(`export interface ${tsName(name)} {`);
    for (const field of type.fieldsArray) {
      const base = tsType(field);
      const key = field.options?.json_name ?? field.name.replace(/_([a-z0-9])/g, (_, c) => c.toUpperCase());
      const value = field.map ? `{ readonly [key: string]: ${base} }` : field.repeated ? `readonly (${base})[]` : base;
      lines.push(`  readonly ${key}?: ${value};`);
    }
    lines.push("}");
  }
  return `${lines.join("\n")}\n`;
}

async function main() {
  const stampFile = path.join(out, ".stamp");
  const stamp = inputStamp();
  if (fs.existsSync(stampFile) && fs.readFileSync(stampFile, "utf8") === stamp) return;
  fs.rmSync(out, { recursive: true, force: true });
  fs.mkdirSync(out, { recursive: true });
  const root = loadRoot();
  // Workers only ever encode.
  await staticModule("envoy", root, messages.envoy, ["--no-decode", "--no-create"]);
  await staticModule("discovery", root, messages.discovery);
  const istioTypes = reachable(root, messages.istio);
  const istio = subset(root, istioTypes);
  fs.writeFileSync(path.join(out, "istio.d.ts"), jsonTypes(root, istioTypes));
  fs.writeFileSync(path.join(out, "istio.js"), "export {};\n");
  fs.writeFileSync(path.join(out, "istio.json"), JSON.stringify(istio));
  addNewer(root);
  const named = messages.extensions.flatMap((folder) => messagesIn(root.lookup(folder.replaceAll("/", "."))));
  const all = subset(root, reachable(root, [...messages.envoy, ...messages.discovery, ...messages.istio, ...named]));
  fs.writeFileSync(path.join(out, "descriptors.json"), JSON.stringify(all));
  fs.writeFileSync(stampFile, stamp);
  console.log(`generated ${path.relative(process.cwd(), out)}`);
}

await main();
