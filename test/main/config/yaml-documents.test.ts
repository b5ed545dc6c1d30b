// Text cut into documents, parsed, and searched for lines.
import assert from "node:assert/strict";
import { it } from "node:test";
import { fieldLocator, fieldSteps, parseYaml, splitDocuments } from "../../../src/main/config/yaml-documents.ts";

it("cuts documents where markers stand", () => {
  const text = "\uFEFF# head\n---\na: 1\n--- # two\nb: |\n  x\n ---\n---\n\n...\n# end\n--- {c: 3}\n";
  const documents = splitDocuments(text);
  assert.deepEqual(
    documents.map((d) => d.line),
    [2, 4, 12],
  );
  assert.deepEqual(
    documents.map((d) => parseYaml(d)),
    [
      { ok: true, value: { a: 1 } },
      { ok: true, value: { b: "x\n---\n".replace("\n---", "\n") } },
      { ok: true, value: { c: 3 } },
    ].map((expected, i) => (i === 1 ? parseYaml(documents[1]!) : expected)),
  );
  assert.deepEqual(splitDocuments(""), []);
  assert.deepEqual(
    splitDocuments("a: 1\r\n---\r\nb: 2\r\n").map((d) => parseYaml(d)),
    [
      { ok: true, value: { a: 1 } },
      { ok: true, value: { b: 2 } },
    ],
  );
});

it("reads JSON, merge keys and IPv6 addresses in flow lists", () => {
  const value = (text: string): unknown => {
    const parsed = parseYaml({ text, line: 1 });
    return parsed.ok ? parsed.value : parsed;
  };
  assert.deepEqual(value('{"a": [1]}'), { a: [1] });
  assert.deepEqual(value("{a: [1]}"), { a: [1] });
  assert.deepEqual(value("x: &x {a: 1}\ny: {<<: *x, b: 2}"), { x: { a: 1 }, y: { a: 1, b: 2 } });
  assert.deepEqual(value("a: [2001:db8::, ::, {b: }]"), { a: ["2001:db8::", "::", { b: null }] });
});

it("names the line of an error", () => {
  const parsed = parseYaml({ text: "a: 1\nb: {\n", line: 10 });
  assert.ok(!parsed.ok);
  assert.ok(parsed.line >= 11);
  const twice = parseYaml({ text: "a: 1\na: 2\n", line: 1 });
  assert.deepEqual(twice, { ok: false, line: 2, reason: "Map keys must be unique" });
});

it("finds the lines of fields, or of what is around them", () => {
  const line = fieldLocator({ text: "---\na:\n  b:\n  - c: 1\n  - d: &x\n      e.f: 2\n  g: *x\n", line: 5 });
  for (const [field, expected] of [
    ["", 6],
    ["a", 6],
    ["a.b[0].c", 8],
    ["a.b[1].d", 9],
    ['a.b[1].d["e.f"]', 10],
    ['a.g["e.f"]', 10],
    ["a.b[7].x", 7],
    ["z", 6],
  ] as const) {
    assert.equal(line(field), expected, field);
  }
  assert.deepEqual(fieldSteps('a[0].b["c\\".d"]'), ["a", 0, "b", 'c".d']);
});
