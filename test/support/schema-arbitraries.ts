// Documents with fields that nobody chose by hand: valid ones into which values are put wherever the schema has a place for them.
import fc from "fast-check";
import { ISTIO_KIND_INFO } from "../../src/main/validation/istio-kinds.ts";
import {
  type Descriptors,
  type FieldSchema,
  loadDescriptors,
  type MessageSchema,
  type ScalarType,
} from "../../src/main/validation/structural/descriptors.ts";
import type { IstioKind } from "../../src/shared/model/config.ts";
import { HOSTS, NAMESPACES, type Raw } from "./random-documents.ts";
import { DOCUMENTS } from "./worker-arbitraries.ts";

const descriptors: Descriptors = loadDescriptors();

/** Texts that mean something in one field or another; most fields take many of them. */
const TEXTS = [
  ...HOSTS,
  ...NAMESPACES,
  ...["a", "b", "one", "v1", "*", ".", "*/*", "./*", "mesh", "default/one", "http", "tcp", "istio"],
  ...["/", "/a/b", "^/x(.*)$", "[a-z]+", "x-header", "x-user", "GET", "5xx", "reset,503", "80", "443", "50%"],
  ...["10.0.0.1", "10.1.0.0/16", "2001:db8::1", "unix:///tmp/s", "r1/z1", "r1/*", "r1", "https://a.example.com"],
  ...["ROUND_ROBIN", "cluster.local/ns/default/sa/sa", "request.headers[x-user]", "response.code >= 400", ""],
] as const;

const SCALARS: Readonly<Record<ScalarType, fc.Arbitrary<unknown>>> = {
  string: fc.constantFrom(...TEXTS),
  bytes: fc.constant("aGVsbG8="),
  bool: fc.boolean(),
  int32: fc.constantFrom(0, 1, 3, 80, 100, 443, 503, 9000, 65_535),
  uint32: fc.constantFrom(0, 1, 3, 80, 100, 443, 503, 9000, 65_535),
  int64: fc.constantFrom(0, 1, 1024, 1_048_576),
  uint64: fc.constantFrom(0, 1, 1024, 1_048_576),
  float: fc.constantFrom(0, 0.5, 1, 99.9, 100),
  double: fc.constantFrom(0, 0.5, 1, 99.9, 100),
  duration: fc.constantFrom("0s", "0.001s", "1.5s", "10s", "1h"),
  timestamp: fc.constant("2025-01-01T00:00:00Z"),
  struct: fc.constantFrom({}, { a: 1 }, { b: { c: ["d", true, null] } }),
  value: fc.constantFrom<unknown>(null, 1, "a", [true], { a: "b" }),
  list: fc.constantFrom<unknown[]>([], [1, "a"]),
  empty: fc.constant({}),
};

/** Levels of messages in messages. */
const DEPTH = 5;

const messages = new Map<string, fc.Arbitrary<Raw>>();

/** A message with some of its fields, as JSON; of a oneof's members one at most. */
function message(schema: MessageSchema, depth: number): fc.Arbitrary<Raw> {
  const key = `${schema.fullName} ${depth}`;
  let known = messages.get(key);
  if (!known) {
    const fields = [...schema.fields.values()].filter((field) => depth > 0 || !isMessage(field));
    known = fc
      .tuple(...fields.map((field) => fc.option(value(field, depth), { nil: undefined, freq: 2 })))
      .map((values) => onePerOneof(fields, values));
    messages.set(key, known);
  }
  return known;
}

function onePerOneof(fields: readonly FieldSchema[], values: readonly unknown[]): Raw {
  const out: Record<string, unknown> = {};
  const taken = new Set<string>();
  fields.forEach((field, i) => {
    if (values[i] === undefined || (field.oneof !== "" && taken.has(field.oneof))) return;
    taken.add(field.oneof);
    out[field.name] = values[i];
  });
  return out;
}

function isMessage({ type }: FieldSchema): boolean {
  return typeof type === "object" && "fields" in type;
}

function value(field: FieldSchema, depth: number): fc.Arbitrary<unknown> {
  const one = single(field, depth);
  if (field.shape === "repeated") return fc.array(one, { minLength: 1, maxLength: 2 });
  if (field.shape === "map")
    return fc.dictionary(fc.constantFrom("app", "version", "x-header", "r1/*"), one, { maxKeys: 2 });
  return one;
}

function single({ type }: FieldSchema, depth: number): fc.Arbitrary<unknown> {
  if (typeof type === "string") return SCALARS[type];
  if ("values" in type) return fc.constantFrom(...type.values.keys());
  return message(type, depth - 1);
}

/** The places of a document at which something may be put: the spec and every message in it. */
function places(schema: MessageSchema, object: unknown, at: readonly (string | number)[] = []): Place[] {
  if (object === null || typeof object !== "object") return [];
  const own: Place[] = [{ schema, at }];
  for (const [name, inner] of Object.entries(object)) {
    const type = schema.fields.get(name)?.type;
    if (typeof type !== "object" || !("fields" in type)) continue;
    if (!Array.isArray(inner)) own.push(...places(type, inner, [...at, name]));
    else for (const [i, item] of inner.entries()) own.push(...places(type, item, [...at, name, i]));
  }
  return own;
}

interface Place {
  readonly schema: MessageSchema;
  readonly at: readonly (string | number)[];
}

/** A value for one field somewhere in a document. */
interface Graft {
  readonly place: number;
  readonly field: number;
  readonly seed: number;
}

const graft: fc.Arbitrary<Graft> = fc.record({ place: fc.nat(), field: fc.nat(), seed: fc.nat() });

/** Documents of a kind with up to three grafts, which need not be valid. */
export function graftedDocument(kind: keyof typeof DOCUMENTS): fc.Arbitrary<Raw> {
  return fc
    .record({ base: DOCUMENTS[kind] as fc.Arbitrary<Raw>, grafts: fc.array(graft, { minLength: 1, maxLength: 3 }) })
    .map(({ base, grafts }) => grafts.reduce(grafted, base));
}

function grafted(document: Raw, { place, field, seed }: Graft): Raw {
  const copy = structuredClone(document) as { kind: IstioKind; spec: Record<string, unknown> };
  const all = places(descriptors.message(ISTIO_KIND_INFO[copy.kind].message), copy.spec);
  const { schema, at } = all[place % all.length]!;
  const fields = [...schema.fields.values()];
  if (fields.length === 0) return document;
  const chosen = fields[field % fields.length]!;
  let target: Record<string, unknown> = copy.spec;
  for (const step of at) target = target[step] as Record<string, unknown>;
  for (const other of fields) if (chosen.oneof !== "" && other.oneof === chosen.oneof) delete target[other.name];
  target[chosen.name] = fc.sample(value(chosen, DEPTH), { numRuns: 1, seed })[0];
  return copy;
}
