// The neutral probe of ../shared that dumps a control plane's answers and compares dumps.
import { execFile, execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

/** What `xdsprobe diff --json` says, as far as it is used here. */
export interface DiffReport {
  readonly equal: boolean;
  readonly types: readonly TypeReport[];
  readonly total: TypeReport;
  readonly groups?: readonly { readonly pattern: string; readonly kind: string; readonly count: number }[];
}

export interface TypeReport {
  readonly type: string;
  readonly golden: number;
  readonly equal: number;
  readonly leaves: { readonly equal: number; readonly goldenOnly: number; readonly actualOnly: number };
}

export interface ProgramResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The probe's binary, built when there is none yet; undefined where that can't be done, with the reason printed. */
export function findXdsprobe(shared: string): string | undefined {
  const cache = process.env.XDG_CACHE_HOME || path.join(os.homedir(), ".cache");
  const binary = process.env.XDSPROBE_BIN || path.join(cache, "xdsprobe/xdsprobe");
  if (fs.existsSync(binary)) return binary;
  const build = path.join(shared, "tools/xdsprobe/build.sh");
  if (!fs.existsSync(build)) return undefined;
  console.log("building xdsprobe, which takes some minutes the first time …");
  return execFileSync(build, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] }).trim();
}

/** Runs the probe; its exit status is part of the result and no error. */
export function runXdsprobe(binary: string, args: readonly string[]): Promise<ProgramResult> {
  return new Promise((resolve, reject) => {
    execFile(binary, args, { maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      if (error && typeof error.code !== "number") reject(error);
      else resolve({ code: (error?.code as number | undefined) ?? 0, stdout, stderr });
    });
  });
}
