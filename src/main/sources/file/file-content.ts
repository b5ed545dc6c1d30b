// One file's documents as records and rejections. Documents whose text is as before are not read again. Main thread.

import { errorMessage } from "../../../shared/errors.ts";
import type { ObjectKey } from "../../../shared/model/config.ts";
import type { MeshObject, Rejection } from "../../../shared/model/delta.ts";
import { fieldLocator, parseYaml, splitDocuments, type YamlDocument } from "../../config/yaml-documents.ts";
import type { ValidateObject } from "../../validation/validate-object.ts";
import { type Converted, convertDocument } from "../convert/convert-document.ts";

/** An object that a document defines. */
export interface Definition {
  readonly object: MeshObject;
  /** Line in the file when it was read; `DocumentRecord.line` knows where the document is now. */
  readonly offset: number;
}

/** What became of one document. Lines in it count from the document's own first line, so that it may move. */
export interface DocumentRecord {
  readonly text: string;
  /** Of the file, counted from 1. */
  line: number;
  readonly definitions: readonly Definition[];
  readonly problems: readonly Problem[];
}

interface Problem {
  readonly offset: number;
  readonly key?: ObjectKey;
  readonly field: string;
  readonly reason: string;
}

export interface ReadContext {
  readonly file: string;
  readonly validate: ValidateObject;
  /** Called for each object that is taken with a warning. */
  readonly warned: (object: MeshObject, line: number, text: string) => void;
  readonly skipped: (what: string, line: number) => void;
  /** Awaited between documents: gives way to other work when it is time. */
  readonly pause: () => Promise<void> | undefined;
}

/** Reads a file's text. `previous` is what the file was before. */
export async function readContent(
  text: string,
  previous: readonly DocumentRecord[],
  context: ReadContext,
): Promise<DocumentRecord[]> {
  const known = new Map(previous.map((record) => [record.text, record]));
  const records: DocumentRecord[] = [];
  for (const document of splitDocuments(text)) {
    const same = known.get(document.text);
    if (same) {
      // Each record stands for one document only.
      known.delete(document.text);
      same.line = document.line;
      records.push(same);
      continue;
    }
    const pause = context.pause();
    if (pause) await pause;
    records.push(readDocument(document, context));
  }
  return records;
}

function readDocument(document: YamlDocument, context: ReadContext): DocumentRecord {
  const { text, line } = document;
  const broken = (offset: number, reason: string): DocumentRecord => ({
    text,
    line,
    definitions: [],
    problems: [{ offset, field: "", reason }],
  });
  const parsed = parseYaml(document);
  if (!parsed.ok) return broken(parsed.line - line, parsed.reason);
  const start = contentOffset(text);
  let converted: Converted[];
  try {
    converted = convertDocument(parsed.value, { source: context.file, line: line + start }, context.validate);
  } catch (error) {
    // A mistake of ours must not take the source down.
    return broken(start, `internal error: ${errorMessage(error)}`);
  }
  const definitions: Definition[] = [];
  const problems: Problem[] = [];
  // Only asked for where something is wrong.
  let locate: ((field: string) => number) | undefined;
  const offsetOf = (field: string): number => {
    locate ??= fieldLocator(document);
    return locate(field) - line;
  };
  for (const item of converted) {
    if (item.outcome === "object") {
      const offset = item.path === "" ? start : offsetOf(item.path);
      definitions.push({ object: item.object, offset });
      for (const warning of item.warnings) context.warned(item.object, line + offset, warning);
    } else if (item.outcome === "rejected") {
      for (const { field, reason } of item.errors) {
        const full = joinPath(item.path, field);
        problems.push({ offset: offsetOf(full), field: full, reason, ...(item.key ? { key: item.key } : {}) });
      }
    } else {
      context.skipped(item.what, line + start);
    }
  }
  return { text, line, definitions, problems };
}

function joinPath(outer: string, inner: string): string {
  if (outer === "" || inner === "") return outer || inner;
  return inner.startsWith("[") ? outer + inner : `${outer}.${inner}`;
}

/** Lines before the content: markers, comments, blank ones. */
function contentOffset(text: string): number {
  const before = /^(?:---[ \t]*(?:#.*)?\r?\n|[ \t]*(?:#.*)?\r?\n)*/.exec(text)![0];
  return before.split("\n").length - 1;
}

/** The rejections of a file's documents. */
export function contentRejections(file: string, records: readonly DocumentRecord[]): Rejection[] {
  return records.flatMap((record) =>
    record.problems.map(({ offset, key, field, reason }) => ({
      source: file,
      line: record.line + offset,
      ...(key ? { key } : {}),
      field,
      reason,
    })),
  );
}
