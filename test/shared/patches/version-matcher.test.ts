// Versions that patches ask for: the library is loaded late, each expression compiled once.
import assert from "node:assert/strict";
import { test } from "node:test";
import { RE2JS } from "re2js";
import { versionMatcher } from "../../../src/shared/patches/version-matcher.ts";

test("an expression matches anywhere, is compiled once, and only when a version is asked about", () => {
  const compiled: string[] = [];
  const matches = versionMatcher(() => ({
    compile(expression) {
      compiled.push(expression);
      return RE2JS.compile(expression);
    },
  }));
  assert.deepEqual(compiled, []);
  assert.equal(matches("^1\\.28", "1.28.3"), true);
  assert.equal(matches("^1\\.28", "1.29.0"), false);
  assert.equal(matches("29", "1.29.0"), true);
  assert.deepEqual(compiled, ["^1\\.28", "29"]);
});
