// Runs a suite of the built tests and ends with one line, `SUITE: N passed, N failed, N skipped`, that .ci/run sums up.
//   node test/run.mjs unit|e2e [PART OF A PATH …]
//   node test/run.mjs conformance [GROUP | GROUP/SCENARIO …]
import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { fileURLToPath } from "node:url";

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), "..");
const built = path.join(root, "dist/test");
const FILE_TIMEOUT_MS = { unit: 120_000, e2e: 300_000 };

/** Built tests whose source is still there: a deleted test's output stays in dist. */
function testFiles(suite, parts) {
  if (!fs.existsSync(built)) return [];
  return fs
    .readdirSync(built, { recursive: true })
    .filter((name) => name.endsWith(".test.js"))
    .filter((name) => name.startsWith(`e2e${path.sep}`) === (suite === "e2e"))
    .filter((name) => fs.existsSync(path.join(root, "test", name.replace(/\.js$/, ".ts"))))
    .filter((name) => parts.length === 0 || parts.some((part) => name.includes(part)))
    .sort()
    .map((name) => path.join(built, name));
}

/** Runs files one by one for e2e (they share Envoys' fixed ports and the CPU), else as many at once as there are cores. */
async function runTests(suite, parts) {
  const files = testFiles(suite, parts);
  if (files.length === 0) {
    console.error(`${suite}: no built tests found${parts.length ? ` for ${parts.join(" ")}` : ""}; run make build`);
    return 1;
  }
  const counts = { pass: 0, fail: 0, cancelled: 0, skipped: 0 };
  const stream = run({ files, concurrency: suite === "unit", timeout: FILE_TIMEOUT_MS[suite] });
  stream.on("test:diagnostic", ({ nesting, message }) => {
    const match = nesting === 0 ? /^(pass|fail|cancelled|skipped) (\d+)$/.exec(message) : null;
    if (match) counts[match[1]] = Number(match[2]);
  });
  const reporter = typeof spec === "function" && spec.prototype ? new spec() : spec;
  stream.compose(reporter).pipe(process.stdout, { end: false });
  await new Promise((resolve) => stream.once("end", resolve));
  // The reporter writes its summary after the stream's end.
  await new Promise((resolve) => setImmediate(resolve));
  const failed = counts.fail + counts.cancelled;
  console.log(`${suite}: ${counts.pass} passed, ${failed} failed, ${counts.skipped} skipped`);
  return failed === 0 && counts.pass > 0 ? 0 : 1;
}

/** The conformance programs print their own last lines. */
async function runConformance(args) {
  let code = 0;
  const only = args.filter((arg) => !arg.startsWith("-"));
  for (const program of ["validation.js", "authz.js", "golden.js"]) {
    if (program !== "golden.js" && only.some((arg) => arg !== "all")) continue;
    const child = spawn(process.execPath, [path.join(built, "conformance", program), ...args], {
      cwd: root,
      stdio: "inherit",
    });
    const status = await new Promise((resolve) => child.once("exit", (exit) => resolve(exit ?? 1)));
    if (status !== 0) code = 1;
  }
  return code;
}

const [suite, ...rest] = process.argv.slice(2);
if (suite === "unit" || suite === "e2e") process.exitCode = await runTests(suite, rest);
else if (suite === "conformance") process.exitCode = await runConformance(rest);
else {
  console.error("usage: node test/run.mjs unit|e2e|conformance [WHICH …]");
  process.exitCode = 2;
}
