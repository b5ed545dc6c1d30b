// Reads the validation fixtures, and says for one case what Mizzen says of its input.
import fs from "node:fs";
import path from "node:path";
import { parseYaml, splitDocuments } from "../../src/main/config/yaml-documents.ts";
import { ENVOY_FILTER_WARNING } from "../../src/main/validation/kinds/envoy-filter.ts";
import { checkMeshConfig } from "../../src/main/validation/mesh/mesh-config-rules.ts";
import { checkMeshNetworks, checkProxyConfig } from "../../src/main/validation/mesh/mesh-rules.ts";
import { newReport, reportText } from "../../src/main/validation/report.ts";
import { checkSchema } from "../../src/main/validation/schema/check-schema.ts";
import { type DecodeResult, decodeMessage } from "../../src/main/validation/structural/decode.ts";
import { loadDescriptors } from "../../src/main/validation/structural/descriptors.ts";
import { isObject } from "../../src/main/validation/structural/json.ts";
import { checkObject } from "../../src/main/validation/validate-object.ts";

interface Texts {
  readonly error: string;
  readonly warning: string;
}

export interface SuiteCase {
  readonly name: string;
  readonly input: readonly string[];
  readonly options: {
    readonly kind: string;
    readonly accept?: boolean;
    readonly error?: string | null;
    readonly warning?: string;
    readonly webhook?: Texts | null;
    readonly rejectAnnotation?: string;
  };
}

export interface Outcome {
  readonly accepted: boolean;
  /** The texts are those of the reference, apart from white space at the end. */
  readonly textEqual: boolean;
  /** What was said, for people. */
  readonly said: string;
}

const descriptors = loadDescriptors();
const validator = { descriptors, features: { ipAutoAllocate: true, wildcardHostServiceEntriesForTls: false } };

export function readSuite(folder: string): readonly SuiteCase[] {
  const index = JSON.parse(fs.readFileSync(path.join(folder, "index.json"), "utf8")) as { cases: SuiteCase[] };
  return index.cases;
}

export function runCase(folder: string, one: SuiteCase): Outcome {
  const document = splitDocuments(fs.readFileSync(path.join(folder, one.input[0]!), "utf8"))[0]!;
  const parsed = parseYaml(document);
  if (!parsed.ok) throw new Error(`${one.name}: ${parsed.reason}`);
  const { kind } = one.options;
  if (kind === "dataset") return runDataset(one, parsed.value);
  if (kind === "crd") return runCrd(one, parsed.value);
  const expected = { error: one.options.error ?? "", warning: one.options.warning ?? "" };
  const texts = kind === "webhook" ? webhook(one, parsed.value) : meshSettings(kind, parsed.value);
  return outcome(texts, expected);
}

function outcome(texts: Texts, expected: Texts): Outcome {
  const same = (a: string, b: string): boolean => a.trimEnd() === b.trimEnd();
  return {
    accepted: texts.error === "",
    textEqual: same(texts.error, expected.error) && same(texts.warning, expected.warning),
    said: `error: ${texts.error.trimEnd() || "-"}; warning: ${texts.warning.trimEnd() || "-"}`,
  };
}

function runDataset(one: SuiteCase, raw: unknown): Outcome {
  const plain = objectTexts(raw);
  const annotated = structuredClone(raw) as { metadata: { annotations?: Record<string, string> } };
  annotated.metadata.annotations = { ...annotated.metadata.annotations, [one.options.rejectAnnotation!]: "true" };
  const refused = objectTexts(annotated).error !== "";
  return { accepted: plain.error === "" && refused, textEqual: true, said: plain.error };
}

function runCrd(one: SuiteCase, raw: unknown): Outcome {
  const problems = checkSchema(descriptors, raw);
  const said = problems.join("; ");
  const { error, webhook: expected } = one.options;
  let textEqual = error ? said.includes(error) : said === "";
  if (expected) textEqual &&= outcome(objectTexts(raw), expected).textEqual;
  return { accepted: problems.length === 0, textEqual, said: `${said || "-"} / ${objectTexts(raw).error}` };
}

/** The webhook's fixtures may lack a name, and a namespace that is left out is not taken for another one. */
function objectTexts(raw: unknown): Texts {
  const metadata = isObject(raw) && isObject(raw.metadata) ? raw.metadata : {};
  const named = isObject(raw) ? { ...raw, metadata: { name: "unnamed", ...metadata } } : raw;
  const checked = checkObject(validator, named);
  const reasons = checked.errors.map((e) =>
    metadata.namespace === undefined ? e.reason.replace(/^(invalid policy [^:]*\.)default:/, "$1:") : e.reason,
  );
  return { error: reportText(reasons, checked.listed), warning: reportText(checked.warnings) };
}

/** The fixtures of this kind are those of a function that the general warning is not part of. */
function webhook(one: SuiteCase, raw: unknown): Texts {
  const texts = objectTexts(raw);
  if (!one.name.startsWith("webhook/EnvoyFilter/")) return texts;
  const checked = checkObject(validator, { ...(raw as object), metadata: { name: "x" } });
  return { ...texts, warning: reportText(checked.warnings.filter((w) => w !== ENVOY_FILTER_WARNING)) };
}

function meshSettings(kind: string, raw: unknown): Texts {
  const message = { "proxy-config": "ProxyConfig", "mesh-networks": "MeshNetworks", "mesh-config": "MeshConfig" }[kind];
  const result: DecodeResult = { errors: [], deferred: [] };
  const decoded = decodeMessage(descriptors.message(`istio.mesh.v1alpha1.${message}`), raw, "", result);
  const report = newReport();
  report.errors.push(...result.errors);
  if (kind === "proxy-config") checkProxyConfig(report, "", decoded);
  if (kind === "mesh-networks") checkMeshNetworks(report, decoded);
  if (kind === "mesh-config") checkMeshConfig(report, decoded);
  return {
    error: reportText(
      report.errors.map((e) => e.reason),
      true,
    ),
    warning: reportText(report.warnings, true),
  };
}
