// What a run was made on.
import { execFileSync } from "node:child_process";
import os from "node:os";

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly node: string;
  readonly system: string;
  /** Of this tree; with "+" when files differ from it. */
  readonly revision: string;
  /** The load average of the last minute, before and after. */
  readonly loadBefore: number;
  readonly loadAfter: number;
}

/** Call it first; the function it gives, last. */
export function describeMachine(): () => Machine {
  const loadBefore = os.loadavg()[0]!;
  const revision = revisionHere();
  return () => ({
    cpu: os.cpus()[0]?.model ?? "unknown",
    cores: os.availableParallelism(),
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    node: process.version,
    system: `${os.type()} ${os.release()}`,
    revision,
    loadBefore,
    loadAfter: os.loadavg()[0]!,
  });
}

export function machineLine(machine: Machine): string {
  const { cpu, cores, memoryGiB, node, revision, loadBefore, loadAfter } = machine;
  const load = `load average ${loadBefore.toFixed(2)} before, ${loadAfter.toFixed(2)} after`;
  return `${cpu}, ${cores} cores, ${memoryGiB} GiB, Node ${node}, revision ${revision}; ${load}`;
}

/** "unknown" outside of a git repository. */
function revisionHere(): string {
  try {
    const git = (...args: string[]): string =>
      execFileSync("git", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
    return git("rev-parse", "--short", "HEAD") + (git("status", "--porcelain", "--untracked-files=no") ? "+" : "");
  } catch {
    // Sources without git are fine too.
    return "unknown";
  }
}
