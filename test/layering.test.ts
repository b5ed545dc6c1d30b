// The check of layers finds what it is there for, in a tree with one planted fault of each sort.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { repositoryRoot } from "./support/repository.ts";

const CHECK = path.join(repositoryRoot(), "test/layering.mjs");

/** What the check says of one file in an otherwise empty tree. */
function check(name: string, text: string): string {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), "mizzen-layering-"));
  try {
    fs.mkdirSync(path.join(root, path.dirname(name)), { recursive: true });
    fs.writeFileSync(path.join(root, name), text);
    execFileSync(process.execPath, [CHECK, root], { stdio: ["ignore", "pipe", "pipe"], encoding: "utf8" });
    return "";
  } catch (error) {
    return (error as { stderr: string }).stderr.trim();
  } finally {
    fs.rmSync(root, { recursive: true, force: true });
  }
}

const HEADER = "// A file.\n";
const FAULTS: readonly (readonly [string, string, RegExp])[] = [
  ["src/shared/a.ts", 'import { x } from "../main/b.ts";\n', /imports neither main nor workers/],
  ["src/shared/a.ts", 'import fs from "node:fs";\n', /no I\/O/],
  ["src/workers/encode/a.ts", 'import { x } from "../../main/b.ts";\n', /workers import only src\/shared/],
  ["src/workers/generators/clusters/a.ts", 'import { x } from "../routes/b.ts";\n', /never import one another/],
  ["src/workers/scope/a.ts", 'import { x } from "../generators/b.ts";\n', /must not import/],
  ["src/main/registry/a.ts", 'import { x } from "../../workers/b.ts";\n', /through the pool/],
  ["src/main/registry/a.ts", 'import { x } from "../streams/b.ts";\n', /must not import src\/main\/streams/],
  ["src/main/push/a.ts", 'import { Piscina } from "piscina";\n', /piscina is imported only by/],
  ["src/workers/a.ts", 'const pprof = await import("@datadog/pprof");\n', /is imported only by src\/shared\/profiling/],
  ["src/shared/a.ts", 'import { createRequire } from "node:module";\n', /no I\/O/],
  ["src/main/push/a.ts", "const e = process.env.HOME;\n", /process\.env/],
  ["src/workers/encode/a.ts", "const t = Date.now();\n", /time is an argument/],
  ["src/shared/a.ts", "const r = Math.random();\n", /must not be random/],
  ["src/shared/a.ts", 'export * from "./b.ts";\n', /no re-exports/],
  ["src/main/unheard/a.ts", 'import { x } from "../push/b.ts";\n', /not in the table/],
];

for (const [file, text, expected] of FAULTS) {
  test(`${file}: ${text.trim()}`, () => assert.match(check(file, HEADER + text), expected));
}

test("what is allowed passes", () => {
  assert.equal(check("src/main/push/a.ts", `${HEADER}import type { R } from "../registry/registry.ts";\n`), "");
  assert.equal(check("src/workers/generators/clusters/a.ts", `${HEADER}import { x } from "./b.ts";\n`), "");
  assert.equal(
    check("src/shared/a.ts", `${HEADER}const text = "Date.now() in a text"; // Date.now() in a comment\n`),
    "",
  );
});

test("files that are too long, or don't say what they are", () => {
  assert.match(check("src/shared/a.ts", "export const a = 1;\n"), /opens with a comment/);
  assert.match(check("src/shared/a.ts", HEADER + "export {};\n".repeat(600)), /601 lines/);
});
