// Builds another revision of this repository in a temporary worktree.
import { execFileSync, spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { own } from "../lib/owned.ts";

export interface BuiltRevision {
  /** The compiled entry of the control plane. */
  readonly main: string;
  /** Removes the worktree. */
  remove(): void;
}

/** Of this tree: dist/bench/run is three folders down. */
const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

/** Throws when there is no such revision, or it can't be built. */
export async function buildRevision(revision: string, say: (line: string) => void): Promise<BuiltRevision> {
  const commit = git("rev-parse", "--verify", `${revision}^{commit}`).trim();
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "mizzen-base-"));
  const tree = path.join(folder, "tree");
  const remove = own(() => {
    if (fs.existsSync(tree)) git("worktree", "remove", "--force", tree);
    fs.rmSync(folder, { recursive: true, force: true });
  });
  say(`building ${revision} (${commit.slice(0, 10)})`);
  git("worktree", "add", "--detach", tree, commit);
  if (sameFile("package-lock.json", tree)) {
    fs.symlinkSync(path.join(ROOT, "node_modules"), path.join(tree, "node_modules"));
  } else {
    await run("npm", ["ci", "--no-audit", "--no-fund", "--silent"], tree);
  }
  await run("npm", ["run", "--silent", "gen"], tree);
  await run("npm", ["run", "--silent", "build"], tree);
  return { main: path.join(tree, "dist/src/main/main.js"), remove };
}

function git(...args: string[]): string {
  return execFileSync("git", ["-C", ROOT, ...args], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

function sameFile(name: string, tree: string): boolean {
  return fs.readFileSync(path.join(ROOT, name)).equals(fs.readFileSync(path.join(tree, name)));
}

/** Not synchronous, so that Ctrl-C is heeded while it runs. What it prints goes to stderr. */
function run(command: string, args: readonly string[], cwd: string): Promise<void> {
  const child = spawn(command, args, { cwd, stdio: ["ignore", process.stderr, process.stderr] });
  const release = own(() => child.kill("SIGKILL"));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => {
      release();
      if (code === 0) resolve();
      else reject(new Error(`${command} ${args.join(" ")} ended with status ${code}`));
    });
  });
}
