// YAML and JSON text: split into documents, parsed one by one, and searched for lines when a message needs one. Any thread.
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  Scalar,
  visit,
} from "yaml";

/** The text of one document of a file. */
export interface YamlDocument {
  readonly text: string;
  /** Line of the file that `text` begins at, counted from 1. */
  readonly line: number;
}

export type ParsedYaml =
  | { readonly ok: true /** null for an empty document. */; readonly value: unknown }
  | { readonly ok: false; readonly line: number; readonly reason: string };

const OPTIONS = { prettyErrors: false, logLevel: "error", merge: true } as const;

/**
 * The documents of a file. A line that begins with `---` or `...` always divides documents, inside of block scalars
 * too, so that text can be cut without parsing it.
 */
export function splitDocuments(text: string): YamlDocument[] {
  if (text.startsWith("\uFEFF")) text = text.slice(1);
  const out: YamlDocument[] = [];
  let start = 0;
  let line = 1;
  let startLine = 1;
  for (let at = 0; at <= text.length; ) {
    const end = text.indexOf("\n", at);
    const next = end === -1 ? text.length + 1 : end + 1;
    const marker = text.startsWith("---", at) || text.startsWith("...", at);
    if (marker && isBreak(text.charCodeAt(at + 3)) && at > start) {
      out.push({ text: text.slice(start, at), line: startLine });
      start = at;
      startLine = line;
    }
    if (marker && text[at] === "." && isBreak(text.charCodeAt(at + 3))) {
      start = next;
      startLine = line + 1;
    }
    at = next;
    line++;
  }
  if (start < text.length) out.push({ text: text.slice(start), line: startLine });
  return out.filter((document) => !isBlank(document.text));
}

/** NaN is the end of the text. */
function isBreak(code: number): boolean {
  return Number.isNaN(code) || code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}

function isBlank(text: string): boolean {
  return /^(---)?(\s|#.*(\n|$)|%.*(\n|$))*$/.test(text);
}

/** Parses one document. */
export function parseYaml(document: YamlDocument): ParsedYaml {
  // Most of what machines write is JSON, which the engine reads far faster.
  if (/^\s*\{/.test(document.text)) {
    try {
      return { ok: true, value: JSON.parse(document.text) as unknown };
    } catch {
      // YAML in flow style, or an error that the YAML parser gives a line.
    }
  }
  const lines = new LineCounter();
  const parsed = parseDocument(document.text, { ...OPTIONS, lineCounter: lines });
  const error = parsed.errors[0];
  if (error) {
    return { ok: false, line: document.line - 1 + lines.linePos(error.pos[0]).line, reason: error.message };
  }
  if (FLOW_END_COLON.test(document.text)) mendFlowColons(parsed);
  try {
    return { ok: true, value: parsed.toJS({ maxAliasCount: 1000 }) as unknown };
  } catch (thrown) {
    // Aliases that unfold without end.
    return { ok: false, line: document.line, reason: thrown instanceof Error ? thrown.message : String(thrown) };
  }
}

const FLOW_END_COLON = /:\s*[\],]/;

/**
 * `[2001:db8::]` is a list of one map to the YAML standard, but of one text to the parsers that Kubernetes has.
 */
function mendFlowColons(parsed: Document.Parsed): void {
  visit(parsed, {
    Seq(_key, list) {
      if (!list.flow) return;
      for (const [i, item] of list.items.entries()) {
        const pair = isMap(item) && item.items.length === 1 ? item.items[0] : undefined;
        // A map without braces begins where its key begins.
        if (!pair || !isScalar(pair.key) || rangeStart(item) !== rangeStart(pair.key)) continue;
        const empty = pair.value === null || (isScalar(pair.value) && pair.value.source === "");
        if (empty && typeof pair.key.source === "string") list.items[i] = new Scalar(`${pair.key.source}:`);
      }
    },
  });
}

/**
 * Finds lines of fields such as `spec.http[0].route[1]` in a document that parses. Parses the text again, so it is for
 * messages only. A field that isn't there gives the line of the nearest thing around it.
 */
export function fieldLocator(document: YamlDocument): (field: string) => number {
  const lines = new LineCounter();
  const parsed = parseDocument(document.text, { ...OPTIONS, lineCounter: lines });
  const lineOf = (offset: number): number => document.line - 1 + lines.linePos(offset).line;
  return (field) => {
    let node: unknown = parsed.contents;
    let offset = rangeStart(node) ?? 0;
    for (const step of fieldSteps(field)) {
      if (isAlias(node)) node = node.resolve(parsed);
      if (isMap(node)) {
        const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(step));
        if (!pair) break;
        offset = rangeStart(pair.key) ?? offset;
        node = pair.value;
      } else if (isSeq(node) && typeof step === "number") {
        const item: unknown = node.items[step];
        if (item === undefined) break;
        offset = rangeStart(item) ?? offset;
        node = item;
      } else {
        break;
      }
    }
    return lineOf(offset);
  };
}

function rangeStart(node: unknown): number | undefined {
  return (node as Node | null)?.range?.[0];
}

/** `a.b[0]["c.d"]` as its steps. */
export function fieldSteps(field: string): (string | number)[] {
  const steps: (string | number)[] = [];
  for (const [, name, index, quoted] of field.matchAll(/([^.[\]]+)|\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]/g)) {
    if (name !== undefined) steps.push(name);
    else if (index !== undefined) steps.push(Number(index));
    else steps.push(JSON.parse(quoted!) as string);
  }
  return steps;
}
