// Reads a mesh-wide settings file into a message's normal form, with the file and line of every mistake. Main thread.
import { MizzenError } from "../../shared/errors.ts";
import { newReport, type Report } from "../validation/report.ts";
import { type DecodeResult, decodeMessage } from "../validation/structural/decode.ts";
import type { MessageSchema } from "../validation/structural/descriptors.ts";
import { isObject, type JsonObject } from "../validation/structural/json.ts";
import { fieldLocator, parseYaml, splitDocuments } from "./yaml-documents.ts";

/**
 * Decodes the one document of a file; an empty file is an empty message. `rules` look at what was decoded. Throws
 * MIZZEN_ERR_OPTIONS.
 */
export function decodeSettings(
  text: string,
  file: string,
  schema: MessageSchema,
  rules: (decoded: JsonObject, report: Report) => void,
): JsonObject {
  const documents = splitDocuments(text);
  const document = documents[0];
  if (!document) return {};
  if (documents.length > 1) {
    throw new MizzenError("MIZZEN_ERR_OPTIONS", `${file}:${documents[1]!.line}: only one document is expected`);
  }
  const parsed = parseYaml(document);
  if (!parsed.ok) throw new MizzenError("MIZZEN_ERR_OPTIONS", `${file}:${parsed.line}: ${parsed.reason}`);
  if (parsed.value === null) return {};
  if (!isObject(parsed.value)) {
    throw new MizzenError("MIZZEN_ERR_OPTIONS", `${file}:${document.line}: settings must be a map of names to values`);
  }
  const result: DecodeResult = { errors: [], deferred: [] };
  const decoded = decodeMessage(schema, parsed.value, "", result);
  const report = newReport();
  if (result.errors.length === 0) rules(decoded, report);
  const found = [...result.errors, ...report.errors];
  const errors = found.length > 0 ? found : result.deferred;
  if (errors.length > 0) {
    const line = fieldLocator(document);
    const lines = errors.map((e) => `${file}:${line(e.field)}: ${e.field}: ${e.reason}`);
    throw new MizzenError("MIZZEN_ERR_OPTIONS", lines.join("\n"));
  }
  return decoded;
}
