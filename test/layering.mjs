// Who may import whom, and what is banned where: the architecture as a check. `npm run lint` runs it.
//   node test/layering.mjs [ROOT]
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const MAX_LINES = 600;

/** Folders under src/main, and the others that each may import. "*" is for those that put the parts together. */
const MAIN = {
  "main.ts": "*",
  "control-plane.ts": "*",
  cli: "*",
  demo: "*",
  admin: ["config", "telemetry", "registry", "push", "streams", "pool", "cache", "sources", "validation", "debounce"],
  streams: ["cache", "pool", "push", "telemetry", "config"],
  pool: ["push", "telemetry"],
  push: ["registry", "cache", "pool", "telemetry", "debounce"],
  debounce: ["telemetry"],
  registry: ["telemetry"],
  cache: [],
  sources: ["config", "telemetry", "validation"],
  config: ["telemetry", "validation"],
  validation: ["config", "sources"],
  telemetry: [],
};

/** Folders under src/workers; `generators` is refined below. */
const WORKERS = {
  encode: [],
  context: ["encode"],
  scope: ["context", "encode"],
  endpoints: ["scope", "context", "encode"],
  routing: ["endpoints", "scope", "context", "encode"],
  filters: ["routing", "endpoints", "scope", "context", "encode"],
  patches: ["context", "encode"],
  generators: ["patches", "filters", "routing", "endpoints", "scope", "context", "encode"],
};

/** What only these folders may import. */
const PACKAGES = {
  piscina: ["src/main/pool/", "src/workers/worker.ts"],
  "@grpc/grpc-js": ["src/main/streams/", "src/main/control-plane.ts"],
  "@kubernetes/client-node": ["src/main/sources/kube/"],
  "prom-client": ["src/main/telemetry/", "src/main/admin/"],
  "@datadog/pprof": ["src/shared/profiling/"],
  "pprof-format": ["src/main/admin/"],
  pino: ["src/main/telemetry/"],
  commander: ["src/main/"],
  chokidar: ["src/main/"],
};

/** Packages and Node modules that code on every thread may use; the rest of Node means I/O or timers. */
const SHARED_PACKAGES = new Set([
  "protobufjs/minimal.js",
  "xxhash-wasm",
  "ipaddr.js",
  "node:util",
  "node:crypto",
  "node:buffer",
]);

/** Where src/shared looks at the thread that it runs on, and what it may use for that. */
const SHARED_SAMPLER = { folder: "src/shared/profiling/", packages: new Set(["node:module", "@datadog/pprof"]) };

/** Calls that make results depend on more than their input. */
const BANNED = [
  {
    pattern: /\bDate\.now\b|\bnew Date\(\)/,
    why: "time is an argument here, so that the same input gives the same bytes",
  },
  { pattern: /\bMath\.random\b/, why: "results must not be random" },
  { pattern: /\bconsole\s*\./, why: "workers answer with data; the main thread logs" },
  { pattern: /\bprocess\.env\b/, why: "settings come with the snapshot or the view, not from the environment" },
  { pattern: /\bset(Timeout|Interval|Immediate)\s*\(/, why: "no timers here: work runs when it is asked for" },
];

/** The only readers of the environment. */
const ENVIRONMENT = ["src/main/config/", "src/main/cli/", "src/main/demo/", "src/main/main.ts"];

/** All problems of a tree, as `file:line: what is wrong`. */
export function checkTree(root) {
  const src = path.join(root, "src");
  const files = fs
    .readdirSync(src, { recursive: true })
    .map((name) => `src/${name.split(path.sep).join("/")}`)
    .filter((name) => name.endsWith(".ts") && !name.startsWith("src/shared/gen/"))
    .sort();
  return files.flatMap((file) => checkFile(file, fs.readFileSync(path.join(root, file), "utf8")));
}

function checkFile(file, text) {
  const problems = [];
  const say = (line, what) => problems.push(`${file}:${line}: ${what}`);
  const lines = text.split("\n");
  const count = text.endsWith("\n") ? lines.length - 1 : lines.length;
  if (count > MAX_LINES) say(1, `${count} lines, more than ${MAX_LINES}: split it by subject`);
  if (!/^(#!.*\n)?\/[/*]/.test(text))
    say(1, "a file opens with a comment that says what it owns and which thread runs it");
  if (path.basename(file) === "index.ts") say(1, "no index.ts: import the module that has it");
  for (const { specifier, line } of imports(text)) {
    const problem = checkImport(file, specifier);
    if (problem) say(line, problem);
  }
  lines.forEach((raw, index) => {
    const code = raw.replace(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/g, '""').replace(/\/\/.*$|^\s*\*.*$/, "");
    if (/^export\s+(type\s+)?(\*|\{[^}]*\}\s*from\b)/.test(code))
      say(index + 1, "no re-exports: import from where it is");
    if (!file.startsWith("src/main/")) {
      for (const { pattern, why } of BANNED)
        if (pattern.test(code)) say(index + 1, `${code.match(pattern)[0]}: ${why}`);
    } else if (/\bprocess\.env\b/.test(code) && !within(file, ENVIRONMENT)) {
      say(index + 1, `process.env: only ${ENVIRONMENT.join(", ")} read the environment`);
    }
  });
  return problems;
}

/** Static and dynamic imports, types too, with their lines. */
function* imports(text) {
  for (const match of text.matchAll(/(?:\bfrom\s+|\bimport\s+|\bimport\(\s*)"([^"]+)"/g)) {
    const before = text.slice(0, match.index);
    if (/(^|\n)\s*(\/\/|\*)[^\n]*$/.test(before)) continue;
    yield { specifier: match[1], line: before.split("\n").length };
  }
}

function checkImport(file, specifier) {
  if (!specifier.startsWith(".")) return checkPackage(file, specifier);
  const target = path.posix.join(path.posix.dirname(file), specifier);
  const [, side, ...from] = file.split("/");
  const [top, toSide, ...to] = target.split("/");
  if (top !== "src") return `${specifier}: src imports nothing from outside of src`;
  if (toSide === "shared") return undefined;
  if (side === "shared") return `${specifier}: src/shared imports neither main nor workers`;
  if (side === "workers" && toSide === "main") return `${specifier}: workers import only src/shared`;
  if (side === "main" && toSide === "workers")
    return `${specifier}: main reaches workers through the pool only, by URL`;
  return side === "main" ? checkMain(from[0], to[0]) : checkWorkers(from, to);
}

function checkMain(from, to) {
  if (from === to) return undefined;
  const allowed = MAIN[from];
  if (allowed === undefined)
    return `src/main/${from} is not in the table of test/layering.mjs: say there what it may import`;
  return allowed === "*" || allowed.includes(to) ? undefined : `src/main/${from} must not import src/main/${to}`;
}

function checkWorkers(from, to) {
  const allowed = WORKERS[from[0]];
  // worker.ts and what stands beside it puts the parts together.
  if (from.length === 1) return undefined;
  if (to.length === 1 && from[0] !== to[0]) return `src/workers/${from[0]} must not import src/workers/${to[0]}`;
  if (allowed === undefined)
    return `src/workers/${from[0]} is not in the table of test/layering.mjs: say there what it may import`;
  if (from[0] === "generators" && to[0] === "generators") {
    const own = from.length > 2 ? from[1] : undefined;
    return own !== undefined && own !== to[1] && to.length > 2
      ? `generators never import one another: ${own} imports ${to[1]}`
      : undefined;
  }
  return from[0] === to[0] || allowed.includes(to[0])
    ? undefined
    : `src/workers/${from[0]} must not import src/workers/${to[0]}`;
}

function checkPackage(file, specifier) {
  const name = specifier.startsWith("@") ? specifier.split("/").slice(0, 2).join("/") : specifier.split("/")[0];
  if (PACKAGES[name] && !within(file, PACKAGES[name]))
    return `${name} is imported only by ${PACKAGES[name].join(", ")}`;
  const sampler = within(file, [SHARED_SAMPLER.folder]) && SHARED_SAMPLER.packages.has(specifier);
  if (file.startsWith("src/shared/") && !SHARED_PACKAGES.has(specifier) && !sampler)
    return `${specifier}: not for src/shared, which has no I/O`;
  return undefined;
}

function within(file, places) {
  return places.some((place) => (place.endsWith("/") ? file.startsWith(place) : file === place));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = process.argv[2] ?? path.join(path.dirname(fileURLToPath(import.meta.url)), "..");
  const problems = checkTree(root);
  for (const problem of problems) console.error(problem);
  console.log(`layering: ${problems.length === 0 ? "in order" : `${problems.length} problems`}`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
